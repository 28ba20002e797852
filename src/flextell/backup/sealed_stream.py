"""A stream under a passphrase (RFC 9106, NIST SP 800-38D, STREAM of Hoang et al., 2015).

    magic, version   says which of the tables below made the rest
    salt             16 random bytes: passphrase and salt make the key, by Argon2id
    check            tells a wrong passphrase from a damaged file
    chunks           1 MiB each under AES-256-GCM, the last one shorter

The nonce of a chunk is its number and whether it is the last one. So a chunk that was changed,
moved, repeated or left out does not open, and neither does a file without its end.
"""

import hmac
import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flextell.oauth import sealing

MAGIC = b"flextell backup\n"
VERSION = 2
SALT_BYTES = 16
CHECK_BYTES = 32
HEADER_BYTES = len(MAGIC) + 1 + SALT_BYTES + CHECK_BYTES
CHUNK_BYTES = 2**20
TAG_BYTES = 16
NUMBER_BYTES = 11


@dataclass(frozen=True, slots=True)
class Argon2id:
    """The cost of one guess of a passphrase."""

    passes: int
    memory_kib: int
    lanes: int


# RFC 9106 §4, second recommended option. The version of a file fixes its cost: a header that could
# ask for another one would let a forged file use up the memory of whoever opens it.
RFC_9106_LOW_MEMORY = Argon2id(passes=3, memory_kib=64 * 1024, lanes=4)
# What it holds may differ too: since 2 that is files.
COSTS = {1: RFC_9106_LOW_MEMORY, 2: RFC_9106_LOW_MEMORY}


class BackupProblem(Exception):
    """A backup cannot be made or used; the text is one sentence saying why."""


class WrongPassphrase(BackupProblem):
    """The passphrase is not the one the backup was made with."""


class Damaged(BackupProblem):
    """The backup is not whole, or somebody changed it."""


class Conflict(BackupProblem):
    """What is there already does not allow it."""


class SealedWriter:
    """Writes a sealed stream into a file. `salt` is 16 fresh random bytes."""

    def __init__(self, file: BinaryIO, passphrase: str, salt: bytes) -> None:
        self._file = file
        self._held = bytearray()
        self._number = 0
        header = MAGIC + bytes([VERSION]) + salt
        key = _key(passphrase, salt, COSTS[VERSION])
        self._cipher = AESGCM(sealing.derive(key, "backup chunks"))
        file.write(header + _check(key, header))

    def write(self, plain: bytes) -> int:
        """Take the next bytes."""
        self._held += plain
        # One chunk is always held back: whether it is the last one is known when more has come.
        while len(self._held) > CHUNK_BYTES:
            self._seal(bytes(self._held[:CHUNK_BYTES]), last=False)
            del self._held[:CHUNK_BYTES]
        return len(plain)

    def end(self) -> None:
        """Seal the end; nothing may be written after it."""
        self._seal(bytes(self._held), last=True)

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), plain, None))
        self._number += 1


class SealedReader:
    """Reads a sealed stream; what it returns was written by whoever knew the passphrase.

    That nothing is missing is certain when `read` returns no more. Raises WrongPassphrase, Damaged.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        self._plain = b""
        self._number = 0
        self._cipher = AESGCM(_opened(file.read(HEADER_BYTES), passphrase))
        self._ahead = file.read(CHUNK_BYTES + TAG_BYTES)
        self._ended = False

    def read(self, size: int) -> bytes:
        """The next bytes, fewer than `size` only at the end."""
        parts = []
        while size > 0 and (self._plain or self._open_next()):
            parts.append(self._plain[:size])
            self._plain = self._plain[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def _open_next(self) -> bool:
        """Open one more chunk; False if there is none, the last one having been opened."""
        if self._ended:
            return False
        sealed, self._ahead = self._ahead, self._file.read(CHUNK_BYTES + TAG_BYTES)
        self._ended = not self._ahead
        try:
            self._plain = self._cipher.decrypt(_nonce(self._number, self._ended), sealed, None)
        except (InvalidTag, ValueError):  # the latter for a piece too short to hold a tag
            raise Damaged("The backup is damaged or incomplete; use another one.") from None
        self._number += 1
        return bool(self._plain)


def _opened(header: bytes, passphrase: str) -> bytes:
    """The key of the chunks."""
    if not header.startswith(MAGIC) or len(header) < HEADER_BYTES:
        raise Damaged("The file is not a backup, or not the whole of one.")
    version = header[len(MAGIC)]
    if version not in COSTS:
        raise Damaged("The backup was made by a newer program; install that.")
    said, check = header[:-CHECK_BYTES], header[-CHECK_BYTES:]
    key = _key(passphrase, said[-SALT_BYTES:], COSTS[version])
    if not hmac.compare_digest(check, _check(key, said)):
        raise WrongPassphrase("The passphrase is wrong, or the backup is damaged at its beginning.")
    return sealing.derive(key, "backup chunks")


def _key(passphrase: str, salt: bytes, cost: Argon2id) -> bytes:
    # However a keyboard composes an accent, it is the same passphrase (RFC 8265 §4.2).
    secret = unicodedata.normalize("NFC", passphrase).encode()
    return hash_secret_raw(
        secret, salt, cost.passes, cost.memory_kib, cost.lanes, sealing.KEY_BYTES, Type.ID
    )


def _check(key: bytes, header: bytes) -> bytes:
    return hmac.digest(sealing.derive(key, "backup header"), header, sha256)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(NUMBER_BYTES, "big") + bytes([last])
