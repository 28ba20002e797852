"""How a guard says no: the four causes of a 401, the 403 and the 503 (RFC 6750 §3).

    Refusal
    ├── MissingToken       401 unauthorized     no usable Authorization header
    ├── MalformedToken     401 invalid_token    cut, changed, another's, for another API
    ├── ExpiredToken       401 invalid_token
    ├── RevokedToken       401 invalid_token
    ├── MissingScope       403 insufficient_scope
    └── Unavailable        503 service_unavailable: what must be known cannot be known now

Status, body and challenge are word for word those of Flextell's own API, so that an app needs no
second way to read them. Each message says how to resolve it.
"""

import json
from dataclasses import dataclass
from typing import ClassVar

from flextell_sdk.errors import FlextellError

RETRY_SECONDS = 2

Headers = tuple[tuple[str, str], ...]

_COMMON: Headers = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)


class Refusal(FlextellError):
    """The request may not pass.

    `error` is what the body says, `challenge_error` what the WWW-Authenticate header says, which
    has none for a request that made no attempt (RFC 6750 §3.1).
    """

    status: ClassVar[int] = 401
    error: ClassVar[str] = "invalid_token"
    challenge_error: ClassVar[str | None] = "invalid_token"
    text: ClassVar[str] = ""
    scope: str | None = None

    def __init__(self, message: str = "") -> None:
        self.message = message or self.text
        super().__init__(self.message)


class MissingToken(Refusal):
    """No Authorization header, or one of another scheme."""

    error = "unauthorized"
    challenge_error = None
    text = "The access token is missing. Send it in the header Authorization: Bearer ACCESS_TOKEN."


class MalformedToken(Refusal):
    """The token is none that the server made for this API: cut short, changed, another's."""

    text = (
        "The access token is malformed. Send the whole token exactly as it was received, "
        "once, without quotes or white space."
    )


class ExpiredToken(Refusal):
    """The token's time is over."""

    text = (
        "The access token has expired. "
        "Get a new one from the token endpoint with the refresh token."
    )


class RevokedToken(Refusal):
    """The person or the client took it back."""

    text = "The access token was revoked. Send the person through the authorization flow again."


class MissingScope(Refusal):
    """The token is good, but not for this."""

    status = 403
    error = "insufficient_scope"
    challenge_error = "insufficient_scope"

    def __init__(self, any_of: tuple[str, ...]) -> None:
        super().__init__(
            f"The access token lacks the scope {' or '.join(any_of)}. "
            "Ask for it in a new authorization request."
        )
        # One that is enough; a list of them would say that all are needed (RFC 6750 §3).
        self.scope = any_of[0]


class Unavailable(Refusal):
    """Whether the token is good cannot be told now, and it is not guessed (RFC 9110 §15.6.4)."""

    status = 503
    error = "service_unavailable"
    text = "The data cannot be reached right now. Try again in a few seconds."


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal, ready to send: header names are in lower case."""

    status: int
    headers: Headers
    body: bytes


def answer(refusal: Refusal, realm: str) -> Answer:
    """The refusal as it goes over the wire."""
    own = (
        ("retry-after", str(RETRY_SECONDS))
        if isinstance(refusal, Unavailable)
        else ("www-authenticate", challenge(refusal, realm))
    )
    said = {"error": refusal.error, "message": refusal.message}
    body = json.dumps(said, separators=(",", ":")).encode("ascii")
    return Answer(refusal.status, (*_COMMON, own), body)


def challenge(refusal: Refusal, realm: str) -> str:
    """The WWW-Authenticate header of a 401 or 403 (RFC 6750 §3)."""
    parts = [f'Bearer realm="{realm}"']
    if refusal.challenge_error:
        parts.append(f'error="{refusal.challenge_error}"')
        parts.append(f'error_description="{refusal.message}"')
    if refusal.scope:
        parts.append(f'scope="{refusal.scope}"')
    return ", ".join(parts)
