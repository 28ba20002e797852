"""The schema: as `tables` says, made whole or not at all, by one of those who try at once."""

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import Connection, inspect, text

from flextell.settings import Settings
from flextell.store import migrating, opening
from flextell.store.opening import database_url, engine, migrate, open_store, standing
from flextell.store.port import StoreUnavailable
from flextell.store.standing import HEAD, SchemaOutdated, Standing
from flextell.store.tables import metadata
from tests.store.conftest import ISSUER
from tests.store.samples import PHOTOS


@pytest.fixture
def settings(empty_database_url: str, tmp_path: Path) -> Settings:
    """Settings that name a new database that nobody has migrated."""
    return Settings(data_dir=tmp_path, issuer=ISSUER, database=empty_database_url)


def set_version(settings: Settings, version: str) -> None:
    with engine(database_url(settings)).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})


def differences(connection: Connection) -> list[Any]:
    """What Alembic would do to a database to make it as `tables` describes it."""

    def is_for_here(thing: Any, name: str | None, kind: str, *_: Any) -> bool:
        everywhere = kind != "index" or not thing.dialect_options["postgresql"]["using"]
        return everywhere or connection.dialect.name == "postgresql"

    opts = {
        "compare_type": True,
        "compare_server_default": True,
        "include_object": is_for_here,
    }
    context = MigrationContext.configure(connection, opts=opts)
    return list(compare_metadata(context, metadata))


def test_the_migrated_schema_is_the_one_that_tables_describe(settings: Settings) -> None:
    migrate(settings)
    with engine(database_url(settings)).connect() as connection:
        assert differences(connection) == []


def test_a_column_that_no_migration_made_would_be_noticed(settings: Settings) -> None:
    migrate(settings)
    with engine(database_url(settings)).begin() as connection:
        connection.execute(text("ALTER TABLE people DROP COLUMN disabled_at"))
        assert [change[0] for change in differences(connection)] == ["add_column"]


def test_migrating_twice_is_harmless(settings: Settings) -> None:
    assert migrate(settings) == HEAD
    store = open_store(settings)
    store.at_once(lambda unit: unit.clients.add(PHOTOS))
    store.close()
    assert migrate(settings) == HEAD
    assert standing(database_url(settings)) == Standing(HEAD)
    store = open_store(settings)
    assert store.at_once(lambda unit: unit.clients.get("photos")) == PHOTOS
    store.close()


def test_of_many_who_migrate_at_once_all_find_it_done(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: migrate(settings), range(4))) == [HEAD] * 4


def test_many_who_make_the_same_file_at_once_share_it(tmp_path: Path) -> None:
    """SQLite does not wait when two switch one file to WAL: one of them would be refused."""
    threads, files = 8, 20
    together = Barrier(threads)

    def make(path: Path) -> None:
        together.wait()
        opening._make_file(path, wait_seconds=5)

    with ThreadPoolExecutor(threads) as pool:
        for number in range(files):
            list(pool.map(make, [tmp_path / f"{number}.db"] * threads))
    assert len(list(tmp_path.glob("*.db"))) == files
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_database_of_a_newer_version_is_refused_with_a_sentence(settings: Settings) -> None:
    migrate(settings)
    set_version(settings, "9999")
    for attempt in (open_store, migrate):
        with pytest.raises(SchemaOutdated, match=r"newer than this program; install a newer one\."):
            attempt(settings)
    assert standing(database_url(settings)).version == "9999"


def test_the_embedded_database_is_made_when_it_is_opened(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, issuer=ISSUER)
    store = open_store(settings)
    assert store.at_once(lambda unit: unit.clients.all()) == []
    store.close()


def test_a_shared_database_is_migrated_by_command_only(
    fresh_postgres_database: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, issuer=ISSUER, database=fresh_postgres_database)
    with pytest.raises(SchemaOutdated, match="run flextell migrate"):
        open_store(settings)
    assert standing(database_url(settings)).version is None


@pytest.mark.parametrize("done", [0, 1])
def test_a_migration_that_is_cut_short_leaves_nothing_of_it_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """The next start begins it anew instead of meeting half a schema."""

    class CutShort(BaseException):
        pass

    tables: list[list[str]] = [[]]
    whole = migrating._upgrade

    def cut(connection: Connection, config: Config, script: Script) -> None:
        whole(connection, config, script)
        if len(tables) > done:
            raise CutShort
        tables.append(inspect(connection).get_table_names())

    monkeypatch.setattr(migrating, "_upgrade", cut)
    with pytest.raises(CutShort):
        migrate(settings)
    monkeypatch.undo()
    with engine(database_url(settings)).connect() as connection:
        assert sorted(inspect(connection).get_table_names()) == sorted(tables[-1])
    assert migrate(settings) == HEAD


def test_the_newest_migration_is_the_one_that_this_program_needs(settings: Settings) -> None:
    assert migrate(settings) == HEAD


@pytest.mark.parametrize(
    ("head", "found", "ready"),
    [
        ("0002_since_0001", Standing(None), False),
        ("0002_since_0001", Standing("0001"), False),
        ("0002_since_0001", Standing("0002_since_0001"), True),
        ("0002_since_0001", Standing("0002_since_0001", unfinished=True), False),
        ("0002_since_0001", Standing("0003_since_0002"), True),
        ("0002_since_0001", Standing("0003_since_0002", unfinished=True), True),
        ("0002_since_0001", Standing("0003_since_0001"), True),
        ("0002_since_0001", Standing("0004_since_0003"), False),
        ("0002_since_0001", Standing("0004"), False),
        ("0001", Standing("0002_since_0001"), True),
    ],
)
def test_a_version_says_which_programs_can_use_it(
    monkeypatch: pytest.MonkeyPatch, head: str, found: Standing, ready: bool
) -> None:
    """So that nodes of the version before start again, while it is migrated and afterwards."""
    monkeypatch.setattr("flextell.store.standing.HEAD", head)

    assert found.ready is ready


def test_a_program_leaves_a_newer_database_that_it_can_use_as_it_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(settings)
    monkeypatch.setattr("flextell.store.standing.HEAD", "0001")
    store = open_store(settings)
    store.at_once(lambda unit: unit.clients.add(PHOTOS))
    store.close()

    assert migrate(settings) == HEAD


def test_starting_in_many_processes_on_an_empty_folder_works_for_all(tmp_path: Path) -> None:
    """As `flextell serve` and `flextell users create` do, started together."""
    script = (
        "import sys, pathlib\n"
        "from flextell.settings import Settings\n"
        "from flextell.store.opening import open_store\n"
        "store = open_store(Settings(data_dir=pathlib.Path(sys.argv[1]), issuer=sys.argv[2]))\n"
        "print(store.at_once(lambda unit: unit.clients.all()))\n"
        "store.close()\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), ISSUER],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.communicate(timeout=60) == ("[]\n", "")


def test_nobody_else_can_read_the_database_file(tmp_path: Path) -> None:
    store = open_store(Settings(data_dir=tmp_path, issuer=ISSUER))
    store.at_once(lambda unit: unit.clients.add(PHOTOS))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()
    assert modes == dict.fromkeys(("flextell.db", "flextell.db-wal", "flextell.db-shm"), 0o600)


@pytest.mark.parametrize(
    ("database", "sentence"),
    [
        ("not a url", "is not a database URL"),
        ("mysql://localhost/flextell", "must begin with postgresql:// or sqlite://"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:////nowhere/at/all/flextell.db", "No such file or directory"),
        ("postgresql://127.0.0.1:1/flextell", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_is_refused_with_a_sentence(
    tmp_path: Path, database: str, sentence: str
) -> None:
    with pytest.raises(StoreUnavailable, match=sentence) as refused:
        open_store(Settings(data_dir=tmp_path, issuer=ISSUER, database=database))
    assert str(refused.value).endswith(".")


def test_a_file_that_is_no_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "flextell.db").write_bytes(b"Dear Alice, here are the holiday photos. " * 200)
    with pytest.raises(StoreUnavailable, match="damaged or not a database"):
        open_store(Settings(data_dir=tmp_path, issuer=ISSUER))


def test_a_database_locked_by_somebody_else_is_named_so(tmp_path: Path) -> None:
    """Opening a migrated one needs no lock; what must be migrated says who is in the way."""
    settings = Settings(data_dir=tmp_path, issuer=ISSUER, database_wait_seconds=1)
    other = sqlite3.connect(tmp_path / "flextell.db", isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked by another program"):
        migrate(settings)
    other.execute("ROLLBACK")
    other.close()
    assert migrate(settings) == HEAD
