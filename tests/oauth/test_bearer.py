"""Bearer tokens at a protected resource (RFC 6750)."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell.oauth import access_token, bearer
from flextell.oauth.bearer import (
    MAXIMUM_TOKEN_CHARACTERS,
    BearerRefusal,
    ExpiredBearer,
    InsufficientScope,
    MalformedBearer,
    MissingToken,
    RevokedBearer,
)
from flextell.oauth.model import Grant
from tests.oauth.asked import signing_key
from tests.world import ISSUER, NOON, PHOTOS

REFUSALS: tuple[BearerRefusal, ...] = (
    MissingToken(),
    MalformedBearer(),
    ExpiredBearer(),
    RevokedBearer(),
    InsufficientScope(["account:read", "tenants:read"]),
)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_comes_in_the_authorization_header(scheme: str) -> None:
    """RFC 6750 §2.1; RFC 9110 §11.1: the scheme has no case."""
    assert bearer.token_in([f"{scheme} mF_9.B5f-4.1JqM"]) == "mF_9.B5f-4.1JqM"


def test_a_token_that_we_sign_is_a_bearer_token() -> None:
    """RFC 6750 §2.1 b64token."""
    grant = Grant("grant-1", PHOTOS.client_id, "sub-alice", PHOTOS.scopes, created_at=NOON)
    token = access_token.for_grant(grant, 1, PHOTOS.scopes, NOON, NOON + 3600)
    text = access_token.sign(token, signing_key("RS256"), ISSUER, f"{ISSUER}/api")
    assert bearer.token_in([f"Bearer {text}"]) == text


@pytest.mark.parametrize("headers", [[], [""], ["Basic cGhvdG9z"], ["Bearer"], ["Bearer "], ["x"]])
def test_no_bearer_token_is_no_attempt(headers: list[str]) -> None:
    """RFC 6750 §3.1: a request that lacks any authentication information."""
    with pytest.raises(MissingToken):
        bearer.token_in(headers)


@pytest.mark.parametrize(
    "headers",
    [
        ["Bearer a b"],
        ["Bearer  a"],
        ["Bearer a "],
        ["Bearer\u00a0a", "Bearer a"],
        ['Bearer "a"'],
        ["Bearer a\tb"],
        ["Bearer a,b"],
        ["Bearer =a"],
        ["Bearer é"],
        ["Bearer a", "Bearer a"],
        ["Bearer a", "Basic b"],
        ["Bearer " + "a" * (MAXIMUM_TOKEN_CHARACTERS + 1)],
    ],
)
def test_a_token_that_is_none_is_malformed(headers: list[str]) -> None:
    """RFC 6750 §2.1 (syntax), §3.1 invalid_token."""
    with pytest.raises(MalformedBearer):
        bearer.token_in(headers)


@given(st.lists(st.text() | st.text().map("Bearer {}".format), max_size=3))
@example(["Bearer " + "a" * MAXIMUM_TOKEN_CHARACTERS])
def test_arbitrary_headers_hold_a_token_or_are_refused(headers: list[str]) -> None:
    try:
        token = bearer.token_in(headers)
    except (MissingToken, MalformedBearer):
        return
    assert len(headers) == 1
    assert headers[0].endswith(f" {token}")
    assert re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", token)


def test_one_of_the_scopes_is_enough_and_none_needed_is_always_enough() -> None:
    """RFC 6750 §3.1 insufficient_scope."""
    have = frozenset({"tenants:read"})
    bearer.need_scope(have, ("account:read", "tenants:read"))
    bearer.need_scope(frozenset(), ())
    with pytest.raises(InsufficientScope) as refused:
        bearer.need_scope(have, ("customers:read",))
    assert refused.value.scope == "customers:read"
    assert "customers:read" in refused.value.message


def test_the_status_and_code_of_each_refusal() -> None:
    """RFC 6750 §3.1: invalid_token 401, insufficient_scope 403."""
    assert [(r.status, r.error) for r in REFUSALS] == [
        (401, "unauthorized"),
        (401, "invalid_token"),
        (401, "invalid_token"),
        (401, "invalid_token"),
        (403, "insufficient_scope"),
    ]


def test_each_cause_says_how_to_resolve_it_in_its_own_words() -> None:
    messages = [refusal.message for refusal in REFUSALS]
    assert len(set(messages)) == len(messages)
    for message in messages:
        assert message.isascii()
        assert message.endswith(".")


@pytest.mark.parametrize("refusal", REFUSALS[:-1], ids=lambda r: type(r).__name__)
def test_only_a_missing_scope_speaks_of_scope_and_none_of_tenants(refusal: BearerRefusal) -> None:
    """An app in the field searches error bodies for these words and misleads its user."""
    assert "scope" not in refusal.message
    assert "tenant" not in refusal.message


def parsed(challenge: str) -> dict[str, str]:
    """The attributes of a challenge (RFC 9110 §11.2), read strictly."""
    assert challenge.startswith("Bearer ")
    attribute = r'([a-z_]+)="([\x20\x21\x23-\x5b\x5d-\x7e]*)"'
    rest = challenge.removeprefix("Bearer ")
    assert re.fullmatch(rf"{attribute}(, {attribute})*", rest)
    found = re.findall(attribute, rest)
    assert len({name for name, _ in found}) == len(found), "MUST NOT appear more than once"
    return dict(found)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: type(r).__name__)
def test_every_refusal_comes_with_a_challenge(refusal: BearerRefusal) -> None:
    """RFC 6750 §3: MUST include WWW-Authenticate with the scheme Bearer and an auth-param."""
    says = parsed(bearer.challenge(refusal, "flextell"))
    assert says["realm"] == "flextell"
    assert says.get("error") == refusal.challenge_error
    assert says.get("scope") == refusal.scope


def test_a_request_without_a_token_is_told_no_error_code() -> None:
    """RFC 6750 §3.1: SHOULD NOT include an error code or other error information."""
    assert parsed(bearer.challenge(MissingToken(), "flextell")) == {
        "realm": "flextell",
        "resource_metadata": "flextell/.well-known/oauth-protected-resource/api",
    }


def test_a_missing_scope_is_named_in_the_challenge() -> None:
    """RFC 6750 §3, §3.1: MAY include the scope attribute."""
    says = parsed(bearer.challenge(InsufficientScope(["customers:read"]), "flextell"))
    assert says["scope"] == "customers:read"
    assert says["error"] == "insufficient_scope"
