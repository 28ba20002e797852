"""Where a command works: a folder of tokens, a name in it, and the app that was remembered there.

The app lies in the folder like the tokens: in a file for its owner alone, sealed, for it may hold
a secret.
"""

import json
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote

import httpx2

from flextell_sdk.app import App
from flextell_sdk.app_file import known_fields
from flextell_sdk.errors import SignInAgain, StoreDamaged, StoreError, StoreKeyMissing
from flextell_sdk.grant import Grant
from flextell_sdk.grants import DEFAULT_NAME, Grants
from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.stores.file import FileStore, default_folder
from flextell_sdk.stores.keys import FolderKeys, key_from_environment
from flextell_sdk.stores.private_files import (
    locked,
    private_folder,
    read_private,
    remove_private,
    write_private,
)
from flextell_sdk.stores.sealing import Seal, grant_name
from flextell_sdk.tokens import Tokens

PROGRAM = "python -m flextell_sdk"
SUFFIX = ".app"
LOCK_WAIT_SECONDS = 10.0


class AppUnreadable(StoreError):
    """The remembered app cannot be opened; named again, it is remembered anew."""


@dataclass(frozen=True, slots=True)
class Means:
    """What commands reach beside their folder; tests put others in their place."""

    sources: Sources = SYSTEM
    transport: httpx2.BaseTransport | None = None
    open_browser: Callable[[str], object] = webbrowser.open


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a folder of tokens. Nothing need be there yet."""

    folder: Path
    name: str
    means: Means

    def grants(self, app: App) -> Grants:
        """The grants of that app here. Raises StoreError."""
        store = FileStore(self.folder, sources=self.means.sources)
        return Grants(app, store, sources=self.means.sources, transport=self.means.transport)

    @contextmanager
    def grant(self) -> Iterator[Grant]:
        """What was allowed to the remembered app. Raises SignInAgain if none is, StoreError."""
        app = self.recall()
        if app is None:
            raise SignInAgain(self.name, "nobody has signed in yet.")
        with self.grants(app) as grants:
            yield grants.open(self.name)

    def kept(self, app: App) -> Tokens | None:
        """The tokens as they lie here, whatever they are worth. Raises StoreError."""
        store = FileStore(self.folder, sources=self.means.sources)
        return store.load(app.grant_key(self.name))

    def recall(self) -> App | None:
        """The app that was remembered, None if none was. Raises AppUnreadable, StoreError."""
        sealed = read_private(self._file)
        if sealed is None:
            return None
        seal = self._seal()
        try:
            content = seal.open(sealed, self._file.name)
        except StoreDamaged:
            raise AppUnreadable("The app that was remembered was changed or cut short.") from None
        except StoreKeyMissing:
            raise AppUnreadable(
                "The app that was remembered is sealed under another key: bring that back."
            ) from None
        return App(**known_fields(json.loads(content), self._file))

    def remember(self, app: App) -> None:
        """Keep the app for commands to come. Raises StoreError."""
        private_folder(self.folder)
        content = json.dumps({**asdict(app), "ca_file": str(app.ca_file or "")}).encode()
        sources = self.means.sources
        with locked(self._file.with_suffix(".lock"), LOCK_WAIT_SECONDS, sources):
            write_private(self._file, self._seal().close(content, self._file.name, sources))

    def forget(self) -> None:
        """Remember no app any more. Raises StoreError."""
        remove_private(self._file)

    def command(self, *words: str) -> str:
        """A command line for the same place, to be pasted."""
        options = []
        if self.folder != default_folder():
            options += ["--folder", str(self.folder)]
        if self.name != DEFAULT_NAME:
            options += ["--name", self.name]
        return " ".join((PROGRAM, *map(quote, (*words, *options))))

    @property
    def _file(self) -> Path:
        return self.folder / (grant_name(self.name) + SUFFIX)

    def _seal(self) -> Seal:
        # As `FileStore` does.
        return key_from_environment() or FolderKeys(self.folder, self.means.sources).seal()
