"""ID tokens: who signed in, said to one client (OpenID Connect Core §2)."""

from dataclasses import replace
from hashlib import sha256

import joserfc.jwt
import pytest

from flextell.oauth import base64url, id_token
from flextell.oauth.jwt import Algorithm
from flextell.oauth.model import AuthorizationCode, digest_of
from flextell.oauth.scopes import parse
from tests.oauth.asked import published, signing_key
from tests.world import ISSUER, NOON, PHONE

CODE = AuthorizationCode(
    digest=digest_of("code"),
    grant_id="grant-1",
    client_id=PHONE.client_id,
    subject="sub-alice",
    redirect_uri=PHONE.redirect_uris[0],
    scopes=parse("openid customers:read"),
    code_challenge=None,
    nonce="n-0S6_WzA2Mj",
    auth_time=NOON - 600,
    expires_at=NOON + 60,
)
ACCESS_TOKEN = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")


def claims_of(code: AuthorizationCode, algorithm: Algorithm = "RS256") -> dict[str, object]:
    """The claims of its ID token, as another implementation reads them."""
    key = signing_key(algorithm)
    text = id_token.sign(code, ACCESS_TOKEN, key, ISSUER, NOON + 600, NOON)
    token = joserfc.jwt.decode(text, published(key.private), algorithms=[algorithm])
    assert token.header["typ"] == "JWT"
    return token.claims


def test_an_id_token_says_who_signed_in_when_and_to_whom() -> None:
    """OpenID Connect Core §2: iss, sub, aud, exp, iat; auth_time; nonce as it was sent."""
    claims = claims_of(CODE)
    claims.pop("at_hash")
    assert claims == {
        "iss": ISSUER,
        "sub": "sub-alice",
        "aud": PHONE.client_id,
        "exp": NOON + 600,
        "iat": NOON,
        "auth_time": NOON - 600,
        "nonce": "n-0S6_WzA2Mj",
    }


def test_no_nonce_was_sent_and_none_is_said() -> None:
    """OpenID Connect Core §2: nonce, if present in the request."""
    without = replace(CODE, nonce=None)
    assert "nonce" not in claims_of(without)


def test_the_hash_of_the_access_token_is_that_of_the_worked_example() -> None:
    """OpenID Connect Core §3.1.3.6; value from appendix A.3 of the same."""
    half = base64url.text(sha256(ACCESS_TOKEN.encode()).digest()[:16])
    assert claims_of(CODE, "RS256")["at_hash"] == half == "77QmUPtjPfzWtF2AnpK9RQ"


def test_an_algorithm_that_names_no_hash_gets_none() -> None:
    """OpenID Connect Core §3.1.3.6: at_hash is OPTIONAL; EdDSA names no hash function."""
    assert "at_hash" in claims_of(CODE, "ES256")
    assert "at_hash" not in claims_of(CODE, "EdDSA")


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [("openid", True), ("openid customers:read", True), ("profile email", False)],
)
def test_an_id_token_is_given_if_openid_was_granted(scope: str, wanted: bool) -> None:
    """OpenID Connect Core §3.1.2.1."""
    code = replace(CODE, scopes=parse(scope))
    assert id_token.wanted(code) == wanted
