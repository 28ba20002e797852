"""Exchanging an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

from dataclasses import replace

import pytest

from flextell.oauth import parameters
from flextell.oauth.authorize import GrantCode, SignedIn
from flextell.oauth.errors import InvalidGrant
from flextell.oauth.grants.authorization_code import ClaimedCode, code_for, redeem
from flextell.oauth.grants.issue import Issue, Lifetimes
from flextell.oauth.model import AuthorizationCode, Client, EndGrant, Grant, digest_of
from tests.oauth.asked import CHALLENGE, VERIFIER, authorization, code_text, form, refresh_text
from tests.world import GATEWAY, NOON, PHONE, PHOTOS

LIFETIMES = Lifetimes()
REFRESH = refresh_text(1)
ALICE = SignedIn("sub-alice", auth_time=NOON - 600)


def code_of(client: Client, **changed: str) -> AuthorizationCode:
    """A code that Alice just got for this client."""
    request = authorization(client, **changed)
    answer = GrantCode(ALICE, request.scopes)
    return code_for(request, answer, code_text(1), "grant-1", NOON + LIFETIMES.code)


def exchange(
    code: AuthorizationCode,
    client: Client = PHOTOS,
    *,
    redirect_uri: str | None = None,
    verifier: str | None = VERIFIER,
    first: bool = True,
    now: int = NOON + 1,
) -> Issue:
    """Redeem it, with what belongs to it or with something else."""
    sent = {"code": code_text(1), "redirect_uri": redirect_uri or code.redirect_uri}
    if verifier is not None:
        sent["code_verifier"] = verifier
    asked = parameters.code_exchange(form(**sent))
    return redeem(asked, client, ClaimedCode(code, first), REFRESH, LIFETIMES, now)


def test_a_code_is_bound_to_all_it_may_be_redeemed_with() -> None:
    """RFC 6749 §4.1.2: bound to the client and redirect_uri; RFC 7636 §4.4: to the challenge."""
    assert code_of(PHOTOS, nonce="n-0S6", scope="openid customers:read") == AuthorizationCode(
        digest=digest_of(code_text(1)),
        grant_id="grant-1",
        client_id=PHOTOS.client_id,
        subject="sub-alice",
        redirect_uri=PHOTOS.redirect_uris[0],
        scopes=frozenset({"openid", "customers:read"}),
        code_challenge=CHALLENGE,
        nonce="n-0S6",
        auth_time=NOON - 600,
        expires_at=NOON + 60,
    )


@pytest.mark.parametrize("client", [PHOTOS, PHONE])
def test_a_code_buys_a_grant_an_access_token_and_a_refresh_token(client: Client) -> None:
    """RFC 6749 §4.1.4, §5.1."""
    issue = exchange(code_of(client), client)
    assert issue.grant == Grant(
        "grant-1", client.client_id, "sub-alice", client.default_scopes, created_at=NOON + 1
    )
    assert issue.access.scopes == client.default_scopes
    assert issue.access.expires_at == NOON + 1 + 3600
    assert (issue.access.grant_id, issue.access.generation) == ("grant-1", 0)
    assert issue.refresh_token == REFRESH
    assert issue.kept is not None
    assert issue.kept.digest == digest_of(REFRESH)
    assert (issue.kept.grant_id, issue.kept.generation) == ("grant-1", 0)
    assert issue.kept.expires_at == NOON + 1 + LIFETIMES.refresh_token
    assert issue.kept.sealed is None
    assert issue.code == code_of(client)


def test_an_unknown_code_is_refused() -> None:
    """RFC 6749 §5.2 invalid_grant."""
    asked = parameters.code_exchange(form(code="x", redirect_uri=PHOTOS.redirect_uris[0]))
    with pytest.raises(InvalidGrant, match="unknown") as refused:
        redeem(asked, PHOTOS, None, REFRESH, LIFETIMES, NOON)
    assert refused.value.then is None


def test_a_code_of_another_client_is_refused_and_ends_nothing() -> None:
    """RFC 6749 §4.1.3: ensure that the code was issued to the authenticated client."""
    for first in (True, False):
        with pytest.raises(InvalidGrant, match="another client") as refused:
            exchange(code_of(PHOTOS), GATEWAY, first=first)
        assert refused.value.then is None


def test_a_replayed_code_ends_the_whole_grant() -> None:
    """RFC 6749 §4.1.2: MUST deny, SHOULD revoke all tokens previously issued; RFC 9700 §4.5."""
    with pytest.raises(InvalidGrant) as refused:
        exchange(code_of(PHOTOS), first=False)
    assert refused.value.then == EndGrant("grant-1", "code_replayed")


def test_a_replayed_code_ends_the_grant_however_late_and_whatever_else_is_wrong() -> None:
    """RFC 6749 §10.5. The one who replays it may not know the rest."""
    with pytest.raises(InvalidGrant) as refused:
        exchange(code_of(PHOTOS), first=False, verifier="x" * 43, now=NOON + 10**6)
    assert refused.value.then == EndGrant("grant-1", "code_replayed")


@pytest.mark.parametrize(("after", "good"), [(0, True), (59, True), (60, False), (61, False)])
def test_a_code_lives_for_its_time_and_no_longer(after: int, good: bool) -> None:
    """RFC 6749 §4.1.2: MUST expire shortly after it is issued."""
    if good:
        assert exchange(code_of(PHOTOS), now=NOON + after).grant is not None
    else:
        with pytest.raises(InvalidGrant, match="expired"):
            exchange(code_of(PHOTOS), now=NOON + after)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1/callback",
        "https://photos.example/callback/",
        "https://photos.example/c\u00e4llback",
    ],
)
def test_another_redirect_uri_is_refused_even_if_it_is_registered(redirect_uri: str) -> None:
    """RFC 6749 §4.1.3: their values MUST be identical."""
    with pytest.raises(InvalidGrant, match="redirect_uri"):
        exchange(code_of(PHOTOS), redirect_uri=redirect_uri)


def test_a_loopback_code_is_bound_to_the_port_that_was_used() -> None:
    """RFC 8252 §7.3, RFC 6749 §4.1.3."""
    code = code_of(PHOTOS, redirect_uri="http://127.0.0.1:8400/callback")
    assert exchange(code).grant is not None
    with pytest.raises(InvalidGrant, match="redirect_uri"):
        exchange(code, redirect_uri="http://127.0.0.1:8401/callback")


@pytest.mark.parametrize("verifier", [None, "x" * 43, VERIFIER[:-1], VERIFIER + "x"])
def test_a_challenge_that_was_sent_is_always_enforced(verifier: str | None) -> None:
    """RFC 7636 §4.6, for confidential clients too."""
    for client in (PHOTOS, PHONE):
        with pytest.raises(InvalidGrant, match="code_verifier"):
            exchange(code_of(client), client, verifier=verifier)


def test_a_verifier_without_a_challenge_is_refused() -> None:
    """RFC 9700 §4.8.2: PKCE downgrade."""
    code = replace(code_of(PHOTOS), code_challenge=None)
    assert exchange(code, verifier=None).grant is not None
    with pytest.raises(InvalidGrant, match="without PKCE"):
        exchange(code)


def test_no_secret_shows_in_what_a_log_would_print() -> None:
    assert REFRESH not in repr(exchange(code_of(PHOTOS)))
