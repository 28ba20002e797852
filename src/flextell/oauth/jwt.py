"""JSON Web Tokens in compact form, signed and verified (RFC 7515, RFC 7519, RFC 8725).

Our own few lines over `cryptography`: this is the hottest code of the server, and a general
JOSE library doubles its cost. A token names its key by `kid`, and the key, not the token,
says which algorithm is used (RFC 8725 §3.1).
"""

from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from flextell.oauth.base64url import encode

Algorithm = Literal["ES256", "RS256", "EdDSA"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_ECDSA = ec.ECDSA(SHA256())
_PKCS1 = padding.PKCS1v15()
_SHA256 = SHA256()


class MalformedToken(Exception):
    """The text is no JWT of ours: cut, padded, re-encoded, or its signature is not valid."""


def decode(text: str) -> bytes:
    """Raises MalformedToken unless the text is exactly what `encode` makes."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise MalformedToken("a part is not base64url") from None
    # Two texts for one token would make two entries of one cache; only the canonical one counts.
    if encode(data).decode("ascii") != text:
        raise MalformedToken("a part is not canonical base64url")
    return data


@dataclass(frozen=True)
class VerifyingKey:
    """A public key that we published, with the one algorithm it is for."""

    kid: str
    algorithm: Algorithm
    public: PublicKey = field(repr=False)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the signature of the message."""
        try:
            match self.public:
                case ec.EllipticCurvePublicKey():
                    if len(signature) != 64:
                        return False
                    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
                    self.public.verify(encode_dss_signature(r, s), message, _ECDSA)
                case rsa.RSAPublicKey():
                    self.public.verify(signature, message, _PKCS1, _SHA256)
                case ed25519.Ed25519PublicKey():
                    self.public.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A private key with its name and algorithm."""

    kid: str
    algorithm: Algorithm
    private: PrivateKey = field(repr=False)

    def signature(self, message: bytes) -> bytes:
        """The JWS signature of the message (RFC 7518 §3, RFC 8037 §3.1)."""
        match self.private:
            case ec.EllipticCurvePrivateKey():
                r, s = decode_dss_signature(self.private.sign(message, _ECDSA))
                return r.to_bytes(32) + s.to_bytes(32)
            case rsa.RSAPrivateKey():
                return self.private.sign(message, _PKCS1, _SHA256)
            case ed25519.Ed25519PrivateKey():
                return self.private.sign(message)

    @cached_property
    def verifying(self) -> VerifyingKey:
        """The half that others may have."""
        return VerifyingKey(self.kid, self.algorithm, self.private.public_key())

    def header(self, typ: str) -> bytes:
        """The encoded JOSE header for tokens of this type, made once."""
        made = self._headers.get(typ)
        if made is None:
            header = {"alg": self.algorithm, "typ": typ, "kid": self.kid}
            made = self._headers[typ] = encode(orjson.dumps(header))
        return made

    @cached_property
    def _headers(self) -> dict[str, bytes]:
        return {}


def sign(key: SigningKey, typ: str, claims: dict[str, Any]) -> str:
    """The compact JWS of the claims, with `typ`, `alg` and `kid` in its header."""
    message = key.header(typ) + b"." + encode(orjson.dumps(claims))
    return (message + b"." + encode(key.signature(message))).decode("ascii")


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token taken apart. Nothing in it may be believed before `claims` checked it."""

    kid: str
    header: dict[str, Any]
    payload: bytes
    message: bytes
    signature: bytes


def take_apart(token: str) -> Unverified:
    """The parts of a compact JWS. Raises MalformedToken."""
    if not token.isascii():
        raise MalformedToken("a token is ASCII")
    parts = token.split(".")
    if len(parts) != 3:
        raise MalformedToken("a token has three parts")
    try:
        header = orjson.loads(decode(parts[0]))
    except orjson.JSONDecodeError:
        raise MalformedToken("the header is not JSON") from None
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str):
        raise MalformedToken("the header names no key")
    return Unverified(
        kid=header["kid"],
        header=header,
        payload=decode(parts[1]),
        message=f"{parts[0]}.{parts[1]}".encode("ascii"),
        signature=decode(parts[2]),
    )


def claims(token: Unverified, key: VerifyingKey, typ: str) -> dict[str, Any]:
    """The claims, once the signature and the type are right. Raises MalformedToken.

    RFC 8725 §3.1 (the key decides the algorithm), §3.11 (explicit typing).
    """
    if token.header.get("alg") != key.algorithm:
        raise MalformedToken("the algorithm is not the key's")
    if str(token.header.get("typ", "")).lower().removeprefix("application/") != typ.lower():
        raise MalformedToken("the type is not the one expected")
    if "crit" in token.header:
        raise MalformedToken("the header demands extensions")
    if not key.verifies(token.message, token.signature):
        raise MalformedToken("the signature is not valid")
    try:
        found = orjson.loads(token.payload)
    except orjson.JSONDecodeError:
        raise MalformedToken("the claims are not JSON") from None
    if not isinstance(found, dict):
        raise MalformedToken("the claims are not an object")
    return found
