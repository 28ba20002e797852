"""What a guard asks the server, and what the answers mean.

Metadata (RFC 8414 §3), the key set (RFC 7517 §5), the revocation feed, introspection (RFC 7662).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from flextell_sdk import token_endpoint
from flextell_sdk.errors import ServerMisconfigured, Unreachable
from flextell_sdk.patience import ONCE
from flextell_sdk.server import Server, metadata_urls, read_metadata
from flextell_sdk.token_endpoint import Heard
from flextell_sdk.wire import Wire

Json = dict[str, Any]
T = TypeVar("T")

# How long the key set is kept: as its Cache-Control says, within bounds (RFC 9111 §5.2.2.1).
KEYS_SECONDS = 300.0
KEYS_SECONDS_BETWEEN = (60.0, 3600.0)

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?([0-9]{1,9})", re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])", re.IGNORECASE)


def metadata(wire: Wire) -> Server:
    """What the server says of itself. Raises Unreachable, ServerMisconfigured."""
    for url in metadata_urls(wire.app.issuer):
        document = wire.ask(httpx2.Request("GET", url), _document, ONCE)
        if document is not None:
            server = read_metadata(wire.app, document)
            if not server.jwks_uri:
                raise ServerMisconfigured("The server's metadata lacks jwks_uri.")
            return server
    raise ServerMisconfigured("There is no metadata of an authorization server at the issuer.")


def key_set(wire: Wire, server: Server) -> tuple[Json, float]:
    """The JWK Set, and how many seconds it may be kept."""

    def read(heard: Heard) -> tuple[Json, float]:
        document = _document(heard)
        if document is None:
            raise Unreachable(f"The answer was {heard.response.status_code}.")
        return document, seconds_to_keep(heard.response.headers.get("cache-control", ""))

    return wire.ask(httpx2.Request("GET", server.jwks_uri), read, ONCE)


def seconds_to_keep(cache_control: str) -> float:
    """How long an answer with this header is used without a second look."""
    shortest, longest = KEYS_SECONDS_BETWEEN
    if _NOT_KEPT.search(cache_control):
        return shortest
    found = _MAX_AGE.search(cache_control)
    return min(max(float(found[1]), shortest), longest) if found else KEYS_SECONDS


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A part of the revocation feed: what is over, each with the end of the last token of it."""

    names: Mapping[str, int]
    sequence: int
    has_more: bool


def feed_page(wire: Wire, server: Server, since: int) -> FeedPage:
    """The news of revocations after a number, or the first part of it."""
    return _asked(wire, server, server.revocation_feed_endpoint, {"since": str(since)}, _page)


def _page(said: Json) -> FeedPage:
    try:
        names = {str(item["name"]): int(item["expires_at"]) for item in said["revocations"]}
        return FeedPage(names, int(said["sequence"]), said["has_more"] is True)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ServerMisconfigured("The revocation feed's answer is in no form we know.") from None


def is_active(wire: Wire, server: Server, token: str) -> bool:
    """Whether the server would still take the token (RFC 7662 §2)."""
    if not server.introspection_endpoint:
        raise ServerMisconfigured("The server has neither revocation feed nor introspection.")
    fields = {"token": token, "token_type_hint": "access_token"}
    return _asked(
        wire, server, server.introspection_endpoint, fields, lambda said: said.get("active") is True
    )


def _asked(
    wire: Wire, server: Server, url: str, fields: Mapping[str, str], read: Callable[[Json], T]
) -> T:
    request = token_endpoint.form_request(wire.app, server, url, fields)
    return wire.ask(request, lambda heard: read(token_endpoint.json_object(heard.response)), ONCE)


def _document(heard: Heard) -> Json | None:
    """The JSON object of a success; None where there is no document."""
    if not heard.response.is_success:
        return None
    try:
        document = heard.response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Unreachable("The server's answer is not a JSON object.")
    return document
