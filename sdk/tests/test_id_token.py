"""What an ID token must say to be about this very sign-in (OpenID Connect Core §3.1.3.7)."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.errors import SignInMismatch
from flextell_sdk.sign_in import check_id_token
from sdk.tests.answers import a_jwt
from sdk.tests.clock import NOON
from sdk.tests.fake_server import CLIENT_ID, ISSUER
from sdk.tests.strategies import any_json, any_text
from sdk.tests.world import ASKED

CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT_ID,
    "sub": "alice",
    "nonce": "the nonce",
    "iat": NOON - 1,
    "exp": NOON + 1,
}


def without(name: str) -> dict[str, Any]:
    return {other: value for other, value in CLAIMS.items() if other != name}


def check(claims: object) -> dict[str, Any]:
    return check_id_token(a_jwt(claims), ASKED, NOON)


GOOD = {
    "one audience": CLAIMS,
    "a list of one": {**CLAIMS, "aud": [CLIENT_ID]},
    "several, first for this app": {**CLAIMS, "aud": ["other", CLIENT_ID], "azp": CLIENT_ID},
    "members that nobody knows": {**CLAIMS, "email": "alice@example.com", "new": {"a": [1]}},
}


@pytest.mark.parametrize("claims", GOOD.values(), ids=GOOD)
def test_the_claims_of_a_token_for_this_sign_in_are_believed(claims: dict[str, Any]) -> None:
    assert check(claims) == claims


BAD = {
    "no issuer": without("iss"),
    "another issuer": {**CLAIMS, "iss": "https://evil.example"},
    "another spelling of the issuer": {**CLAIMS, "iss": f"{ISSUER}/"},
    "no audience": without("aud"),
    "another audience": {**CLAIMS, "aud": "other"},
    "other audiences": {**CLAIMS, "aud": ["one", "other"]},
    "no audiences at all": {**CLAIMS, "aud": []},
    "an audience that only begins so": {**CLAIMS, "aud": f"{CLIENT_ID}2"},
    "several, for nobody first": {**CLAIMS, "aud": ["other", CLIENT_ID]},
    "several, first for another": {**CLAIMS, "aud": ["other", CLIENT_ID], "azp": "other"},
    "no nonce": without("nonce"),
    "another nonce": {**CLAIMS, "nonce": "another"},
    "no expiry": without("exp"),
    "over this very second": {**CLAIMS, "exp": NOON},
    "an expiry in words": {**CLAIMS, "exp": "tomorrow"},
    "an expiry that is no number": {**CLAIMS, "exp": float("nan")},
    "no subject": without("sub"),
    "an empty subject": {**CLAIMS, "sub": ""},
    "a subject that is no text": {**CLAIMS, "sub": ["alice"]},
}


@pytest.mark.parametrize("claims", BAD.values(), ids=BAD)
def test_a_token_of_another_sign_in_is_refused(claims: dict[str, Any]) -> None:
    """OpenID Connect Core §3.1.3.7, 2 to 5, 9 and 11: each MUST match; §2: `sub` is REQUIRED."""
    with pytest.raises(SignInMismatch):
        check(claims)


def test_expiry_is_by_the_servers_clock() -> None:
    assert check_id_token(a_jwt(CLAIMS), ASKED, NOON + 0.5)

    with pytest.raises(SignInMismatch, match="expired"):
        check_id_token(a_jwt(CLAIMS), ASKED, NOON + 1.5)


def any_payload(content: bytes) -> str:
    return f"x.{urlsafe_b64encode(content).decode()}.x"


@given(
    any_text
    | st.binary().map(any_payload)
    | (st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())).map(a_jwt)
)
@example("")
@example("a.b.c")
@example("a.é.c")
@example(a_jwt([]))
def test_anything_else_is_not_a_token(text: str) -> None:
    with pytest.raises(SignInMismatch):
        check_id_token(text, ASKED, NOON)


@given(st.sampled_from([*CLAIMS, "azp"]), any_json | any_text)
@example("nonce", "\ud800")
def test_any_claim_is_believed_or_refused(name: str, value: object) -> None:
    claims = {**CLAIMS, name: value}
    try:
        believed = check(claims)
    except SignInMismatch:
        return
    assert json.dumps(believed) == json.dumps(claims)
