"""Migrations that take long: while others write, cut short and resumed, keeping nobody waiting."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from flextell.oauth.model import Digest
from flextell.progress import Progress, Report, silent
from flextell.settings import Settings
from flextell.store import backfill, migrating
from flextell.store.backfill import key_of, next_rows, text_of
from flextell.store.migrating import VERSIONS
from flextell.store.opening import database_url, engine, migrate, open_store, standing
from flextell.store.port import StoreUnavailable, Unit
from flextell.store.standing import HEAD, SchemaOutdated
from tests.store.conftest import ISSUER
from tests.store.samples import PHOTOS, a_grant, a_token, connect_photos, digest, refreshed

HERE = Path(__file__).parent / "versions"
NEXT = (*VERSIONS, HERE / "next")
CONTRACT = (*NEXT, HERE / "contract")
NEXT_HEAD = "9998_since_0003"
GRANTS = 300
FIRST = "Clients of refresh tokens"


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "FIRST_ROWS", 20)
    monkeypatch.setattr(backfill, "MOST_ROWS", 20)


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """A database of this version that has refresh tokens, of Photos all."""
    migrate(settings)
    store = open_store(settings)

    def fill(unit: Unit) -> None:
        unit.clients.add(PHOTOS)
        for n in range(GRANTS):
            unit.grants.add(a_grant(f"grant-{n}"))
            unit.refresh_tokens.put(a_token(f"token-{n}", f"grant-{n}"))

    store.at_once(fill)
    store.close()
    return settings


@contextmanager
def program(head: str) -> Iterator[None]:
    """Be the program that belongs to this version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flextell.store.standing.HEAD", head)
        yield


def upgrade(settings: Settings, report: Report = silent) -> str | None:
    """`flextell migrate`, as the next version has it."""
    with program(NEXT_HEAD):
        return migrate(settings, report, NEXT)


def contract(settings: Settings) -> str | None:
    """`flextell migrate`, as the version after the next has it."""
    with program("9999"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(backfill, "MOST_ROWS", 20_000)
        return migrate(settings, versions=CONTRACT)


def asked(settings: Settings, question: str) -> object:
    """The one value that a question to the database is answered with."""
    with engine(database_url(settings)).connect() as connection:
        return connection.execute(text(question)).scalar_one()


def unfilled(settings: Settings) -> object:
    return asked(settings, "SELECT count(*) FROM refresh_tokens WHERE client_id IS NULL")


def steps_left(settings: Settings) -> object:
    return asked(settings, "SELECT count(*) FROM migration_steps")


class Interrupted(KeyboardInterrupt):
    """Somebody pressed Ctrl-C."""


def interrupted_at(batch: int) -> Callable[[Progress], None]:
    """A report during which somebody presses Ctrl-C."""
    batches = iter(range(batch))

    def report(progress: Progress) -> None:
        if progress.total and next(batches, None) is None:
            raise Interrupted

    return report


def test_every_row_is_filled_and_the_way_is_told(filled: Settings) -> None:
    told: list[Progress] = []

    assert upgrade(filled, told.append) == NEXT_HEAD
    assert unfilled(filled) == 0
    assert asked(filled, "SELECT count(*) FROM refresh_tokens WHERE client_id = 'photos'") == GRANTS
    assert steps_left(filled) == 0
    done = [progress.done for progress in told if progress.step == FIRST]
    assert done == [*range(20, GRANTS, 20), GRANTS, GRANTS][: len(done)]
    assert told[-1].step == "Index of clients"


def test_a_table_without_rows_is_soon_filled(settings: Settings) -> None:
    assert upgrade(settings) == NEXT_HEAD
    assert steps_left(settings) == 0


@pytest.mark.parametrize("batch", [0, 1, 7, 14])
def test_cut_short_it_goes_on_where_it_was(filled: Settings, batch: int) -> None:
    with pytest.raises(Interrupted):
        upgrade(filled, interrupted_at(batch))
    assert unfilled(filled) == GRANTS - 20 * (batch + 1)
    assert standing(database_url(filled)).unfinished
    told: list[Progress] = []
    upgrade(filled, told.append)

    assert unfilled(filled) == steps_left(filled) == 0
    assert told[0].done == min(20 * (batch + 2), GRANTS)


def test_a_batch_that_fails_is_undone_with_its_position(
    filled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Exception):
        pass

    whole = backfill.Backfill.batch

    def breaks(*arguments: object) -> None:
        whole(*arguments)  # type: ignore[arg-type]
        raise Broken

    monkeypatch.setattr(backfill.Backfill, "batch", breaks)
    with pytest.raises(Broken):
        upgrade(filled)

    assert unfilled(filled) == GRANTS
    assert asked(filled, "SELECT done FROM migration_steps WHERE number = 0") == 0


def migrating_slowly(data_dir: str, database: str) -> None:
    """The process that is killed: it says how far it is."""
    settings = Settings(data_dir=Path(data_dir), issuer=ISSUER, database=database)
    backfill.MOST_ROWS = 20
    upgrade(settings, lambda progress: print(progress.done, flush=True))


@pytest.mark.parametrize("lines", [1, 5])
def test_killed_it_goes_on_where_it_was(filled: Settings, lines: int) -> None:
    words = [sys.executable, "-m", __name__, str(filled.data_dir), filled.database]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        process.kill()
        process.wait()
    left = unfilled(filled)
    told: list[Progress] = []
    upgrade(filled, told.append)

    assert isinstance(left, int)
    assert left < GRANTS
    assert unfilled(filled) == steps_left(filled) == 0
    assert sum(progress.step == FIRST for progress in told) <= left // 20 + 1


def test_of_two_who_migrate_one_does_it_and_the_other_finds_it_done(filled: Settings) -> None:
    told: list[list[Progress]] = [[], []]
    threads = [threading.Thread(target=migrate, args=(filled, each.append, NEXT)) for each in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert unfilled(filled) == steps_left(filled) == 0
    batches = [p for each in told for p in each if p.step == FIRST]
    assert len(batches) <= GRANTS // 20 + 3


def test_others_go_on_writing_and_the_next_release_finds_what_they_wrote(
    filled: Settings,
) -> None:
    """Nodes of the version before add rows that know nothing of the new column."""
    store = open_store(filled)
    stopping, refreshes, written = threading.Event(), [], threading.Semaphore(0)

    waited: list[bool] = []

    def refresh_all_the_time() -> None:
        async def chain(number: int) -> None:
            token = f"token-{number}"
            while not stopping.is_set():
                token = (await store.write(partial(refreshed, token=token))).refresh_token
                refreshes.append(number)
                written.release()

        async def chains() -> None:
            await asyncio.gather(*(chain(number) for number in range(4)))

        asyncio.run(chains())

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(refresh_all_the_time)
        upgrade(filled, lambda progress: waited.append(written.acquire(timeout=10)))
        stopping.set()
        writer.result()
    before = unfilled(filled)
    assert all(waited)
    assert len(refreshes) >= len(waited) > GRANTS // 20
    assert isinstance(before, int)
    assert 0 < before <= len(refreshes)

    store.close()
    contract(filled)
    assert unfilled(filled) == steps_left(filled) == 0
    count = asked(filled, "SELECT count(*) FROM refresh_tokens")
    assert count == GRANTS + len(refreshes)


def test_the_version_before_starts_again_while_it_is_migrated_and_afterwards(
    filled: Settings,
) -> None:
    def works() -> None:
        store = open_store(filled)
        assert store.at_once(lambda unit: unit.clients.get("photos")) == PHOTOS
        store.close()

    with pytest.raises(Interrupted):
        upgrade(filled, interrupted_at(2))
    works()
    upgrade(filled)
    works()
    contract(filled)
    with pytest.raises(SchemaOutdated, match="newer than this program"):
        works()


def test_the_next_version_waits_until_everything_is_filled(
    filled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded one fills what is left by itself; a shared one is migrated by command."""
    with pytest.raises(Interrupted):
        upgrade(filled, interrupted_at(2))
    monkeypatch.setattr("flextell.store.opening.migrate", upgrade)
    with program(NEXT_HEAD):
        if database_url(filled).get_backend_name() == "sqlite":
            open_store(filled).close()
            assert unfilled(filled) == 0
            return
        with pytest.raises(SchemaOutdated, match="run flextell migrate"):
            open_store(filled)
        upgrade(filled)
        open_store(filled).close()


@pytest.fixture
def shared(fresh_postgres_database: str, tmp_path: Path) -> Settings:
    """Settings that name a filled PostgreSQL database."""
    settings = Settings(data_dir=tmp_path, issuer=ISSUER, database=fresh_postgres_database)
    migrate(settings)
    store = open_store(settings)
    store.at_once(connect_photos)
    store.close()
    return settings


@pytest.fixture
def long_query(shared: Settings) -> Iterator["psycopg.Connection[object]"]:
    """Somebody has read refresh tokens, and does not end the transaction."""
    with psycopg.connect(shared.database) as connection:
        connection.execute("SELECT count(*) FROM refresh_tokens")
        yield connection
        connection.rollback()


def test_a_change_of_a_table_does_not_queue_behind_a_long_query(
    shared: Settings, long_query: "psycopg.Connection[object]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody who came after it would wait behind it."""
    monkeypatch.setattr(migrating, "LOCK_PAUSE_SECONDS", 0.1)
    tries: list[Progress] = []
    waited: list[float] = []
    enough = threading.Event()

    def report(progress: Progress) -> None:
        tries.append(progress)
        if len(tries) >= 5:
            enough.set()

    with ThreadPoolExecutor(1) as threads:
        migrator = threads.submit(upgrade, shared, report)
        with psycopg.connect(shared.database, autocommit=True) as other:
            while not enough.is_set():
                began = time.monotonic()
                other.execute("SELECT count(*) FROM refresh_tokens")
                waited.append(time.monotonic() - began)
        long_query.rollback()
        assert migrator.result() == NEXT_HEAD

    assert standing(database_url(shared)).version == NEXT_HEAD
    assert {progress.step for progress in tries[:5]} == {"Waiting for a table that is in use"}
    assert max(waited) < 5 * migrating.LOCK_MILLISECONDS / 1000


def test_a_table_that_is_held_for_too_long_is_told_and_nothing_is_changed(
    shared: Settings, long_query: "psycopg.Connection[object]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(migrating, "LOCK_TRIES", 2)
    with pytest.raises(StoreUnavailable, match="A long query or transaction holds a table"):
        upgrade(shared)

    assert standing(database_url(shared)).version == HEAD
    assert not standing(database_url(shared)).unfinished


def index_state(settings: Settings) -> tuple[bool, ...]:
    with psycopg.connect(settings.database) as connection:
        rows = connection.execute(
            "SELECT indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid "
            "WHERE relname = 'ix_refresh_tokens_client_id'"
        )
        return tuple(row[0] for row in rows)


def test_an_index_that_was_cut_short_is_made_anew(
    shared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CREATE INDEX CONCURRENTLY leaves an invalid one behind."""
    store = open_store(shared)
    store.at_once(lambda unit: refreshed(unit, "flx_refresh_first"))
    store.close()
    with pytest.raises(Interrupted):
        upgrade(shared, interrupted_at(0))
    with psycopg.connect(shared.database, autocommit=True) as other:
        name = sql.Identifier("ix_refresh_tokens_client_id")
        unique = sql.SQL("CREATE UNIQUE INDEX CONCURRENTLY {} ON refresh_tokens (access_scopes)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            other.execute(unique.format(name))
    assert index_state(shared) == (False,)
    upgrade(shared)

    assert index_state(shared) == (True,)


def test_an_index_is_made_while_another_migrator_waits(shared: Settings) -> None:
    """A waiting one must not be an old transaction: the index would wait for it for ever."""
    waiting = threading.Event()
    others: list[Future[str | None]] = []

    def report(progress: Progress) -> None:
        if not others:
            others.append(threads.submit(migrate, shared, wait, NEXT))
            assert waiting.wait(10)

    def wait(progress: Progress) -> None:
        if progress.step == "Waiting for another migration":
            waiting.set()

    with program(NEXT_HEAD), ThreadPoolExecutor(1) as threads:
        migrate(shared, report, NEXT)
        assert others[0].result() == NEXT_HEAD

    assert index_state(shared) == (True,)


@pytest.mark.parametrize("key", [b"", b"\x00\xff", digest("token"), 0, -7, 2**40, "", "grant-1"])
def test_a_key_can_be_kept_as_text(key: bytes | int | str | Digest) -> None:
    assert key_of(text_of(key)) == key


@pytest.mark.parametrize(
    ("rows", "seconds", "expected"),
    [
        (1000, 0.1, 1000),
        (1000, 0.05, 2000),
        (1000, 0.0, 2000),
        (1000, 10.0, 500),
        (20, 10.0, 20),
    ],
)
def test_batches_grow_and_shrink_towards_their_time(
    rows: int, seconds: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MOST_ROWS", 20_000)

    assert next_rows(rows, seconds, 0.1) == expected


if __name__ == "__main__":
    migrating_slowly(*sys.argv[1:])
