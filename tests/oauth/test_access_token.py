"""Access tokens: what they say, and what makes one good (RFC 9068)."""

from typing import Any, get_args

import joserfc.jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.oauth import access_token, id_token, jwt
from flextell.oauth.access_token import AccessToken, ExpiredToken
from flextell.oauth.jwt import Algorithm, MalformedToken, SigningKey
from flextell.oauth.model import Grant
from tests.oauth.asked import published, signing_key
from tests.world import ISSUER, NOON, PHOTOS

AUDIENCE = f"{ISSUER}/api"
KEY = signing_key("ES256")
GRANT = Grant("grant-1", PHOTOS.client_id, "sub-alice", PHOTOS.scopes, created_at=NOON)
TOKEN = access_token.for_grant(GRANT, 3, PHOTOS.default_scopes, NOON, NOON + 3600)


def signed(changed: dict[str, Any], key: SigningKey = KEY, typ: str = "at+jwt") -> str:
    """A token of ours with some claims changed; None leaves one out."""
    claims = {
        "iss": ISSUER,
        "sub": "sub-alice",
        "aud": AUDIENCE,
        "exp": NOON + 3600,
        "iat": NOON,
        "jti": "grant-1.3",
        "client_id": PHOTOS.client_id,
        "scope": "account:read customers:read",
        **changed,
    }
    return jwt.sign(key, typ, {name: value for name, value in claims.items() if value is not None})


def verified(text: str, *others: SigningKey) -> AccessToken:
    """Verify it as our API would."""
    ours = [key.verifying for key in (KEY, *others)]
    return access_token.verified(text, ours, ISSUER, AUDIENCE)


def test_a_token_says_what_the_standard_requires() -> None:
    """RFC 9068 §2.1 (typ), §2.2 (claims), §2.2.3 (scope), judged by another implementation."""
    text = access_token.sign(TOKEN, KEY, ISSUER, AUDIENCE)
    token = joserfc.jwt.decode(text, published(KEY.private), algorithms=["ES256"])
    assert token.header == {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid}
    assert token.claims == {
        "iss": ISSUER,
        "sub": "sub-alice",
        "aud": AUDIENCE,
        "exp": NOON + 3600,
        "iat": NOON,
        "jti": "grant-1.3",
        "client_id": PHOTOS.client_id,
        "scope": "account:read customers:read",
    }


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_what_we_sign_we_read_back(algorithm: Algorithm) -> None:
    """RFC 9068 §4."""
    key = signing_key(algorithm, 1)
    text = access_token.sign(TOKEN, key, ISSUER, AUDIENCE)
    assert verified(text, key) == TOKEN
    with pytest.raises(MalformedToken, match="not one of ours"):
        verified(text)


def test_a_token_is_fit_for_the_header_it_is_sent_in() -> None:
    """Short enough for every proxy, and a b64token (RFC 6750 §2.1)."""
    assert len(access_token.sign(TOKEN, signing_key("RS256"), ISSUER, AUDIENCE)) < 1500


def test_a_token_names_its_grant_and_its_generation() -> None:
    assert (TOKEN.jti, TOKEN.grant_id, TOKEN.generation) == ("grant-1.3", "grant-1", 3)
    own = access_token.for_grant(GRANT, 12, GRANT.scopes, NOON, NOON + 1, own="a1b2")
    assert (own.jti, own.grant_id, own.generation) == ("grant-1.12.a1b2", "grant-1", 12)


@given(st.integers(0, 10**9), st.text("0123456789abcdef", max_size=12))
def test_names_of_tokens_are_never_the_same(generation: int, own: str) -> None:
    """RFC 7519 §4.1.7: a negligible probability that the same value is assigned twice."""
    name = access_token.jti_of("grant-1", generation, own)
    parts = name.split(".")
    assert parts[:2] == ["grant-1", str(generation)]
    assert parts[2:] == ([own] if own else [])


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"aud": PHOTOS.client_id},
        {"aud": None},
        {"aud": ["https://evil.example"]},
    ],
)
def test_a_token_made_by_or_for_somebody_else_is_refused(changed: dict[str, Any]) -> None:
    """RFC 9068 §4: iss MUST match exactly, aud MUST name us; RFC 8725 §3.8, §3.9."""
    with pytest.raises(MalformedToken, match="somebody else"):
        verified(signed(changed))


@pytest.mark.parametrize("claim", ["exp", "iat", "sub", "jti", "client_id", "scope"])
def test_a_token_without_a_required_claim_is_refused(claim: str) -> None:
    """RFC 9068 §2.2 (REQUIRED claims)."""
    with pytest.raises(MalformedToken, match="a claim is missing"):
        verified(signed({claim: None}))


@pytest.mark.parametrize("claim", ["exp", "iat", "jti", "scope"])
@pytest.mark.parametrize("value", [{}, [], ["noon"]])
def test_a_claim_of_the_wrong_kind_is_refused(claim: str, value: object) -> None:
    """RFC 7519 §4.1 (NumericDate, string)."""
    with pytest.raises(MalformedToken, match="a claim is missing"):
        verified(signed({claim: value}))


@pytest.mark.parametrize("jti", ["", "grant-1", "grant-1.", "grant-1.x", "grant-1.x.1"])
def test_a_name_that_is_not_ours_is_refused(jti: str) -> None:
    with pytest.raises(MalformedToken):
        verified(signed({"jti": jti}))


def test_an_id_token_is_no_access_token() -> None:
    """RFC 9068 §4: typ MUST be at+jwt; RFC 8725 §2.8, §3.11."""
    with pytest.raises(MalformedToken, match="type"):
        verified(signed({}, typ=id_token.TYPE))


def test_a_token_signed_by_a_stranger_under_the_name_of_our_key_is_refused() -> None:
    """RFC 9068 §4: MUST validate the signature."""
    stranger = signing_key("ES256", 1)
    with pytest.raises(MalformedToken, match="signature"):
        verified(signed({}, SigningKey(KEY.kid, "ES256", stranger.private)))


@given(st.text())
def test_arbitrary_text_is_malformed(text: str) -> None:
    with pytest.raises(MalformedToken):
        verified(text)


claim_values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())
claim_names = st.sampled_from(["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"])
BITS_53 = 2**53 - 1


@given(st.dictionaries(claim_names, claim_values, min_size=1))
def test_arbitrary_claims_are_ours_or_malformed(changed: dict[str, Any]) -> None:
    """Even under our own signature nothing but MalformedToken comes of nonsense."""
    small = {
        n: v
        for n, v in changed.items()
        if type(v) is not int or -BITS_53 <= v <= BITS_53  # what JSON carries everywhere
    }
    try:
        token = verified(signed(small))
    except MalformedToken:
        return
    assert token.jti.startswith(token.grant_id)


@pytest.mark.parametrize(("after", "good"), [(3599, True), (3600, False), (3601, False)])
def test_a_token_is_over_when_its_time_is_reached(after: int, good: bool) -> None:
    """RFC 7519 §4.1.4: on or after exp it MUST NOT be accepted; RFC 9068 §4."""
    if good:
        access_token.check_time(TOKEN, NOON + after)
    else:
        with pytest.raises(ExpiredToken):
            access_token.check_time(TOKEN, NOON + after)
