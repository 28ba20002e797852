"""Seal tokens: AES-256-GCM under a named key, bound to the grant they belong to.

    sealed = "FX1" | key id (8 bytes) | nonce (12 bytes) | ciphertext and tag

The grant's name is authenticated with the content, so that sealed tokens cannot be moved from one
person to another (NIST SP 800-38D §8.2.2: random nonces; a store writes far fewer than 2^32).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flextell_sdk.errors import StoreDamaged, StoreKeyMissing
from flextell_sdk.sources import SYSTEM, Sources

MAGIC = b"FX1"
KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 8
HEAD_BYTES = len(MAGIC) + KEY_ID_BYTES


def grant_name(key: str) -> str:
    """What a grant is called where others may look: it tells neither person nor app."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def key_id(key: bytes) -> bytes:
    """A name for a key that does not tell it."""
    return hashlib.sha256(b"flextell-sdk sealing key" + key).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class Seal:
    """The keys of a store: the first one seals, every one opens. Raises StoreKeyMissing."""

    keys: tuple[bytes, ...] = field(repr=False)
    _ciphers: Mapping[bytes, AESGCM] = field(repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) != KEY_BYTES for key in self.keys):
            raise StoreKeyMissing(
                f"A sealing key (FLEXTELL_TOKEN_KEY, or a file) is base64url of {KEY_BYTES} bytes."
            )
        object.__setattr__(self, "_ciphers", {key_id(key): AESGCM(key) for key in self.keys})

    def close(self, content: bytes, belongs_to: str, sources: Sources = SYSTEM) -> bytes:
        """Seal `content`, which belongs to the grant of that name."""
        name, nonce = key_id(self.keys[0]), sources.secret(NONCE_BYTES)
        head = MAGIC + name
        about = head + belongs_to.encode()
        return head + nonce + self._ciphers[name].encrypt(nonce, content, about)

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """What was sealed. Raises StoreKeyMissing, StoreDamaged."""
        head, rest = sealed[:HEAD_BYTES], sealed[HEAD_BYTES:]
        nonce, content = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        if not sealed.startswith(MAGIC) or len(nonce) < NONCE_BYTES:
            raise StoreDamaged("The stored tokens are cut short, or are no tokens.")
        cipher = self._ciphers.get(head[len(MAGIC) :])
        if cipher is None:
            raise StoreKeyMissing(
                "The stored tokens are sealed under another key; bring it back, or sign in anew."
            )
        try:
            return cipher.decrypt(nonce, content, head + belongs_to.encode())
        except InvalidTag:
            raise StoreDamaged(
                "The stored tokens were changed, or belong to another grant."
            ) from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether it is sealed under the first key."""
        return sealed.startswith(MAGIC + key_id(self.keys[0]))
