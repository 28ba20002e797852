"""Bytes of JSON, made once; times as RFC 3339 in UTC with `Z` (wire §c.7, §e 26)."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import orjson

CONTENT_TYPE = b"application/json"


# A time of ours, in seconds, ready to be encoded. No function: a page of a list has two hundred.
moment: Callable[[int], datetime] = partial(datetime.fromtimestamp, tz=UTC)


def moment_or_none(seconds: int | None) -> datetime | None:
    """The same for a time that may be absent."""
    return None if seconds is None else moment(seconds)


def encode(value: object) -> bytes:
    """The bytes of a body."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)
