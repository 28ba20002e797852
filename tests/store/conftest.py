"""Stores on a new database: on each engine, and as many nodes on it as a test wants."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flextell.settings import Settings
from flextell.store import sqlite
from flextell.store.line import Call, Line
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store
from flextell.store.sqlite_store import SqliteStore
from flextell.store.transaction import Row
from tests.postgres import fresh_database
from tests.store.door import Door

ISSUER = "https://localhost:8443"

OpenNode = Callable[[], Store]

SQLITE_IN_THE_LOOP = "sqlite, in the event loop"
SHARED = "postgresql, shared transactions"
BRIEF = (SQLITE_IN_THE_LOOP, SHARED)
"""Where every unit of work says that it is brief."""
ENGINES = ("sqlite", SQLITE_IN_THE_LOOP, "postgresql", SHARED)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """What keeps the promises in this test."""
    name: str = request.param
    return name


@pytest.fixture
def empty_database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database."""
    if engine.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'flextell.sqlite3'}"
    url: str = request.getfixturevalue("fresh_postgres_database")
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database that is migrated and has nothing in it, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    file = folder / "flextell.sqlite3"
    migrate(Settings(data_dir=folder, issuer=ISSUER, database=f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_name(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database on the server that is migrated and has nothing in it."""
    with fresh_database(postgres_url) as url:
        folder = tmp_path_factory.mktemp("migrated")
        migrate(Settings(data_dir=folder, issuer=ISSUER, database=url))
        yield urlsplit(url).path.removeprefix("/")


@contextmanager
def migrated_database(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The URL of a new database that is migrated: a copy, for migrating takes a while."""
    if engine.startswith("sqlite"):
        file = folder / "flextell.sqlite3"
        shutil.copyfile(request.getfixturevalue("migrated_file"), file)
        file.chmod(0o600)
        yield f"sqlite:///{file}"
    else:
        server = request.getfixturevalue("postgres_url")
        with fresh_database(server, request.getfixturevalue("migrated_name")) as url:
            yield url


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database that is migrated."""
    with migrated_database(engine, request, tmp_path) as url:
        yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings that name the new database."""
    return Settings(
        data_dir=tmp_path, issuer=ISSUER, database=database_url, database_wait_seconds=20
    )


def a_node(settings: Settings, engine: str) -> Store:
    """One more store on a migrated database."""
    store = open_store(settings)
    if engine in BRIEF:
        store.write = partial(store.write, brief=True)  # type: ignore[method-assign]
        store.read = partial(store.read, brief=True)  # type: ignore[method-assign]
    return store


@pytest.fixture(scope="module", params=ENGINES)
def nodes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, Store]]:
    """Two stores on one database that the tests of a module share: each makes its own tenants."""
    folder = tmp_path_factory.mktemp("nodes")
    with ExitStack() as until_the_end:
        url = until_the_end.enter_context(migrated_database(request.param, request, folder))
        settings = Settings(data_dir=folder, issuer=ISSUER, database=url, database_wait_seconds=20)
        here, there = (
            until_the_end.enter_context(closing(a_node(settings, request.param))) for _ in "ab"
        )
        yield here, there


@pytest.fixture
def open_node(settings: Settings, engine: str) -> Iterator[OpenNode]:
    """Open one more store on the same database, as another node or the command line does."""
    opened: list[Store] = []

    def node() -> Store:
        opened.append(a_node(settings, engine))
        return opened[-1]

    yield node
    for store in opened:
        store.close()


@pytest.fixture
def store(open_node: OpenNode) -> Store:
    """A store on a new, migrated database."""
    return open_node()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def common_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store that the tests of a file share, for each brings tenants of its own."""
    folder = tmp_path_factory.mktemp("common")
    with migrated_database(request.param, request, folder) as url:
        settings = Settings(data_dir=folder, issuer=ISSUER, database=url)
        with closing(open_store(settings)) as opened:
            yield opened


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


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every connection that a store on SQLite makes from now on."""
    made: list[sqlite3.Connection] = []
    true_connect = sqlite.connect

    def connect(path: Path, wait_seconds: float) -> sqlite3.Connection:
        made.append(true_connect(path, wait_seconds))
        return made[-1]

    monkeypatch.setattr(sqlite, "connect", connect)
    return made


@pytest.fixture
def database(fresh_postgres_database: str, tmp_path: Path) -> str:
    """The URL of a migrated database."""
    migrate(Settings(data_dir=tmp_path, issuer=ISSUER, database=fresh_postgres_database))
    return fresh_postgres_database


@pytest.fixture
def door(database: str) -> Iterator[Door]:
    """A door in front of the server."""
    parts = urlsplit(database)
    door = Door(parts.hostname or "", parts.port or 5432)
    yield door
    door.shut()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many statements each round trip of a group had."""
    sizes: list[int] = []
    ask = Line.ask

    async def counted(line: Line, calls: Sequence[Call]) -> list[list[Row]]:
        sizes.append(len(calls))
        return await ask(line, calls)

    monkeypatch.setattr(Line, "ask", counted)
    return sizes
