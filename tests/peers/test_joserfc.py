"""joserfc proves our tokens from nothing but what the server publishes."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from tests.peers.conftest import Register
from tests.peers.visitor import Visitor, query_of
from tests.together.server import App, RunningServer

NONCE = "n-0S6_WzA2Mj"


@pytest.fixture
def app(register: Register) -> App:
    """An app that wants to know who signed in."""
    return register(scope="openid customers:read")


@pytest.fixture
def tokens(server: RunningServer, app: App, alice: Visitor) -> dict[str, Any]:
    """What the token endpoint gives that app for Alice."""
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "nonce": NONCE,
    }
    landed = alice.visit(f"{server.url}/oauth/authorize?{urlencode(asked)}")
    form = {
        "grant_type": "authorization_code",
        "code": query_of(landed)["code"],
        "redirect_uri": app.redirect_uri,
    }
    proof = (app.client_id, app.client_secret or "")
    answer = alice.browser.post(f"{server.url}/oauth/token", data=form, auth=proof)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def published(server: RunningServer, alice: Visitor) -> KeySet:
    """The keys at the address that the metadata names (RFC 7517 §5)."""
    address = f"{server.url}/.well-known/oauth-authorization-server"
    metadata = alice.browser.get(address).json()
    return KeySet.import_key_set(alice.browser.get(metadata["jwks_uri"]).json())


def test_the_published_keys_are_public_and_say_what_they_are_for(published: KeySet) -> None:
    """RFC 7517 §4: no private part, and use, alg and kid on each."""
    assert {key.alg for key in published.keys} == {"ES256", "RS256"}
    for key in published.keys:
        assert not key.is_private
        assert key.kid
        assert key.as_dict()["use"] == "sig"


def test_an_access_token_is_proven_by_the_published_keys(
    server: RunningServer, app: App, tokens: dict[str, Any], published: KeySet
) -> None:
    """RFC 9068 §2.2 and §4: type, signature, issuer, audience and the rest."""
    token = jwt.decode(tokens["access_token"], published, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server.url},
        aud={"essential": True, "value": f"{server.url}/api"},
        client_id={"essential": True, "value": app.client_id},
        scope={"essential": True, "value": tokens["scope"]},
        sub={"essential": True},
        jti={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
    ).validate(token.claims)
    assert token.claims["exp"] - token.claims["iat"] == 3600


def test_an_id_token_is_proven_by_the_published_keys(
    server: RunningServer, app: App, tokens: dict[str, Any], published: KeySet
) -> None:
    """OpenID Connect Core §3.1.3.6 and §3.1.3.7."""
    token = jwt.decode(tokens["id_token"], published, algorithms=["RS256"])
    half = sha256(tokens["access_token"].encode()).digest()[:16]
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server.url},
        aud={"essential": True, "value": app.client_id},
        nonce={"essential": True, "value": NONCE},
        at_hash={"essential": True, "value": urlsafe_b64encode(half).rstrip(b"=").decode()},
        iat={"essential": True},
        exp={"essential": True},
    ).validate(token.claims)
    access = jwt.decode(tokens["access_token"], published, algorithms=["ES256"])
    assert token.claims["sub"] == access.claims["sub"]


@pytest.mark.parametrize(("kind", "algorithm"), [("access_token", "ES256"), ("id_token", "RS256")])
def test_a_token_that_was_changed_is_not_proven(
    tokens: dict[str, Any], published: KeySet, kind: str, algorithm: str
) -> None:
    """RFC 7515 §5.2."""
    header, claims, signature = tokens[kind].split(".")
    changed = claims.replace(claims[20], "A" if claims[20] != "A" else "B")
    with pytest.raises(BadSignatureError):
        jwt.decode(f"{header}.{changed}.{signature}", published, algorithms=[algorithm])
