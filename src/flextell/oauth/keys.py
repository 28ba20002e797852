"""Signing keys: how they are made, published, taken into use and retired (RFC 7517, RFC 7638).

A key is published before it signs, so that no one meets a token of a key they cannot have
fetched yet, and stays published until the last token it signed has ended.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from flextell.oauth import base64url, jwt

Purpose = Literal["access_token", "id_token"]
RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A signing key as the store keeps it; the private half is encrypted under the master key.

    It signs from `active_from` until the next key of its purpose does; it is published until
    `published_until` (None: not retired yet).
    """

    kid: str
    purpose: Purpose
    algorithm: jwt.Algorithm
    sealed_private: bytes = field(repr=False)
    public_jwk: dict[str, str]
    created_at: int
    active_from: int
    published_until: int | None = None


def generate(algorithm: jwt.Algorithm) -> jwt.PrivateKey:
    """A new private key for the algorithm (RFC 7518 §3; RSA of 2048 bits, RFC 7518 §3.3)."""
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "RS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()


def to_der(private: jwt.PrivateKey) -> bytes:
    """The private key as PKCS #8, to be sealed before it is stored."""
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_der(data: bytes) -> jwt.PrivateKey:
    """The private key from PKCS #8. Raises ValueError if it is none of ours."""
    private = load_der_private_key(data, password=None)
    if not isinstance(
        private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    ):
        raise ValueError("not a signing key")
    return private


def _text(number: int, size: int) -> str:
    return base64url.text(number.to_bytes(size))


def public_members(private: jwt.PrivateKey) -> dict[str, str]:
    """The public members of the key's JWK (RFC 7518 §6, RFC 8037 §2)."""
    match private:
        case ec.EllipticCurvePrivateKey():
            ec_numbers = private.public_key().public_numbers()
            return {
                "kty": "EC",
                "crv": "P-256",
                "x": _text(ec_numbers.x, 32),
                "y": _text(ec_numbers.y, 32),
            }
        case rsa.RSAPrivateKey():
            rsa_numbers = private.public_key().public_numbers()
            return {
                "kty": "RSA",
                "n": _text(rsa_numbers.n, (rsa_numbers.n.bit_length() + 7) // 8),
                "e": _text(rsa_numbers.e, 3),
            }
        case ed25519.Ed25519PrivateKey():
            raw = private.public_key().public_bytes_raw()
            return {"kty": "OKP", "crv": "Ed25519", "x": base64url.text(raw)}


def thumbprint(members: dict[str, str]) -> str:
    """The key's name: its JWK thumbprint (RFC 7638 §3)."""
    canonical = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
    return base64url.text(sha256(canonical).digest())


def jwk(record: KeyRecord) -> dict[str, str]:
    """The key as our key set publishes it (RFC 7517 §4)."""
    return {**record.public_jwk, "kid": record.kid, "use": "sig", "alg": record.algorithm}


def published(records: Sequence[KeyRecord], now: int) -> list[KeyRecord]:
    """The keys that others must know now: coming, signing, and retired with living tokens."""
    return [r for r in records if r.published_until is None or r.published_until > now]


def signing(records: Sequence[KeyRecord], purpose: Purpose, now: int) -> KeyRecord | None:
    """The key that signs now: of those that are active, the one that became so last."""
    active = [r for r in records if r.purpose == purpose and r.active_from <= now]
    return max(active, key=lambda r: (r.active_from, r.created_at), default=None)


def waiting(records: Sequence[KeyRecord], purpose: Purpose, now: int) -> bool:
    """Whether a successor is already published and only waits for its time."""
    return any(r.purpose == purpose and r.active_from > now for r in records)


def due(
    records: Sequence[KeyRecord],
    purpose: Purpose,
    algorithm: jwt.Algorithm,
    rotation_seconds: int,
    now: int,
) -> bool:
    """Whether a new key must be made: none yet, another algorithm set, or the key is too old."""
    current = signing(records, purpose, now)
    if current is None:
        return True
    if waiting(records, purpose, now):
        return False
    too_old = rotation_seconds > 0 and now - current.active_from >= rotation_seconds
    return too_old or current.algorithm != algorithm


def fingerprint(data: dict[str, Any]) -> str:
    """An entity tag for a document: a strong hash of its canonical JSON (RFC 9110 §8.8.3)."""
    digest = sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).digest()
    return f'"{b64encode(digest[:12]).decode("ascii")}"'
