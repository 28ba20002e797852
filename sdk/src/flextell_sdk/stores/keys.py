"""Where the sealing keys come from: the environment, or the folder of the tokens.

A folder's own keys are made by the program that first needs them. They go into the system's keyring
if there is one that works, else into the file `token.key` beside the tokens. That file is there in
both cases and says where they are: a program that cannot reach the keyring then says so, and does
not make other keys. Keys are written as unpadded base64url, the newest first:

    token.key = "keyring " entry | key *("," key)

To change the keys that the environment or a secret manager holds, put the new one after the old one
everywhere, then before it everywhere; call `reseal()` of the store; take the old one away.
"""

import base64
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from flextell_sdk.errors import StoreKeyMissing
from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.stores import system_keyring
from flextell_sdk.stores.private_files import locked, read_private, write_private
from flextell_sdk.stores.sealing import KEY_BYTES, Seal

VARIABLE = "FLEXTELL_TOKEN_KEY"
KEY_FILE = "token.key"
IN_KEYRING = "keyring "
WAIT_SECONDS = 60.0  # a person may have to unlock the keyring


def new_key(sources: Sources = SYSTEM) -> str:
    """A new key as text, for `FLEXTELL_TOKEN_KEY` or a secret manager."""
    return _text(Seal((sources.secret(KEY_BYTES),)))


def key_from_text(text: str) -> Seal:
    """The keys that a text holds. Raises StoreKeyMissing."""
    try:
        return Seal(tuple(_bytes(part.strip()) for part in text.split(",")))
    except ValueError:
        raise StoreKeyMissing(f"A sealing key is base64url of {KEY_BYTES} bytes.") from None


def key_from_environment(environment: Mapping[str, str] = os.environ) -> Seal | None:
    """The keys in `FLEXTELL_TOKEN_KEY`, None if it is not set. Raises StoreKeyMissing."""
    text = environment.get(VARIABLE, "")
    return key_from_text(text) if text else None


@dataclass(frozen=True, slots=True)
class FolderKeys:
    """The keys of a folder, which is private already."""

    folder: Path
    sources: Sources = SYSTEM

    def seal(self) -> Seal:
        """The keys, made on first use; of many who start at once one makes them.

        Raises StoreError.
        """
        kept = self._read()
        if kept is None:
            with self._alone():
                kept = self._read() or self._make()
        return kept

    def rotate(self, known: Seal) -> Seal:
        """The keys with a new one before them, kept already; `known` if somebody removed them.

        Raises StoreError.
        """
        with self._alone():
            before = self._read() or known
            seal = Seal((self.sources.secret(KEY_BYTES), *before.keys))
            entry = _entry(self._file())
            if entry is None:
                self._write(_text(seal))
            else:
                system_keyring.change(entry, _text(seal))
            return seal

    def _read(self) -> Seal | None:
        text = self._file()
        entry = _entry(text)
        if entry is not None:
            text = system_keyring.get(entry)
        return key_from_text(text) if text else None

    def _make(self) -> Seal:
        seal = Seal((self.sources.secret(KEY_BYTES),))
        entry = system_keyring.put(_text(seal), self.sources)
        self._write(_text(seal) if entry is None else IN_KEYRING + entry)
        return seal

    def _file(self) -> str:
        content = read_private(self.folder / KEY_FILE)
        return "" if content is None else content.decode("ascii", "replace").strip()

    def _write(self, text: str) -> None:
        write_private(self.folder / KEY_FILE, text.encode("ascii"))

    def _alone(self) -> AbstractContextManager[None]:
        return locked(self.folder / f"{KEY_FILE}.lock", WAIT_SECONDS, self.sources)


def _entry(text: str) -> str | None:
    """The keyring's entry that the key file names, if it names one."""
    return text.removeprefix(IN_KEYRING) if text.startswith(IN_KEYRING) else None


def _text(seal: Seal) -> str:
    return ",".join(base64.urlsafe_b64encode(key).rstrip(b"=").decode("ascii") for key in seal.keys)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
