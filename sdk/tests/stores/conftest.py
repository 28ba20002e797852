"""Stores for tests, and no key or keyring of whoever runs them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flextell_sdk.stores.conformance import OpenStore
from flextell_sdk.stores.keys import VARIABLE
from flextell_sdk.stores.sql import SqlStore
from sdk.tests.stores.places import InDatabase, InFolder, InMemory, dispose_engines


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither a key in the environment nor a keyring; and no connection left at the end."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "keyring", None)  # as if it were not installed
    yield
    dispose_engines()


@pytest.fixture
def memory() -> InMemory:
    """A place in memory; empty."""
    return InMemory()


@pytest.fixture
def files(tmp_path: Path) -> InFolder:
    """A place in a folder; empty."""
    return InFolder(tmp_path / "tokens")


@pytest.fixture
def sqlite(tmp_path: Path) -> InDatabase:
    """A place in a file of SQLite; empty."""
    return InDatabase(f"sqlite:///{tmp_path / 'tokens.db'}")


@pytest.fixture
def postgres(fresh_postgres_database: str) -> InDatabase:
    """A place in PostgreSQL; empty."""
    return InDatabase(fresh_postgres_database)


@pytest.fixture(params=["memory", "files", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> OpenStore:
    """A place of any kind; empty."""
    found: OpenStore = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["files", "sqlite", "postgres"])
def shared_place(request: pytest.FixtureRequest) -> OpenStore:
    """A place that processes can share; empty."""
    found: OpenStore = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> InDatabase:
    """A place in a database; empty."""
    found: InDatabase = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(database: InDatabase) -> SqlStore:
    """A store in it."""
    return database()
