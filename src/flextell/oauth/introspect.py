"""What a token is worth right now, told to those who may know (RFC 7662)."""

from typing import Any

from flextell.oauth import scopes
from flextell.oauth.access_token import AccessToken
from flextell.oauth.errors import InvalidClient
from flextell.oauth.grants.refresh_token import Presented, Standing, standing_of
from flextell.oauth.model import Client

INACTIVE: dict[str, Any] = {"active": False}


def check_caller(client: Client) -> None:
    """Only a client that proves itself may ask (RFC 7662 §2.1). Raises InvalidClient."""
    if not client.confidential:
        raise InvalidClient("Introspection is for clients that authenticate with a secret.")


def _may_know(client: Client, token_client_id: str) -> bool:
    return client.may_introspect or client.client_id == token_client_id


def of_access_token(
    client: Client, token: AccessToken, revoked: bool, issuer: str, audience: str, now: int
) -> dict[str, Any]:
    """The answer for an access token whose signature is right (RFC 7662 §2.2)."""
    if revoked or now >= token.expires_at or not _may_know(client, token.client_id):
        return INACTIVE
    return {
        "active": True,
        "scope": scopes.text(token.scopes),
        "client_id": token.client_id,
        "token_type": "Bearer",
        "exp": token.expires_at,
        "iat": token.issued_at,
        "sub": token.subject,
        "aud": audience,
        "iss": issuer,
        "jti": token.jti,
    }


def of_refresh_token(
    client: Client, presented: Presented | None, issuer: str, now: int
) -> dict[str, Any]:
    """The answer for a refresh token. One that was used is inactive: it buys nothing new."""
    if (
        presented is None
        or presented.grant.ended_at is not None
        or standing_of(presented, now) is not Standing.CURRENT
        or not _may_know(client, presented.grant.client_id)
    ):
        return INACTIVE
    return {
        "active": True,
        "scope": scopes.text(presented.grant.scopes),
        "client_id": presented.grant.client_id,
        "exp": presented.token.expires_at,
        "iat": presented.token.issued_at,
        "sub": presented.grant.subject,
        "iss": issuer,
    }
