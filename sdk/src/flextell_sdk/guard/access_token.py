"""Access tokens: taken apart, verified, and read (RFC 9068 §4, RFC 7515 §5.2, RFC 8725 §3)."""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from flextell_sdk.guard.caller import Caller
from flextell_sdk.guard.keys import ALGORITHMS, VerifyingKey
from flextell_sdk.guard.refusals import MalformedToken

TYPES = frozenset({"at+jwt", "application/at+jwt"})
# For `nbf` alone: a server whose clock is ahead must not make tokens that nobody takes. None for
# `exp`: an app gets a new token a little too early, and that is all.
CLOCK_LEEWAY_SECONDS = 5.0

# RFC 9068 §2.2: all of them are REQUIRED.
_TEXTS = ("iss", "sub", "client_id", "jti")
_TIMES = ("exp", "iat")


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token taken apart. Nothing in it may be believed before `caller_of` checked it."""

    kid: str | None
    algorithm: str
    message: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def take_apart(token: str) -> Unverified:
    """The parts of a compact JWS that calls itself an access token. Raises MalformedToken."""
    parts = token.split(".")
    if len(parts) != 3:
        raise MalformedToken
    header = _object(_decoded(parts[0]))
    kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise MalformedToken
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise MalformedToken
    # Extensions that must be understood, and are not here (RFC 7515 §4.1.11).
    if "crit" in header or not isinstance(kid, str | None):
        raise MalformedToken
    return Unverified(
        kid=kid,
        algorithm=algorithm,
        message=f"{parts[0]}.{parts[1]}".encode("ascii"),
        payload=_decoded(parts[1]),
        signature=_decoded(parts[2]),
    )


def caller_of(
    token: Unverified, key: VerifyingKey, issuer: str, audience: str, now: float
) -> Caller:
    """Who the token speaks of, if the key signed it for this API. Raises MalformedToken.

    Its `exp` is not looked at: whether a token has expired is asked again and again.
    """
    if not key.verifies(token.message, token.signature):
        raise MalformedToken
    claims = _object(token.payload)
    _check_form(claims)
    if claims["iss"] != issuer or audience not in _audiences(claims):
        raise MalformedToken
    if now < claims.get("nbf", now) - CLOCK_LEEWAY_SECONDS:
        raise MalformedToken
    return Caller(
        subject=claims["sub"],
        client_id=claims["client_id"],
        scopes=frozenset(claims.get("scope", "").split()),
        jti=claims["jti"],
        expires_at=claims["exp"],
        claims=MappingProxyType(claims),
    )


def _check_form(claims: Mapping[str, Any]) -> None:
    """Every claim that is read is there and of its kind (RFC 9068 §2.2)."""
    texts = all(isinstance(claims.get(name), str) and claims[name] for name in _TEXTS)
    times = all(_is_time(claims.get(name)) for name in _TIMES)
    if not texts or not times or not _is_time(claims.get("nbf", 0)):
        raise MalformedToken
    if not isinstance(claims.get("scope", ""), str):
        raise MalformedToken


def _is_time(value: object) -> bool:
    """NumericDate (RFC 7519 §2). What is not finite would never be over."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _audiences(claims: Mapping[str, Any]) -> list[object]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _decoded(text: str) -> bytes:
    """Base64url in its one canonical form, so that one token is not many texts."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise MalformedToken from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != text:
        raise MalformedToken
    return data


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise MalformedToken from None
    if not isinstance(found, dict):
        raise MalformedToken
    return found
