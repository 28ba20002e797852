"""What PostgreSQL's store does when the server is away, slow, or not as it should be."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from flextell.store import postgresql
from flextell.store.port import StoreAway, StoreBusy, StoreUnavailable, Unit
from flextell.store.postgresql import PostgresqlStore
from tests.store.door import Door, through
from tests.store.samples import FIRST_TOKEN, NOON, connect_photos, digest

UNREACHABLE = "The database cannot be reached; check that it runs and that its URL is right."


@pytest.fixture
def open_store(database: str) -> Iterator[Callable[..., PostgresqlStore]]:
    """Make a store on the database; closed at the end."""
    opened: list[PostgresqlStore] = []

    def store(url: str = database, connections: int = 4, wait: float = 20) -> PostgresqlStore:
        opened.append(PostgresqlStore(url, connections, wait))
        return opened[-1]

    yield store
    for one in opened:
        one.close()


@pytest.fixture
def behind_door(
    open_store: Callable[..., PostgresqlStore], database: str, door: Door
) -> PostgresqlStore:
    """A store whose connections go through the door."""
    return open_store(through(door, database))


def note(number: int) -> Callable[[Unit], int]:
    """A unit that leaves a trace and returns its number."""

    def work(unit: Unit) -> int:
        unit.revocations.add(f"jti-{number}", NOON + 60, NOON)
        return number

    return work


def noted(unit: Unit) -> list[str]:
    return [item.name for item in unit.revocations.since(0)]


@pytest.mark.anyio
async def test_a_server_that_is_away_is_told_at_once_and_missed_no_longer_than_it_is_away(
    behind_door: PostgresqlStore, door: Door
) -> None:
    await asyncio.gather(*(behind_door.write(note(n)) for n in range(4)))
    door.shut()
    loop = asyncio.get_running_loop()
    started = loop.time()
    for ask in (behind_door.write, behind_door.read):
        with pytest.raises(StoreUnavailable) as away:
            await ask(note(4))
        assert str(away.value) == UNREACHABLE
    with pytest.raises(StoreUnavailable):
        behind_door.at_once(note(4))
    assert loop.time() - started < 20  # the time a request may wait
    door.open()
    assert await asyncio.gather(*(behind_door.write(note(n)) for n in range(5, 13))) == [
        *range(5, 13)
    ]
    assert sorted(await behind_door.read(noted)) == sorted(f"jti-{n}" for n in range(13) if n != 4)


@pytest.mark.anyio
async def test_connections_that_died_while_idle_are_replaced_unnoticed(
    behind_door: PostgresqlStore, door: Door
) -> None:
    """As after a restart of the server: every connection is dead and nobody knows it yet."""
    await asyncio.gather(*(behind_door.write(note(n)) for n in range(8)))
    door.shut()
    door.open()
    assert await asyncio.gather(*(behind_door.write(note(n)) for n in range(8, 16))) == [
        *range(8, 16)
    ]
    assert len(await behind_door.read(noted)) == 16


@pytest.mark.anyio
async def test_a_unit_cut_off_before_its_end_is_run_again_and_kept_once(
    behind_door: PostgresqlStore, door: Door
) -> None:
    runs: list[int] = []

    def work(unit: Unit) -> None:
        runs.append(1)
        unit.revocations.add("before", NOON + 60, NOON)
        if len(runs) == 1:
            door.shut()
            door.open()
        unit.revocations.add("after", NOON + 60, NOON)

    await behind_door.write(work)
    assert len(runs) == 2
    assert await behind_door.read(noted) == ["before", "after"]


@pytest.mark.anyio
async def test_a_unit_cut_off_at_its_commit_is_not_run_again(
    behind_door: PostgresqlStore, door: Door
) -> None:
    """Nobody can tell whether it was kept, and it must not be kept twice."""
    runs: list[int] = []

    def work(unit: Unit) -> None:
        runs.append(1)
        unit.revocations.add("jti-1", NOON + 60, NOON)
        door.shut()
        door.open()

    with pytest.raises(StoreUnavailable) as cut_off:
        await behind_door.write(work)
    assert str(cut_off.value) == UNREACHABLE
    assert len(runs) == 1
    assert await behind_door.write(note(2)) == 2


@pytest.fixture
def impatient(
    open_store: Callable[..., PostgresqlStore], database: str, door: Door
) -> PostgresqlStore:
    """A store behind the door whose requests wait for two seconds."""
    return open_store(through(door, database), connections=2, wait=2)


@pytest.mark.anyio
async def test_a_server_that_falls_silent_is_told_in_time_and_then_at_once(
    impatient: PostgresqlStore, door: Door
) -> None:
    """As when it was stopped, or the way to it swallows everything: no error ever comes."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(impatient.write(note(n)) for n in range(2)))
    door.hush()

    began = loop.time()
    told = await asyncio.gather(
        *(impatient.write(note(n)) for n in range(2, 20)), return_exceptions=True
    )
    first = loop.time() - began
    knocking = asyncio.create_task(impatient.write(note(20)))
    await asyncio.sleep(0)
    began = loop.time()
    more = await asyncio.gather(
        *(impatient.read(note(n)) for n in range(21, 40)), return_exceptions=True
    )
    later = loop.time() - began

    assert {type(problem) for problem in told} <= {StoreAway, StoreBusy}
    assert {type(problem) for problem in more} == {StoreAway}
    assert first < 4, "the time a request may wait, and a second"
    assert later < 1, "one asks for all"
    door.speak()
    with suppress(StoreAway):
        await knocking
    assert await seconds_until_it_answers(impatient) < 4
    assert await asyncio.gather(*(impatient.write(note(n)) for n in range(40, 60))) == [
        *range(40, 60)
    ]


async def seconds_until_it_answers(store: PostgresqlStore) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        with suppress(StoreUnavailable):
            await store.read(noted)
            return loop.time() - began


@pytest.mark.anyio
async def test_a_silent_server_does_not_keep_a_store_from_being_closed(
    impatient: PostgresqlStore, door: Door
) -> None:
    loop = asyncio.get_running_loop()
    await impatient.write(note(1))
    door.hush()
    stuck = asyncio.create_task(impatient.write(note(2)))
    await asyncio.sleep(0)
    began = loop.time()

    await asyncio.to_thread(impatient.close)

    assert loop.time() - began < 6
    with pytest.raises(StoreUnavailable):
        await stuck


@pytest.mark.anyio
async def test_a_lock_held_too_long_is_told_and_nothing_is_lost(
    open_store: Callable[..., PostgresqlStore], database: str
) -> None:
    store = open_store(wait=0.2)
    await store.write(connect_photos)
    with psycopg.connect(database) as other:
        other.execute("SELECT 1 FROM grants FOR UPDATE")
        with pytest.raises(StoreBusy, match="try again in a moment"):
            await store.write(lambda unit: unit.refresh_tokens.present(digest(FIRST_TOKEN)))
        other.rollback()
    assert await store.write(lambda unit: unit.grants.end("grant-1", "revoked", NOON, NOON))


@pytest.mark.anyio
async def test_who_waited_too_long_for_a_connection_is_told_so(
    open_store: Callable[..., PostgresqlStore],
) -> None:
    store = open_store(connections=1, wait=0.2)
    go_on = threading.Event()
    first = asyncio.create_task(store.write(lambda unit: go_on.wait(10)))
    await asyncio.sleep(0)
    second = asyncio.create_task(store.write(note(2)))
    await asyncio.wait([second], timeout=0.3)
    go_on.set()
    assert await first
    with pytest.raises(StoreBusy):
        await second
    assert await store.write(note(3)) == 3
    assert await store.read(noted) == ["jti-3"]


@pytest.mark.anyio
async def test_a_node_holds_no_more_connections_than_it_was_allowed(
    open_store: Callable[..., PostgresqlStore], database: str
) -> None:
    store = open_store(connections=3)
    store.at_once(note(0))
    await asyncio.gather(*(store.write(note(n)) for n in range(1, 40)))
    store.at_once(note(40))
    count = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = 'flextell' AND datname = current_database()"
    )
    with psycopg.connect(database, autocommit=True) as other:
        row = other.execute(count).fetchone()
        assert row is not None
        assert 1 <= row[0] <= 3


@pytest.mark.parametrize(
    ("server", "ours"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
)
def test_what_is_answered_is_durable_whatever_the_server_is_set_to(
    database: str, server: str, ours: str
) -> None:
    name = sql.Identifier(urlsplit(database).path.lstrip("/"))
    with psycopg.connect(database, autocommit=True) as other:
        for setting, value in (
            ("synchronous_commit", server),
            ("default_transaction_isolation", "repeatable read"),
        ):
            change = sql.SQL("ALTER DATABASE {} SET {} = {}")
            other.execute(change.format(name, sql.Identifier(setting), sql.Literal(value)))
    with postgresql.connect(database, 5) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == (ours,)
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
        assert connection.execute("SHOW lock_timeout").fetchone() == ("5s",)
        idle = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert idle == ("6s",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"query": "options=-c%20default_transaction_read_only%3Don"}, "does not let this user"),
        ({"path": "/no_such_database"}, "cannot be reached"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_a_sentence(
    open_store: Callable[..., PostgresqlStore],
    database: str,
    change: dict[str, Any],
    sentence: str,
) -> None:
    store = open_store(urlsplit(database)._replace(**change).geturl())
    with pytest.raises(StoreUnavailable, match=sentence):
        store.at_once(note(1))
