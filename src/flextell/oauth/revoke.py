"""What revoking a token ends (RFC 7009).

Revoking a refresh token ends its grant, with every token of it (§2.1); revoking an access
token ends that token alone. A token that is not this client's, or none at all, changes nothing
and is answered the same (§2.2).
"""

from dataclasses import dataclass

from flextell.oauth.access_token import AccessToken
from flextell.oauth.grants.refresh_token import Presented
from flextell.oauth.model import Client, EndGrant


@dataclass(frozen=True, slots=True)
class EndAccessToken:
    """An order: this one access token is over. `expires_at` is when it may be forgotten."""

    jti: str
    expires_at: int


def of_refresh_token(client: Client, presented: Presented | None) -> EndGrant | None:
    """What to end when a client presents a refresh token, used or not."""
    if presented is None or presented.grant.client_id != client.client_id:
        return None
    if presented.grant.ended_at is not None:
        return None
    return EndGrant(presented.grant.grant_id, "revoked_by_client")


def of_access_token(client: Client, token: AccessToken, now: int) -> EndAccessToken | None:
    """What to end when a client presents an access token."""
    if token.client_id != client.client_id or now >= token.expires_at:
        return None
    return EndAccessToken(token.jti, token.expires_at)
