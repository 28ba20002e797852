"""JSON Web Tokens, judged by another implementation (RFC 7515, RFC 7519, RFC 8725)."""

import json
from base64 import urlsafe_b64encode
from typing import Any, get_args

import joserfc.jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

from flextell.oauth import base64url, jwt
from flextell.oauth.jwt import Algorithm, MalformedToken, SigningKey
from tests.oauth.asked import imported, published, signing_key

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
CLAIMS = {"iss": "https://localhost:8443", "sub": "sub-zoë", "iat": 1_795_435_200, "n": [1, None]}

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")


def part(value: object) -> str:
    """One part of a compact JWS."""
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode("ascii")


def verified(text: str, key: SigningKey, typ: str = "at+jwt") -> dict[str, Any]:
    """Take a token apart and check it with one key."""
    return jwt.claims(jwt.take_apart(text), key.verifying, typ)


def signed_as(key: SigningKey, header: dict[str, Any], payload: bytes | None = None) -> str:
    """A token with this very header, whose signature is right."""
    body = base64url.text(json.dumps(CLAIMS).encode() if payload is None else payload)
    message = f"{part(header)}.{body}"
    return f"{message}.{base64url.text(key.signature(message.encode()))}"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_implementation_verifies_what_we_sign(algorithm: Algorithm) -> None:
    """RFC 7515 §5.1, RFC 7518 §3, RFC 8037 §3.1."""
    key = signing_key(algorithm)
    for _ in range(20):  # the two halves of an ECDSA signature are padded to 32 bytes each
        token = joserfc.jwt.decode(
            jwt.sign(key, "at+jwt", CLAIMS), published(key.private), algorithms=[algorithm]
        )
        assert token.claims == CLAIMS
        assert token.header == {"alg": algorithm, "typ": "at+jwt", "kid": key.kid}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_we_verify_what_another_implementation_signs(algorithm: Algorithm) -> None:
    """RFC 7515 §5.2."""
    key = signing_key(algorithm)
    for _ in range(20):
        text = joserfc.jwt.encode(
            {"alg": algorithm, "typ": "at+jwt", "kid": key.kid},
            CLAIMS,
            imported(key.private),
            algorithms=[algorithm],
        )
        assert verified(text, key) == CLAIMS


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_verifies_nothing_that_another_key_signed(algorithm: Algorithm) -> None:
    """RFC 7515 §5.2."""
    text = jwt.sign(signing_key(algorithm, 1), "at+jwt", CLAIMS)
    with pytest.raises(MalformedToken, match="signature"):
        verified(text, signing_key(algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_other_algorithm_is_accepted_for_a_key(algorithm: Algorithm) -> None:
    """RFC 8725 §3.1: the key decides; the token is not asked. §2.1: "none" never is."""
    key = signing_key(algorithm)
    for claimed in ("none", "None", "HS256", "ES384", "RS512", "PS256", "", None):
        header = {"alg": claimed, "typ": "at+jwt", "kid": key.kid}
        with pytest.raises(MalformedToken, match="algorithm"):
            verified(signed_as(key, header), key)


def test_a_public_key_is_no_shared_secret() -> None:
    """RFC 8725 §2.1: the HS256 confusion of a public RSA key with an HMAC key."""
    key = signing_key("RS256")
    theirs = published(key.private)
    assert isinstance(theirs, RSAKey)
    public = theirs.as_pem(private=False)
    registry = JWSRegistry(algorithms=["HS256"])
    forged = joserfc.jwt.encode(
        {"alg": "HS256", "typ": "at+jwt", "kid": key.kid},
        CLAIMS,
        OctKey.import_key(urlsafe_b64encode(public).decode("ascii")),
        registry=registry,
    )
    with pytest.raises(MalformedToken):
        verified(forged, key)


@pytest.mark.parametrize("typ", ["JWT", "", "at+jwt ", "jwt", None, 5, ["at+jwt"]])
def test_a_token_of_another_type_is_refused(typ: object) -> None:
    """RFC 8725 §3.11 (explicit typing), §3.12."""
    key = signing_key("ES256")
    header = {"alg": "ES256", "typ": typ, "kid": key.kid}
    with pytest.raises(MalformedToken, match="type"):
        verified(signed_as(key, header), key)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+jwt"])
def test_a_type_has_no_case_and_may_be_spelled_out(typ: str) -> None:
    """RFC 7515 §4.1.9, RFC 9068 §4."""
    key = signing_key("ES256")
    header = {"alg": "ES256", "typ": typ, "kid": key.kid}
    assert verified(signed_as(key, header), key) == CLAIMS


@pytest.mark.parametrize("typ", ["at+jwt", "JWT"])
def test_we_verify_every_type_that_we_sign(typ: str) -> None:
    key = signing_key("ES256")
    assert verified(jwt.sign(key, typ, CLAIMS), key, typ) == CLAIMS


def test_a_token_that_demands_extensions_is_refused() -> None:
    """RFC 7515 §4.1.11: crit not understood → the JWS is invalid."""
    key = signing_key("ES256")
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid, "crit": ["b64"], "b64": False}
    with pytest.raises(MalformedToken, match="extensions"):
        verified(signed_as(key, header), key)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b'{"a": NaN}'])
def test_claims_are_a_json_object(payload: bytes) -> None:
    """RFC 7519 §7.2: a completely valid JSON object."""
    key = signing_key("ES256")
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    with pytest.raises(MalformedToken, match="claims"):
        verified(signed_as(key, header, payload), key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d.e",
        f"{part({'alg': 'ES256'})}.e30.",
        f"{part({'alg': 'ES256', 'kid': 5})}.e30.",
        f"{part([])}.e30.",
        "bnVsbA.e30.",
        "é.e30.",
        f"{part({'kid': 'k'})}.e30.A",
        f"{part({'kid': 'k'})}=.e30.",
        f"{part({'kid': 'k'})}.e30=.",
        f"{part({'kid': 'k'})}.e31.",
        f"{part({'kid': 'k'})} .e30.",
        f"{part({'kid': 'k'})}.e3\n0.",
        f"{part({'kid': 'k'})}.+/+/.",
    ],
)
def test_what_is_no_compact_jws_is_malformed(text: str) -> None:
    """RFC 7519 §7.2, RFC 7515 §2 (base64url without padding, white space or other characters)."""
    with pytest.raises(MalformedToken):
        jwt.take_apart(text)


token_text = st.text() | st.text(st.sampled_from("eyJ0.-_=AQg \n"), max_size=60)


@given(token_text | st.lists(st.binary().map(base64url.text), max_size=4).map(".".join))
@example("eyJraWQiOiJrIn0.e30.")
def test_arbitrary_text_is_a_token_or_malformed(text: str) -> None:
    try:
        token = jwt.take_apart(text)
    except MalformedToken:
        return
    parts = [base64url.text(token.payload), base64url.text(token.signature)]
    assert text.split(".")[1:] == parts, "one token has one text"


@given(st.binary())
def test_base64url_has_one_text_for_each_value(data: bytes) -> None:
    """RFC 7515 §2; two texts for one token would be two entries of one cache."""
    text = base64url.text(data)
    assert jwt.decode(text) == data
    for other in (text + "=", " " + text, text + "\n"):
        with pytest.raises(MalformedToken):
            jwt.decode(other)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(
    at=st.integers(0),
    replacement=st.sampled_from("ABCXYZabcxyz019-_.= ")
    | st.just("")
    | st.characters(codec="utf-8")
    | st.text(max_size=3),
    taken=st.integers(0, 3),
)
def test_no_change_of_a_valid_token_verifies(
    algorithm: Algorithm, at: int, replacement: str, taken: int
) -> None:
    """RFC 7515 §5.2: any part changed, cut, swapped or added to makes the token invalid."""
    key = signing_key(algorithm)
    text = TOKENS.setdefault(algorithm, jwt.sign(key, "at+jwt", CLAIMS))
    at %= len(text) + 1
    changed = text[:at] + replacement + text[at + taken :]
    if changed == text:
        assert verified(changed, key) == CLAIMS
        return
    with pytest.raises(MalformedToken):
        verified(changed, key)


TOKENS: dict[Algorithm, str] = {}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_parts_of_two_tokens_do_not_make_a_third(algorithm: Algorithm) -> None:
    """RFC 7515 §5.2: the signature is over header and payload."""
    key = signing_key(algorithm)
    one = jwt.sign(key, "at+jwt", CLAIMS).split(".")
    other = jwt.sign(key, "JWT", {**CLAIMS, "sub": "sub-bob"}).split(".")
    for mixed in ((0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1)):
        text = ".".join((one, other)[which][place] for place, which in enumerate(mixed))
        for typ in ("at+jwt", "JWT"):
            with pytest.raises(MalformedToken):
                verified(text, key, typ)


def test_an_ecdsa_signature_is_two_halves_of_32_bytes() -> None:
    """RFC 7518 §3.4: a 64-octet sequence, each half padded to 32; no other length will do."""
    key = signing_key("ES256")
    signatures = [key.signature(b"message %d" % n) for n in range(2000)]
    assert {len(signature) for signature in signatures} == {64}
    assert any(s[0] == 0 for s in signatures), "some halves start with a zero"
    one = signatures[0]
    assert key.verifying.verifies(b"message 0", one)
    for other in (one[:32] + b"\0" + one[32:], b"\0" + one, one + b"\0", one[:-1], b"", bytes(64)):
        assert not key.verifying.verifies(b"message 0", other)


def test_a_private_key_does_not_show_in_what_a_log_would_print() -> None:
    assert "private" not in repr(signing_key("EdDSA"))
