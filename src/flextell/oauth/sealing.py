"""Encryption of what must be stored and read again: AES-256-GCM, derived keys (NIST SP 800-38D).

Two uses: signing keys under the master key, and the successor of a refresh token under a key
derived from the token that buys it, so that the database alone can produce neither.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_BYTES = 32


class WrongKey(Exception):
    """The sealed bytes were not sealed under this key, or were changed."""


def derive(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose from a secret of at least 128 random bits (RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"flextell {purpose}".encode()).derive(secret)


def seal(key: bytes, plain: bytes, nonce: bytes, context: bytes = b"") -> bytes:
    """Encrypt and authenticate; `nonce` is 12 fresh random bytes, `context` is bound to it."""
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def unseal(key: bytes, sealed: bytes, context: bytes = b"") -> bytes:
    """What was sealed. Raises WrongKey."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise WrongKey from None
