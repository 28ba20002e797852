"""Addresses that open one file for a few minutes to whoever has them (RFC 2104).

An address names the tenant, the file and its end, under a key that the nodes alone have; nothing is
kept of it. The end is rounded, so that the address of a file stays the same for a minute and a
browser asks once.
"""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256

PATH = "/files/"
SAME_SECONDS = 60

_CONTENT = struct.Struct(">QQQ")
_MAC_BYTES = 16
_TOKEN_CHARACTERS = -(-(_CONTENT.size + _MAC_BYTES) * 4 // 3)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a good address opens, and until when."""

    tenant_id: int
    file_id: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class FileAddresses:
    """The addresses at one issuer, each good for so many seconds and up to a minute more."""

    key: bytes = field(repr=False)
    issuer: str
    seconds: int

    def of(self, tenant_id: int, file_id: int, now: int) -> str:
        """The address of a file."""
        begun = now - now % SAME_SECONDS
        content = _CONTENT.pack(tenant_id, file_id, begun + SAME_SECONDS + self.seconds)
        token = urlsafe_b64encode(content + self._mac(content)).rstrip(b"=")
        return f"{self.issuer}{PATH}{token.decode('ascii')}"

    def read(self, token: str, now: int) -> Opened | None:
        """What the last part of an address opens; None if it is not ours or has ended."""
        if len(token) != _TOKEN_CHARACTERS or not token.isascii():
            return None
        try:
            made = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        content, mac = made[: _CONTENT.size], made[_CONTENT.size :]
        if not hmac.compare_digest(mac, self._mac(content)):
            return None
        opened = Opened(*_CONTENT.unpack(content))
        return opened if now < opened.expires_at else None

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self.key, content, sha256)[:_MAC_BYTES]
