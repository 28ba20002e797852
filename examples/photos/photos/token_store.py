"""Keep tokens in one encrypted file that only its owner can read.

AES-256-GCM under a key from its own file. Every change is on disk before the call returns, so a
token pair that is used is a pair that survives a crash. One process per folder.
"""

import json
import os
import secrets
import stat
from dataclasses import asdict
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .oauth import Tokens
from .problems import Problem

KEY_BITS = 256
KEPT_SECONDS = 30 * 24 * 3600  # unused for so long: the refresh token has expired too
NONCE_BYTES = 12  # NIST SP 800-38D section 5.2.1.1
ABOUT = b"photos token store, version 1"  # authenticated with the content, not stored


class TokenStore:
    """Tokens by owner: `owner` is a digest of the session, so the file cannot lend a session."""

    def __init__(self, folder: Path) -> None:
        """Open or make the store. Raises ValueError with one sentence if it cannot be trusted."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._file = folder / "tokens.encrypted"
        self._cipher = AESGCM(_key(folder / "tokens.key", may_be_made=not self._file.exists()))
        self._lock = Lock()
        self._tokens = self._read()

    def get(self, owner: str) -> Tokens | None:
        """The newest tokens of `owner`."""
        return self._tokens.get(owner)

    def put(self, owner: str, tokens: Tokens) -> None:
        """Keep `tokens` instead of the owner's old ones, durable on return.

        Raises Problem: storage, and then nothing has changed.
        """
        too_old = tokens.expires_at - KEPT_SECONDS
        with self._lock:
            kept = {one: old for one, old in self._tokens.items() if old.expires_at > too_old}
            self._write(kept | {owner: tokens})

    def remove(self, owner: str) -> None:
        """Forget the owner's tokens, on disk too."""
        with self._lock:
            self._write({one: kept for one, kept in self._tokens.items() if one != owner})

    def _read(self) -> dict[str, Tokens]:
        if not self._file.exists():
            return {}
        content = self._file.read_bytes()
        try:
            clear = self._cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], ABOUT)
        except (InvalidTag, ValueError) as cause:
            raise ValueError(f"{self._file} was changed or belongs to another key.") from cause
        return {owner: Tokens(**kept) for owner, kept in json.loads(clear).items()}

    def _write(self, tokens: dict[str, Tokens]) -> None:
        clear = json.dumps({owner: asdict(kept) for owner, kept in tokens.items()}).encode()
        nonce = secrets.token_bytes(NONCE_BYTES)
        try:
            _replace(self._file, nonce + self._cipher.encrypt(nonce, clear, ABOUT))
        except OSError as cause:
            raise Problem("storage", type(cause).__name__) from cause
        self._tokens = tokens  # only now: what we hand out is what is on disk


def _key(file: Path, *, may_be_made: bool) -> bytes:
    """The key in `file`, made on first use."""
    if may_be_made and not file.exists():
        _replace(file, AESGCM.generate_key(KEY_BITS))
    if not file.exists():
        raise ValueError(f"{file} is missing: without it the stored tokens cannot be read.")
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise ValueError(f"{file} can be read by others: make it yours alone with chmod 600.")
    key = file.read_bytes()
    if len(key) * 8 != KEY_BITS:
        raise ValueError(f"{file} is not a key of {KEY_BITS} bits.")
    return key


def _replace(file: Path, content: bytes) -> None:
    """Write all of `content` or nothing: new file (0600), fsync, rename, fsync of the folder."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)  # left by a crash
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
