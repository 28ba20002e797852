"""What was revoked, told to resource servers that check access tokens themselves.

No specification has this: docs/decisions/0012 says what an answer means, for anyone to implement.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from flextell.oauth import introspect
from flextell.oauth.errors import UnauthorizedClient
from flextell.oauth.model import Client

MOST = 1000
"""How many items of news an answer has at the most."""


class Item(Protocol):
    """One item of news, as the store keeps it."""

    @property
    def sequence(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def expires_at(self) -> int: ...


def check_caller(client: Client) -> None:
    """Only who may ask about any token may read of all. Raises InvalidClient, UnauthorizedClient.

    Introspection tells other clients nothing about a token that is not theirs (RFC 7662 §4); here
    there is nothing to tell them.
    """
    introspect.check_caller(client)
    if not client.may_introspect:
        raise UnauthorizedClient("The client is not registered as a resource server.")


def answer(news: Sequence[Item], since: int, now: int) -> dict[str, Any]:
    """The answer for at most `MOST` items after `since`, without those that nobody needs."""
    return {
        "revocations": [
            {"name": item.name, "expires_at": item.expires_at}
            for item in news
            if item.expires_at > now
        ],
        "sequence": news[-1].sequence if news else since,
        "has_more": len(news) >= MOST,
    }
