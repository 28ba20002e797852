"""Tokens in a folder: one sealed file and one lock for each grant, for its owner alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import platformdirs

from flextell_sdk.errors import StoreDamaged, StoreError, StoreKeyMissing
from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.stores.holding import holding
from flextell_sdk.stores.keys import FolderKeys, key_from_environment
from flextell_sdk.stores.private_files import (
    locked,
    private_folder,
    read_private,
    remove_private,
    write_private,
)
from flextell_sdk.stores.protocol import Held
from flextell_sdk.stores.sealing import Seal, grant_name
from flextell_sdk.tokens import Tokens

SUFFIX = ".tokens"
RESEAL_WAIT_SECONDS = 60.0


def default_folder() -> Path:
    """Where programs of this user keep tokens, by the system's own custom."""
    return Path(platformdirs.user_data_dir("flextell-sdk", appauthor=False))


class FileStore:
    """`TokenStore` in a folder that may be shared by all programs of one user on one machine.

    Without a `seal` the keys are found, or made, as `keys` says. Raises StoreError.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        seal: Seal | None = None,
        sources: Sources = SYSTEM,
    ) -> None:
        self.folder = (default_folder() if folder is None else Path(folder)).absolute()
        self._sources = sources
        private_folder(self.folder)
        self._keys = FolderKeys(self.folder, sources)
        given = seal or key_from_environment()
        self._has_own_keys = given is None
        self._seal = given or self._keys.seal()

    def load(self, key: str) -> Tokens | None:
        file = self._file(key)
        content = read_private(file)
        return None if content is None else Tokens.from_bytes(self._open(file, content))

    @contextmanager
    def hold(self, key: str, wait_seconds: float) -> Iterator[Held]:
        with (
            locked(self._file(key).with_suffix(".lock"), wait_seconds, self._sources),
            holding(partial(self.load, key), partial(self._keep, self._file(key))) as held,
        ):
            yield held

    def rotate_key(self) -> None:
        """Seal everything under a new key; the old ones stay, for programs that know no other yet.

        After a crash, call it again, or `reseal`. Raises StoreError. Keys that the environment or
        the caller holds are changed there, as `keys` says.
        """
        if not self._has_own_keys:
            raise StoreError("The keys of this store are given to it: change them where they are.")
        self._seal = self._keys.rotate(self._seal)
        self.reseal()

    def reseal(self) -> int:
        """Seal under the first key whatever is under another; how many grants that were.

        What cannot be opened is left as it is. Raises StoreError.
        """
        return sum(self._reseal(file) for file in sorted(self.folder.glob(f"*{SUFFIX}")))

    def _reseal(self, file: Path) -> bool:
        with locked(file.with_suffix(".lock"), RESEAL_WAIT_SECONDS, self._sources):
            content = read_private(file)
            if content is None or self._seal.is_current(content):
                return False
            try:
                self._write(file, self._open(file, content))
            except (StoreDamaged, StoreKeyMissing):
                return False
            return True

    def _file(self, key: str) -> Path:
        return self.folder / (grant_name(key) + SUFFIX)

    def _open(self, file: Path, content: bytes) -> bytes:
        try:
            return self._seal.open(content, file.stem)
        except StoreKeyMissing:
            if not self._has_own_keys:
                raise
        # Another program changed the key since we read it.
        self._seal = self._keys.seal()
        return self._seal.open(content, file.stem)

    def _keep(self, file: Path, tokens: Tokens | None) -> None:
        if tokens is None:
            remove_private(file)
        else:
            self._write(file, tokens.to_bytes())

    def _write(self, file: Path, content: bytes) -> None:
        write_private(file, self._seal.close(content, file.stem, self._sources))
