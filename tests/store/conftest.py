"""Stores on a new database: on each engine, and as many nodes on it as a test wants."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flextell.settings import Settings
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store
from flextell.store.sqlite import SqliteStore

ISSUER = "https://localhost:8443"

OpenNode = Callable[[], Store]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings that name the new database."""
    return Settings(
        data_dir=tmp_path, issuer=ISSUER, database=database_url, database_wait_seconds=20
    )


@pytest.fixture
def open_node(settings: Settings) -> Iterator[OpenNode]:
    """Open one more store on the same database, as another node or the command line does."""
    migrate(settings)
    opened: list[Store] = []

    def node() -> Store:
        opened.append(open_store(settings))
        return opened[-1]

    yield node
    for store in opened:
        store.close()


@pytest.fixture
def store(open_node: OpenNode) -> Store:
    """A store on a new, migrated database."""
    return open_node()


@pytest.fixture
def both_nodes(open_node: OpenNode) -> tuple[Store, Store]:
    """Two stores on one new database."""
    return open_node(), open_node()


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """A migrated SQLite database."""
    path = tmp_path / "flextell.db"
    migrate(Settings(data_dir=tmp_path, issuer=ISSUER))
    return path


@pytest.fixture
def sqlite_store(sqlite_file: Path) -> Iterator[SqliteStore]:
    """A store on SQLite that does not wait long for locks."""
    store = SqliteStore(sqlite_file, wait_seconds=0.2)
    yield store
    store.close()
