"""Whose turn it is to write to SQLite, where that runs, and that nobody is forgotten."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from flextell.store.port import StoreBusy, StoreFull, Unit
from flextell.store.sqlite_store import SqliteStore
from flextell.store.sqlite_writer import MOST_IN_THE_LOOP
from flextell.store.watch import Unwatched
from flextell.tenants.customers import CustomerFilters, CustomerQuery
from tests.store.test_sqlite_faults import bulky, locked, note, noted


def where(ran_in: list[str]) -> Callable[[Unit], None]:
    """A unit that notes which thread it runs in."""
    return lambda unit: ran_in.append(threading.current_thread().name)


HERE = threading.current_thread().name


class Groups(Unwatched):
    """Notes how many units each commit kept."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def committed(self, units: int, seconds: float) -> None:
        self.sizes.append(units)


@pytest.mark.anyio
async def test_brief_units_run_in_the_event_loop_and_others_in_a_thread(
    sqlite_store: SqliteStore,
) -> None:
    ran_in: list[str] = []
    await sqlite_store.write(where(ran_in), brief=True)
    await sqlite_store.write(where(ran_in))
    await sqlite_store.write(where(ran_in), brief=True)
    assert ran_in == [HERE, "write", HERE]


@pytest.mark.anyio
async def test_a_brief_unit_that_takes_long_begins_again_in_the_thread(
    sqlite_store: SqliteStore,
) -> None:
    ran_in: list[str] = []

    def searching(unit: Unit) -> int:
        where(ran_in)(unit)
        note(len(ran_in))(unit)
        return unit.customers.find(1, CustomerQuery(CustomerFilters("ada"))).total

    found, number = await asyncio.gather(
        sqlite_store.write(searching, brief=True), sqlite_store.write(note(7), brief=True)
    )
    assert (found, number) == (0, 7)
    assert ran_in == [HERE, "write"]
    assert sorted(await sqlite_store.read(noted)) == ["jti-2", "jti-7"], "not twice"


@pytest.mark.anyio
async def test_brief_units_asked_at_once_share_commits(sqlite_file: Path) -> None:
    groups = Groups()
    store = SqliteStore(sqlite_file, watch=groups)
    asked = MOST_IN_THE_LOOP + 5
    numbers = await asyncio.gather(*(store.write(note(n), brief=True) for n in range(asked)))
    assert numbers == list(range(asked))
    assert groups.sizes == [MOST_IN_THE_LOOP, 5]
    store.close()


@pytest.mark.anyio
async def test_the_loop_goes_on_while_a_brief_unit_waits_for_a_lock(sqlite_file: Path) -> None:
    """SQLite would wait with everybody: so it waits in the thread."""
    store = SqliteStore(sqlite_file, wait_seconds=20)
    with locked(sqlite_file):
        waiting = [asyncio.create_task(store.write(note(n), brief=True)) for n in range(3)]
        await asyncio.wait(waiting, timeout=0.05)
        assert not any(task.done() for task in waiting)
    assert await asyncio.gather(*waiting) == [0, 1, 2]
    assert await store.write(note(3), brief=True) == 3
    store.close()


@pytest.mark.anyio
async def test_a_lock_held_too_long_is_told_to_the_brief_too(
    sqlite_store: SqliteStore, sqlite_file: Path
) -> None:
    with locked(sqlite_file):
        outcomes = await asyncio.gather(
            *(sqlite_store.write(note(n), brief=n % 2 == 0) for n in range(100)),
            return_exceptions=True,
        )
        assert {type(outcome) for outcome in outcomes} == {StoreBusy}
        assert len({id(outcome) for outcome in outcomes}) == 100, "to each by itself"
    assert await sqlite_store.read(noted) == []


@pytest.mark.anyio
async def test_a_full_disk_is_told_to_brief_units_and_nothing_is_half_kept(
    sqlite_store: SqliteStore, connections: list[sqlite3.Connection]
) -> None:
    await sqlite_store.write(note(0))
    await sqlite_store.write(note(1), brief=True)
    for connection in connections:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + 5}")
    units = (note(2), bulky(3), note(4))
    outcomes = await asyncio.gather(
        *(sqlite_store.write(unit, brief=True) for unit in units), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [StoreFull, StoreFull, int]
    assert await sqlite_store.write(note(5), brief=True) == 5
    assert await sqlite_store.read(noted) == ["jti-0", "jti-1", "jti-4", "jti-5"]


@pytest.mark.anyio
async def test_a_commit_that_fails_is_a_success_for_nobody(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unlucky(sqlite3.Connection):
        fails = False

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql == "COMMIT" and self.fails:
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *values)  # type: ignore[arg-type]

    true_connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3,
        "connect",
        lambda *place, **options: true_connect(*place, factory=Unlucky, **options),
    )
    await sqlite_store.write(note(0), brief=True)
    monkeypatch.setattr(Unlucky, "fails", True)
    outcomes = await asyncio.gather(
        *(sqlite_store.write(note(n), brief=True) for n in (1, 2)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [sqlite3.OperationalError] * 2
    monkeypatch.setattr(Unlucky, "fails", False)
    assert await sqlite_store.write(note(3), brief=True) == 3
    assert await sqlite_store.read(noted) == ["jti-0", "jti-3"]


@pytest.mark.anyio
async def test_neither_kind_keeps_the_other_from_its_turn(sqlite_store: SqliteStore) -> None:
    """While each unit that is done is followed by another of its kind, both kinds go on."""
    done = {True: 0, False: 0}

    async def keep_writing(*, brief: bool) -> None:
        while not all(done.values()):
            await sqlite_store.write(lambda unit: None, brief=brief)
            done[brief] += 1

    async with asyncio.timeout(20), asyncio.TaskGroup() as writers:
        for n in range(20):
            writers.create_task(keep_writing(brief=n % 2 == 0))
    assert all(done.values())


@pytest.mark.anyio
@pytest.mark.parametrize("rounds", [0, 1])
async def test_closing_in_the_loop_finishes_what_was_to_run_in_it(
    sqlite_file: Path, rounds: int
) -> None:
    """As a server does at its end. `rounds`: of the loop, between asking and closing."""
    store = SqliteStore(sqlite_file)
    count = 3 * MOST_IN_THE_LOOP
    tasks = [asyncio.create_task(store.write(note(n), brief=True)) for n in range(count)]
    tasks += [asyncio.create_task(store.write(note(n))) for n in range(count, count + 3)]
    for _ in range(1 + rounds):
        await asyncio.sleep(0)
    store.close()
    assert await asyncio.gather(*tasks) == list(range(count + 3))


def ask_in_a_loop_that_ends(*asked: Coroutine[Any, Any, object]) -> None:
    """Let these begin to wait in a loop that is closed before it hears of anything."""
    loop = asyncio.new_event_loop()

    async def ask_and_stop() -> None:
        for one in asked:
            one.send(None)
        loop.stop()

    asking = loop.create_task(ask_and_stop())
    loop.run_forever()
    assert asking.done()
    loop.close()


@pytest.mark.parametrize("brief", [True, False])
def test_a_loop_that_ended_before_its_turn_came_stops_nobody_else(
    sqlite_file: Path, brief: bool
) -> None:
    store = SqliteStore(sqlite_file)
    asked = store.write(note(1), brief=True), store.write(note(2))
    ask_in_a_loop_that_ends(*asked)
    assert asyncio.run(store.write(note(3), brief=brief)) == 3
    assert asyncio.run(store.write(note(4), brief=not brief)) == 4
    assert store.at_once(noted) == ["jti-2", "jti-3", "jti-4"]
    for one in asked:
        one.close()
    store.close()


def test_a_loop_that_ended_while_the_thread_wrote_stops_nobody_else(sqlite_file: Path) -> None:
    store = SqliteStore(sqlite_file)
    go_on = threading.Event()
    asked = store.write(lambda _: go_on.wait(10)), store.write(note(1), brief=True)
    ask_in_a_loop_that_ends(*asked)
    go_on.set()
    assert asyncio.run(store.write(note(2))) == 2
    assert asyncio.run(store.write(note(3), brief=True)) == 3
    assert store.at_once(noted) == ["jti-2", "jti-3"]
    for one in asked:
        one.close()
    store.close()


def test_without_a_thread_the_asker_hears_of_it_and_nothing_is_begun(
    sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(sqlite_file)
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", _no_thread_left)
        with pytest.raises(RuntimeError, match="new thread"):
            asyncio.run(store.write(note(1), brief=True))
    assert asyncio.run(store.write(note(2), brief=True)) == 2
    assert store.at_once(noted) == ["jti-2"]
    store.close()


def _no_thread_left(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_another_loop_is_served_at_the_same_time(sqlite_file: Path) -> None:
    store = SqliteStore(sqlite_file)
    ran_in: list[str] = []

    async def from_two_loops() -> None:
        await store.write(where(ran_in), brief=True)
        there = asyncio.to_thread(asyncio.run, store.write(where(ran_in), brief=True))
        await asyncio.gather(there, store.write(note(1), brief=True))

    asyncio.run(from_two_loops())
    assert ran_in == [HERE, "write"]
    store.close()
