"""Access tokens: what they say, and what makes one good (RFC 9068).

The `jti` is `GRANT.GENERATION`, or `GRANT.GENERATION.SOMETHING` for a token of its own: so a
token tells which grant ends it and which refresh token it came with, without a look-up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flextell.oauth import jwt, scopes
from flextell.oauth.model import Grant, Scopes

TYPE = "at+jwt"


class ExpiredToken(Exception):
    """The token was good once; its `exp` has passed."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What an access token says: proven, if from `verified`; to be signed, if from the rules."""

    jti: str
    subject: str
    client_id: str
    scopes: Scopes
    issued_at: int
    expires_at: int

    @property
    def grant_id(self) -> str:
        """The grant this token lives and dies with."""
        return self.jti.partition(".")[0]

    @property
    def generation(self) -> int:
        """Which refresh token of its grant it came with."""
        return int(self.jti.split(".")[1])


def jti_of(grant_id: str, generation: int, own: str = "") -> str:
    """The name of an access token; `own` sets one apart from the token all retries share."""
    return f"{grant_id}.{generation}.{own}" if own else f"{grant_id}.{generation}"


def for_grant(
    grant: Grant, generation: int, granted: Scopes, issued_at: int, expires_at: int, own: str = ""
) -> AccessToken:
    """The access token that comes with this generation of the grant's refresh token."""
    return AccessToken(
        jti=jti_of(grant.grant_id, generation, own),
        subject=grant.subject,
        client_id=grant.client_id,
        scopes=granted,
        issued_at=issued_at,
        expires_at=expires_at,
    )


def sign(token: AccessToken, key: jwt.SigningKey, issuer: str, audience: str) -> str:
    """The token as it goes over the wire (RFC 9068 §2)."""
    return jwt.sign(
        key,
        TYPE,
        {
            "iss": issuer,
            "sub": token.subject,
            "aud": audience,
            "exp": token.expires_at,
            "iat": token.issued_at,
            "jti": token.jti,
            "client_id": token.client_id,
            "scope": scopes.text(token.scopes),
        },
    )


def verified(
    text: str, keys: Iterable[jwt.VerifyingKey], issuer: str, audience: str
) -> AccessToken:
    """What a token says, if we made it for this audience (RFC 9068 §4). Its time is not looked at.

    Raises jwt.MalformedToken.
    """
    token = jwt.take_apart(text)
    key = next((k for k in keys if k.kid == token.kid), None)
    if key is None:
        raise jwt.MalformedToken("the key is not one of ours")
    claims = jwt.claims(token, key, TYPE)
    if claims.get("iss") != issuer or claims.get("aud") != audience:
        raise jwt.MalformedToken("the token was made by or for somebody else")
    return _read(claims)


def _read(claims: dict[str, Any]) -> AccessToken:
    try:
        token = AccessToken(
            jti=claims["jti"],
            subject=claims["sub"],
            client_id=claims["client_id"],
            scopes=scopes.stored(claims["scope"]),
            issued_at=int(claims["iat"]),
            expires_at=int(claims["exp"]),
        )
        _ = token.generation
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        raise jwt.MalformedToken("a claim is missing") from None
    return token


def check_time(token: AccessToken, now: int) -> None:
    """Raises ExpiredToken once `exp` is reached (RFC 7519 §4.1.4: on or after it)."""
    if now >= token.expires_at:
        raise ExpiredToken
