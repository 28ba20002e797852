"""Where webhooks come in: the path of a channel, and what becomes of what a customer wrote."""

import re
from typing import Literal

from flextell.tenants.model import LARGEST_ID

PATH = "/hooks/channels/"

Fate = Literal["kept", "known", "dropped"]
"""Kept as a message; known from before; or dropped, for the customer is blocked."""

_NUMBER = re.compile(r"[1-9][0-9]{0,18}")


def channel_in(path: str) -> int | None:
    """The number of the channel that a path names."""
    text = path.removeprefix(PATH)
    if not path.startswith(PATH) or not _NUMBER.fullmatch(text):
        return None
    return int(text) if int(text) <= LARGEST_ID else None
