"""Bearer tokens at a protected resource: the four causes of a 401, and the 403 (RFC 6750).

    BearerRefusal
    ├── MissingToken       401 unauthorized     no usable Authorization header
    ├── MalformedBearer    401 invalid_token    cut, padded, not ours
    ├── ExpiredBearer      401 invalid_token
    ├── RevokedBearer      401 invalid_token
    └── InsufficientScope  403 insufficient_scope

Each message says how to resolve it. `error` is what the body says; `challenge_error` what the
WWW-Authenticate header says, which has none for a request that made no attempt (§3.1).
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from flextell.oauth import protected_resource
from flextell.oauth.model import Scopes

MAXIMUM_TOKEN_CHARACTERS = 8192

# b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 §2.1)
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class BearerRefusal(Exception):
    """The token does not open this door."""

    status: ClassVar[int] = 401
    error: ClassVar[str] = "invalid_token"
    challenge_error: ClassVar[str | None] = "invalid_token"
    message: str
    scope: str | None = None


class MissingToken(BearerRefusal):
    """No Authorization header, or one of another scheme."""

    error = "unauthorized"
    challenge_error = None
    message = (
        "The access token is missing. Send it in the header Authorization: Bearer ACCESS_TOKEN."
    )


class MalformedBearer(BearerRefusal):
    """The token is not one that we made: cut short, changed, with extra white space."""

    message = (
        "The access token is malformed. Send the whole token exactly as it was received, "
        "once, without quotes or white space."
    )


class ExpiredBearer(BearerRefusal):
    """The token's hour is over."""

    message = (
        "The access token has expired. "
        "Get a new one from the token endpoint with the refresh token."
    )


class RevokedBearer(BearerRefusal):
    """The person or the client took it back."""

    message = "The access token was revoked. Send the person through the authorization flow again."


class InsufficientScope(BearerRefusal):
    """The token is good, but not for this."""

    status = 403
    error = "insufficient_scope"
    challenge_error = "insufficient_scope"

    def __init__(self, needed: Iterable[str]) -> None:
        needed = tuple(needed)
        super().__init__()
        # One that is enough; a list of them would say that all are needed (RFC 6750 §3).
        self.scope = needed[0]
        self.message = (
            f"The access token lacks the scope {' or '.join(needed)}. "
            "Ask for it in a new authorization request."
        )


def token_in(authorization: list[str]) -> str:
    """The token of a request's Authorization headers. Raises MissingToken or MalformedBearer."""
    if not authorization:
        raise MissingToken
    if len(authorization) > 1:
        raise MalformedBearer
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not token:
        # The word alone is no attempt either: there is nothing in it to judge.
        raise MissingToken
    if len(token) > MAXIMUM_TOKEN_CHARACTERS or not _B64TOKEN.fullmatch(token):
        raise MalformedBearer
    return token


def need_scope(have: Scopes, any_of: tuple[str, ...]) -> None:
    """Raises InsufficientScope unless one of the scopes was granted; none needed is enough."""
    if any_of and not any(scope in have for scope in any_of):
        raise InsufficientScope(any_of)


def challenge(refusal: BearerRefusal, issuer: str) -> str:
    """The WWW-Authenticate header of a refusal (RFC 6750 §3, RFC 9728 §5.1)."""
    parts = [
        f'Bearer realm="{issuer}"',
        f'resource_metadata="{issuer}{protected_resource.METADATA_PATH}"',
    ]
    if refusal.challenge_error:
        parts.append(f'error="{refusal.challenge_error}"')
        parts.append(f'error_description="{refusal.message}"')
    if refusal.scope:
        parts.append(f'scope="{refusal.scope}"')
    return ", ".join(parts)
