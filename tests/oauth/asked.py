"""Requests, tokens and keys as the tests of the rules write them."""

from base64 import encodebytes
from functools import cache
from typing import Literal
from urllib.parse import urlencode

from joserfc import jwk

from flextell.oauth import jwt, keys
from flextell.oauth.authorize import AuthorizationRequest, Proven, check, identify
from flextell.oauth.errors import Refusal
from flextell.oauth.grants.issue import CODE_PREFIX, REFRESH_PREFIX, new_token
from flextell.oauth.model import Client
from flextell.oauth.parameters import Form, parse_form
from tests.world import PHOTOS

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The worked example of RFC 7636, appendix B."""


def form(**parameters: str) -> Form:
    """A form as it would be read from the wire."""
    return parse_form(urlencode(parameters).encode("ascii"))


def authorization_form(client: Client = PHOTOS, **changed: str) -> Form:
    """A good authorization request of this client, with some parameters changed; "" drops one."""
    good = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uris[0],
        "state": "af0ifjsldkj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return form(**(good | changed))


def proven(client: Client = PHOTOS, **changed: str) -> Proven:
    """The client and redirect_uri of such a request."""
    return identify(authorization_form(client, **changed), client)


def authorization(client: Client = PHOTOS, **changed: str) -> AuthorizationRequest:
    """Such a request, checked."""
    return check(
        authorization_form(client, **changed), proven(client, **changed), pkce_for_all=False
    )


def check_fit_to_send(refusal: Refusal) -> None:
    """Whatever is refused, its description is in the alphabet of RFC 6749 §5.2, a sentence."""
    assert all(" " <= letter <= "~" and letter not in '"\\' for letter in refusal.description)
    assert refusal.description.endswith(".")


def refresh_text(number: int) -> str:
    """A refresh token, the same for the same number."""
    return new_token(REFRESH_PREFIX, number.to_bytes(32))


def code_text(number: int) -> str:
    """An authorization code, the same for the same number."""
    return new_token(CODE_PREFIX, number.to_bytes(32))


@cache
def signing_key(algorithm: jwt.Algorithm, number: int = 0) -> jwt.SigningKey:
    """A signing key, made once for all tests; another `number` gives another key."""
    private = keys.generate(algorithm)
    return jwt.SigningKey(keys.thumbprint(keys.public_members(private)), algorithm, private)


def published(private: jwt.PrivateKey) -> jwk.Key:
    """The public key as another implementation reads it from our key set."""
    return jwk.import_key({**keys.public_members(private)})


def imported(private: jwt.PrivateKey) -> jwk.Key:
    """The private key as another implementation reads it from PKCS #8."""
    kinds: dict[str, Literal["EC", "RSA", "OKP"]] = {"P-256": "EC", "Ed25519": "OKP"}
    body = encodebytes(keys.to_der(private)).decode("ascii")
    pem = f"-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n"
    return jwk.import_key(pem, kinds.get(keys.public_members(private).get("crv", ""), "RSA"))
