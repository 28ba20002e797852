"""Where tests keep tokens: each kind of store, opened by whichever process is told where."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.stores import FileStore, MemoryStore, Seal, TokenStore
from flextell_sdk.stores.sql import SqlStore

KEY, OTHER_KEY = bytes(range(32)), bytes(range(100, 132))
SEAL = Seal((KEY,))

_engines: list[Engine] = []


def new_engine(url: str, **options: Any) -> Engine:
    """An engine made in the usual way, until the test is over."""
    url = url.replace("postgresql://", "postgresql+psycopg://")
    _engines.append(create_engine(url, **options))
    return _engines[-1]


def dispose_engines() -> None:
    """Close all connections of this process."""
    while _engines:
        _engines.pop().dispose()


@dataclass(frozen=True, slots=True)
class InMemory:
    """One store for all who open it."""

    store: MemoryStore = field(default_factory=MemoryStore)

    def __call__(self) -> TokenStore:
        return self.store


@dataclass(frozen=True, slots=True)
class InFolder:
    """A store in a folder."""

    folder: Path
    kind: type[FileStore] = FileStore

    def __call__(self) -> FileStore:
        return self.kind(self.folder, SEAL)


@dataclass(frozen=True, slots=True)
class InDatabase:
    """A store in a database, with an engine of its own."""

    url: str

    def __call__(self, seal: Seal = SEAL, sources: Sources = SYSTEM) -> SqlStore:
        store = SqlStore(new_engine(self.url), seal, sources=sources)
        store.create_table()
        return store
