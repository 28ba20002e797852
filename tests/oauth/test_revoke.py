"""What revoking a token ends (RFC 7009)."""

from dataclasses import replace

import pytest

from flextell.oauth import access_token, revoke
from flextell.oauth.grants.refresh_token import Presented
from flextell.oauth.model import Client, EndGrant, Grant, RefreshToken, digest_of
from flextell.oauth.revoke import EndAccessToken
from tests.world import GATEWAY, NOON, PHONE, PHOTOS


def grant_of(client: Client) -> Grant:
    """What Alice allowed this client."""
    return Grant("grant-1", client.client_id, "sub-alice", client.default_scopes, created_at=NOON)


def presented(client: Client) -> Presented:
    """The current refresh token of that grant."""
    token = RefreshToken(
        digest=digest_of("refresh"),
        grant_id="grant-1",
        generation=1,
        issued_at=NOON,
        expires_at=NOON + 86_400,
        access_scopes=client.default_scopes,
        access_expires_at=NOON + 3600,
    )
    return Presented(token, grant_of(client))


@pytest.mark.parametrize("client", [PHOTOS, PHONE])
def test_revoking_a_refresh_token_ends_the_grant(client: Client) -> None:
    """RFC 7009 §2.1: SHOULD also invalidate all access tokens based on the same grant."""
    assert revoke.of_refresh_token(client, presented(client)) == EndGrant(
        "grant-1", "revoked_by_client"
    )


def test_a_refresh_token_that_was_used_still_ends_the_grant() -> None:
    """A client that lost the last answer can still disconnect with what it has."""
    current = presented(PHOTOS)
    used = replace(current, successor=replace(current.token, generation=2))
    assert revoke.of_refresh_token(PHOTOS, used) is not None
    assert revoke.of_refresh_token(PHOTOS, replace(used, successor_used=True)) is not None


def test_a_token_of_another_client_is_not_touched() -> None:
    """RFC 7009 §2.1: verify whether the token was issued to the client making the request."""
    for client in (GATEWAY, PHONE):
        assert revoke.of_refresh_token(client, presented(PHOTOS)) is None
        token = access_token.for_grant(grant_of(PHOTOS), 1, PHOTOS.scopes, NOON, NOON + 3600)
        assert revoke.of_access_token(client, token, NOON) is None


def test_an_unknown_or_ended_token_changes_nothing() -> None:
    """RFC 7009 §2.2: invalid tokens do not cause an error response."""
    assert revoke.of_refresh_token(PHOTOS, None) is None
    ended = replace(presented(PHOTOS), grant=replace(grant_of(PHOTOS), ended_at=NOON))
    assert revoke.of_refresh_token(PHOTOS, ended) is None


def test_revoking_an_access_token_ends_that_token_alone() -> None:
    """RFC 7009 §2.1."""
    token = access_token.for_grant(grant_of(PHOTOS), 1, PHOTOS.scopes, NOON, NOON + 3600)
    assert revoke.of_access_token(PHOTOS, token, NOON + 3599) == EndAccessToken(
        "grant-1.1", expires_at=NOON + 3600
    )
    assert revoke.of_access_token(PHOTOS, token, NOON + 3600) is None
