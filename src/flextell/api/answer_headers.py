"""The headers of answers as the OpenAPI document has them; those `required` are always there."""

from collections.abc import Mapping
from typing import Any

from flextell.api.routes import TABLE
from flextell.api.row import Row

_READ: Mapping[str, Row] = {row.path: row for row in TABLE if row.method == "GET"}
# The paths below which things are read one by one, by their number.
_SHELVES = {path.rpartition("/")[0] for path in _READ if path.endswith("}")}


def _header(description: str, kind: str = "integer", *, required: bool = True) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": {"type": kind}}


EVERY_HEADER = {
    "X-RateLimit-Limit": _header("Requests allowed in the window."),
    "X-RateLimit-Remaining": _header("Requests left in the window."),
    "X-RateLimit-Reset": _header("Unix time at which the window ends."),
    "Request-Id": _header("Names this answer; quote it in a report.", "string"),
}
CHALLENGE = {"WWW-Authenticate": _header("The challenge (RFC 6750).", "string")}
PERHAPS_CHALLENGE = {
    "WWW-Authenticate": _header(
        "The challenge (RFC 6750), where the token lacks a scope.", "string", required=False
    )
}
ETAG = {"ETag": _header("What If-Match and If-None-Match name.", "string")}
LOCATION = {"Location": _header("Where the new thing is.", "string")}
RETRY = {"Retry-After": _header("Seconds to wait.")}


def takes_if_match(row: Row) -> bool:
    """Whether it changes something that has an ETag to be named."""
    return row.method in ("PUT", "DELETE") and row.path in _READ and _READ[row.path].single


def of_success(row: Row) -> dict[str, Any]:
    """The headers of what a row answers when it did what it was asked."""
    headers = dict(EVERY_HEADER)
    if row.single or row.shows_what(_READ.get(row.path)):
        headers |= ETAG
    if row.status == 201 and row.path in _SHELVES:
        headers |= LOCATION
    return headers
