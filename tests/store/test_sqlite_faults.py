"""What SQLite's store does when the disk, the lock or the file is not as it should be."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from flextell.store import sqlite
from flextell.store.port import StoreBusy, StoreFull, StoreUnavailable, Unit
from flextell.store.sqlite_store import SqliteStore
from flextell.store.sqlite_writer import MOST_IN_A_GROUP
from flextell.tenants.customers import CustomerFilters, CustomerQuery
from tests.store.conftest import ISSUER
from tests.store.samples import NOON, PHOTOS

T = TypeVar("T")


def note(number: int) -> Callable[[Unit], int]:
    """A unit that leaves a trace and returns its number."""

    def work(unit: Unit) -> int:
        unit.revocations.add(f"jti-{number}", NOON + 60, NOON)
        return number

    return work


def bulky(number: int) -> Callable[[Unit], int]:
    """A unit whose trace fills many pages."""

    def work(unit: Unit) -> int:
        unit.revocations.add(f"jti-{number}" + "x" * 100_000, NOON + 60, NOON)
        return number

    return work


def noted(unit: Unit) -> list[str]:
    return [item.name[:12].rstrip("x") for item in unit.revocations.since(0)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else is writing and does not come to an end."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_every_connection_writes_through_to_the_disk(sqlite_file: Path) -> None:
    """A process that is killed cannot show it, and nobody cuts the power in a test."""
    connection = sqlite.connect(sqlite_file, 1)
    pragmas = ("journal_mode", "synchronous", "foreign_keys")
    found = [connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas]
    connection.close()
    full = 2
    assert found == ["wal", full, 1]


def test_a_closed_store_leaves_no_connection_behind(sqlite_file: Path) -> None:
    """SQLite tidies its log away when the last connection is closed."""
    log = sqlite_file.with_name(sqlite_file.name + "-wal")
    store = SqliteStore(sqlite_file)
    asyncio.run(_write(store, note(1)))
    asyncio.run(_read(store, noted))
    store.at_once(noted)
    assert log.exists()
    store.close()
    assert not log.exists()


@pytest.mark.anyio
async def test_a_lock_held_too_long_is_told_to_all_who_wait_and_nothing_is_lost(
    sqlite_store: SqliteStore, sqlite_file: Path
) -> None:
    await sqlite_store.write(note(0))
    with locked(sqlite_file):
        outcomes = await asyncio.gather(
            *(sqlite_store.write(note(n)) for n in range(1, 300)), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {StoreBusy}
        assert str(outcomes[0]) == (
            "The database is locked by another program; try again in a moment."
        )
        with pytest.raises(StoreBusy):
            sqlite_store.at_once(note(1))
        assert await sqlite_store.read(noted) == ["jti-0"]
    assert await sqlite_store.write(note(2)) == 2
    assert await sqlite_store.read(noted) == ["jti-0", "jti-2"]


@pytest.mark.anyio
async def test_those_who_queued_behind_a_lock_do_not_wait_one_after_another(
    sqlite_store: SqliteStore, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than fit in a group are told after one wait, not after one for each group."""
    refused: list[int] = []
    queued = threading.Event()
    true_connect = sqlite.connect

    def connect(path: Path, wait_seconds: float) -> sqlite3.Connection:
        queued.wait(10)  # the writer does not begin to wait before all stand behind it
        return true_connect(path, wait_seconds)

    async def try_to_write(number: int) -> None:
        with pytest.raises(StoreBusy):
            await sqlite_store.write(note(number))
        refused.append(number)

    monkeypatch.setattr(sqlite, "connect", connect)
    with locked(sqlite_file):
        waiting = [asyncio.create_task(try_to_write(n)) for n in range(3 * MOST_IN_A_GROUP)]
        await asyncio.sleep(0)
        queued.set()
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        assert len(refused) == len(waiting)
        await asyncio.gather(*waiting)


@pytest.mark.anyio
async def test_a_lock_that_is_let_go_in_time_is_only_waited_for(sqlite_file: Path) -> None:
    store = SqliteStore(sqlite_file, wait_seconds=20)
    with locked(sqlite_file):
        waiting = [asyncio.create_task(store.write(note(n))) for n in range(10)]
        await asyncio.wait(waiting, timeout=0.05)
        assert not any(task.done() for task in waiting)
    assert await asyncio.gather(*waiting) == list(range(10))
    store.close()


@pytest.mark.anyio
async def test_a_full_disk_is_told_to_the_whole_group_and_nothing_is_half_kept(
    sqlite_store: SqliteStore, connections: list[sqlite3.Connection]
) -> None:
    await sqlite_store.write(note(0))
    (writer,) = connections
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count={pages + 5}")

    queued = threading.Event()
    units: list[Callable[[Unit], Any]] = [lambda unit: queued.wait(10), note(1), bulky(2), note(3)]
    tasks = [asyncio.create_task(sqlite_store.write(unit)) for unit in units]
    await asyncio.sleep(0)
    queued.set()  # now the first three share a group, and the last comes after it
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreFull, StoreFull, StoreFull, int]
    assert str(outcomes[0]) == "The disk of the data directory is full; make room and try again."
    assert await sqlite_store.read(noted) == ["jti-0", "jti-3"]

    writer.execute("PRAGMA max_page_count=1000000")
    assert await sqlite_store.write(bulky(8)) == 8
    assert await sqlite_store.read(noted) == ["jti-0", "jti-3", "jti-8"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB, if we may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount can have a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def write_until_full(store: SqliteStore) -> int:
    """How many bulky units were acknowledged before the disk was full."""
    for number in range(100):
        try:
            asyncio.run(_write(store, bulky(number)))
        except StoreFull:
            return number
    raise AssertionError("the small disk is not small")


def test_a_disk_that_is_truly_full_loses_nothing_and_works_after_room_is_made(
    small_disk: Path, sqlite_file: Path
) -> None:
    file, ballast = small_disk / "flextell.db", small_disk / "ballast"
    file.write_bytes(sqlite_file.read_bytes())
    ballast.write_bytes(b"x" * 1_000_000)
    store = SqliteStore(file)
    kept = write_until_full(store)
    assert kept
    assert store.at_once(noted) == [f"jti-{n}" for n in range(kept)]
    ballast.unlink()
    assert asyncio.run(_write(store, bulky(kept))) == kept
    assert store.at_once(noted) == [f"jti-{n}" for n in range(kept + 1)]
    store.close()


async def _write(store: SqliteStore, work: Callable[[Unit], T]) -> T:
    return await store.write(work)


async def _read(store: SqliteStore, work: Callable[[Unit], T]) -> T:
    return await store.read(work)


def test_a_damaged_file_is_said_to_be_one(sqlite_file: Path) -> None:
    sqlite_file.write_bytes(b"Dear Alice, here are the holiday photos. " * 200)
    store = SqliteStore(sqlite_file)
    for ask in (_write, _read):
        with pytest.raises(StoreUnavailable, match=r"damaged or not a database; restore it"):
            asyncio.run(ask(store, noted))
    with pytest.raises(StoreUnavailable, match="damaged"):
        store.at_once(noted)
    store.close()


def test_a_lost_file_is_never_replaced_by_an_empty_one(sqlite_file: Path) -> None:
    sqlite_file.unlink()
    store = SqliteStore(sqlite_file)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        asyncio.run(_write(store, note(1)))
    assert not sqlite_file.exists()
    store.close()


READ_ONLY = """
import asyncio, os, pathlib, sys
from alembic import command, config
from flextell.settings import Settings
from flextell.store.opening import open_store
from flextell.store.port import StoreUnavailable
from flextell.store.sqlite_store import SqliteStore
from flextell.store.sqlite_writer import MOST_IN_A_GROUP
from tests.store.test_sqlite_faults import note, noted

os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
store = SqliteStore(pathlib.Path("flextell.db"))

async def both():
    for work in (store.write(note(1)), store.read(noted)):
        try:
            print(await work)
        except StoreUnavailable as error:
            print(error)

asyncio.run(both())
try:
    open_store(Settings(data_dir=pathlib.Path("."), issuer=sys.argv[2]))
except StoreUnavailable as error:
    print(error)
store.close()
"""


def test_a_folder_that_may_not_be_written_is_named_in_a_sentence(sqlite_file: Path) -> None:
    """Root may write anywhere, so another user tries."""
    folder = sqlite_file.parent
    sqlite_file.chmod(0o444)
    for above in folder.parents:
        if above.owner() == folder.owner() and "pytest" in above.name:
            above.chmod(0o755)
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(folder), ISSUER],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        folder.chmod(0o755)
    sentence = "The database cannot be opened for writing; check the permissions of its folder."
    assert done.stderr == ""
    assert done.stdout.splitlines() == [sentence] * 3


@pytest.mark.anyio
async def test_the_command_line_gets_its_turn_next_to_a_busy_server(sqlite_file: Path) -> None:
    """A data directory is used by one server and the command line at once."""
    server, command = SqliteStore(sqlite_file), SqliteStore(sqlite_file)
    stop = asyncio.Event()

    async def keep_busy(first: int) -> int:
        count = 0
        while not stop.is_set():
            count = await server.write(note(first)) and count + 1
        return count

    busy = [asyncio.create_task(keep_busy(n)) for n in range(1, 33)]
    await server.write(note(0))
    for _ in range(5):
        await asyncio.to_thread(command.at_once, lambda unit: unit.clients.all())
    await asyncio.to_thread(command.at_once, lambda unit: unit.clients.add(PHOTOS))
    stop.set()
    assert all(await asyncio.gather(*busy))
    assert await server.read(lambda unit: unit.clients.get("photos")) == PHOTOS
    command.close()
    server.close()


@pytest.mark.anyio
async def test_a_brief_reader_never_keeps_the_event_loop_waiting(
    sqlite_file: Path,
) -> None:
    """Where even readers must wait, it waits in a thread, as others do."""
    store = SqliteStore(sqlite_file, wait_seconds=20)
    other = sqlite3.connect(sqlite_file, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE clients SET name = name")
    waiting = asyncio.create_task(store.read(lambda unit: unit.clients.all(), brief=True))

    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the loop is free, or we would not be here
    assert not waiting.done()
    other.close()

    assert await waiting == []
    store.close()


@pytest.mark.anyio
async def test_a_search_never_runs_in_the_event_loop(sqlite_file: Path) -> None:
    """What takes long begins again in a thread; a page of a list does not need one."""
    store = SqliteStore(sqlite_file)
    ran_in: list[str] = []

    def counting(search: str | None) -> Callable[[Unit], int]:
        def work(unit: Unit) -> int:
            ran_in.append(threading.current_thread().name.partition("_")[0])
            return unit.customers.find(1, CustomerQuery(CustomerFilters(search))).total

        return work

    loop = threading.current_thread().name.partition("_")[0]
    assert await store.read(counting(None), brief=True) == 0
    assert ran_in == [loop], "and nowhere else"
    assert await store.read(counting("ada"), brief=True) == 0
    assert ran_in == [loop, loop, "read"]
    store.close()
