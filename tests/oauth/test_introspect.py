"""What a token is worth right now, told to those who may know (RFC 7662)."""

from dataclasses import replace

import pytest

from flextell.oauth import access_token, introspect
from flextell.oauth.errors import InvalidClient
from flextell.oauth.grants.refresh_token import Presented
from flextell.oauth.model import Client, Grant, RefreshToken, digest_of
from tests.world import GATEWAY, ISSUER, NOON, PHONE, PHOTOS

AUDIENCE = f"{ISSUER}/api"
STRANGER = replace(PHOTOS, client_id="0198c0de-0000-7000-8000-000000000009")
GRANT = Grant("grant-1", PHOTOS.client_id, "sub-alice", PHOTOS.default_scopes, created_at=NOON)
ACCESS = access_token.for_grant(GRANT, 1, frozenset({"customers:read"}), NOON, NOON + 3600)
REFRESH = RefreshToken(
    digest=digest_of("refresh"),
    grant_id="grant-1",
    generation=1,
    issued_at=NOON,
    expires_at=NOON + 86_400,
    access_scopes=GRANT.scopes,
    access_expires_at=NOON + 3600,
)
INACTIVE = {"active": False}


def of_access(client: Client = PHOTOS, *, revoked: bool = False, now: int = NOON) -> object:
    """What this client is told about the access token."""
    return introspect.of_access_token(client, ACCESS, revoked, ISSUER, AUDIENCE, now)


def of_refresh(presented: Presented | None, client: Client = PHOTOS, now: int = NOON) -> object:
    """What this client is told about the refresh token."""
    return introspect.of_refresh_token(client, presented, ISSUER, now)


def test_only_a_client_that_proves_itself_may_ask() -> None:
    """RFC 7662 §2.1: MUST require some form of authorization; §2.3: 401."""
    introspect.check_caller(PHOTOS)
    introspect.check_caller(GATEWAY)
    with pytest.raises(InvalidClient) as refused:
        introspect.check_caller(PHONE)
    assert refused.value.status == 401


@pytest.mark.parametrize("client", [PHOTOS, GATEWAY])
def test_an_active_access_token_is_described(client: Client) -> None:
    """RFC 7662 §2.2: active REQUIRED; the rest as the token has it."""
    assert of_access(client, now=NOON + 3599) == {
        "active": True,
        "scope": "customers:read",
        "client_id": PHOTOS.client_id,
        "token_type": "Bearer",
        "exp": NOON + 3600,
        "iat": NOON,
        "sub": "sub-alice",
        "aud": AUDIENCE,
        "iss": ISSUER,
        "jti": "grant-1.1",
    }


def test_a_token_that_is_over_is_inactive_and_nothing_more_is_said() -> None:
    """RFC 7662 §2.2: SHOULD NOT include any additional information about an inactive token."""
    assert of_access(now=NOON + 3600) == INACTIVE
    assert of_access(revoked=True) == INACTIVE
    assert of_access(GATEWAY, revoked=True) == INACTIVE


def test_somebody_elses_token_looks_as_if_there_were_none() -> None:
    """RFC 7662 §2.2, §4: a token this client may not know about is inactive."""
    assert of_access(STRANGER) == INACTIVE
    assert of_refresh(Presented(REFRESH, GRANT), STRANGER) == INACTIVE


@pytest.mark.parametrize("client", [PHOTOS, GATEWAY])
def test_a_refresh_token_that_was_never_used_is_described(client: Client) -> None:
    """RFC 7662 §2.2; its scope is that of the grant, not that of one access token."""
    assert of_refresh(Presented(REFRESH, GRANT), client) == {
        "active": True,
        "scope": "account:read customers:read",
        "client_id": PHOTOS.client_id,
        "exp": NOON + 86_400,
        "iat": NOON,
        "sub": "sub-alice",
        "iss": ISSUER,
    }


def test_a_refresh_token_that_buys_nothing_new_is_inactive() -> None:
    """RFC 7662 §4: MUST determine whether the token can be used: expired, revoked, used."""
    current = Presented(REFRESH, GRANT)
    successor = replace(REFRESH, generation=2, digest=digest_of("next"))
    assert of_refresh(None) == INACTIVE
    assert of_refresh(current, now=NOON + 86_400) == INACTIVE
    assert of_refresh(replace(current, grant=replace(GRANT, ended_at=NOON))) == INACTIVE
    assert of_refresh(replace(current, successor=successor)) == INACTIVE
    assert of_refresh(replace(current, successor=successor, successor_used=True)) == INACTIVE


def test_one_answer_does_not_spoil_the_next() -> None:
    assert introspect.INACTIVE == INACTIVE
