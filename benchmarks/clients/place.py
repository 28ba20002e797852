"""What a client is told of a server, and what a call of it may end with."""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from httpx2 import Client

from tests.peers import oidc_pages
from tests.peers.visitor import Visitor
from tests.together.server import ALICE, PASSWORD

TOKEN_SECONDS = 4
# Of every client alike, for every request.
TIMEOUT_SECONDS = 1.0
# Some clients refresh minutes before a token is over, by a number that suits tokens of an hour.
# Ours here live for seconds: where there is such a number, it is this.
EARLY_SECONDS = 1


class Lost(Exception):
    """The person has to sign in again; says why."""


class Failed(Exception):
    """The call got an answer that is not the one it needs; says which."""


REFUSED, TORN = "invalid_grant", "the file is torn"


@dataclass(frozen=True, slots=True)
class Place:
    """A server and an app that is registered there. `api` is the one address that is called."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    api: str
    client_id: str
    client_secret: str
    redirect_uri: str
    scope: str
    ca_file: Path
    pages: Literal["ours", "oidc-provider"]

    def visit(self, url: str) -> str:
        """Alice opens the address and allows the app; where her browser is sent back to."""
        if self.pages == "oidc-provider":
            return oidc_pages.visit(self.issuer, self.ca_file, url)
        with Client(verify=ssl.create_default_context(cafile=self.ca_file)) as browser:
            return Visitor(browser, self.issuer, ALICE, PASSWORD).visit(url)


def check(status: int, body: bytes | str) -> None:
    """Raises Failed unless it is a success with the JSON object that belongs to it."""
    if status != 200:
        raise Failed(str(status))
    try:
        found = json.loads(body)
    except ValueError:
        raise Failed("unreadable") from None
    if not isinstance(found, dict):
        raise Failed("unreadable")
