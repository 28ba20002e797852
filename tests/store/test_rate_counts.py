"""Counts of requests that processes on one database tell each other."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from flextell.settings import Settings
from flextell.store.port import RateCount, Store, Unit
from tests.store.conftest import OpenNode
from tests.store.samples import NOON

ALICE, BOB = b"a" * 16, b"b" * 16
ONE, OTHER, THIRD = b"process1", b"process2", b"process3"

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


def telling(process: bytes, **counts: int) -> Callable[[Unit], dict[bytes, int]]:
    """A unit in which a process tells its counts."""
    keys = {"alice": ALICE, "bob": BOB}
    told = [RateCount(keys[name], count, NOON + 60) for name, count in counts.items()]
    return lambda unit: unit.rate_counts.exchange(process, told)


def exchanged(store: Store, process: bytes, **counts: int) -> dict[bytes, int]:
    """What a process hears when it tells its counts."""
    return store.at_once(telling(process, **counts))


def test_a_process_hears_what_all_others_told_of_the_same_keys(store: Store) -> None:
    assert exchanged(store, ONE, alice=5, bob=7) == {}
    assert exchanged(store, OTHER, alice=2) == {ALICE: 5}
    assert exchanged(store, THIRD, alice=1, bob=1) == {ALICE: 7, BOB: 7}
    assert exchanged(store, ONE, bob=8) == {BOB: 1}


def test_telling_twice_is_telling_once_and_an_old_count_replaces_no_newer_one(store: Store) -> None:
    for count in (5, 9, 9, 6):
        exchanged(store, ONE, alice=count)

    assert exchanged(store, OTHER, alice=1) == {ALICE: 9}


def test_counts_are_swept_when_their_window_has_ended(store: Store) -> None:
    for process in (ONE, OTHER, THIRD):
        exchanged(store, process, alice=5)

    sweeps = [
        store.at_once(lambda unit, now=now: unit.sweep(now, 2))  # type: ignore[misc]
        for now in (NOON + 59, NOON + 60, NOON + 60, NOON + 60)
    ]

    assert sweeps == [0, 2, 1, 0]


@pytest.mark.anyio
async def test_processes_that_tell_the_same_keys_at_once_lose_nothing(open_node: OpenNode) -> None:
    nodes = [open_node(), open_node()]

    async def go_on(number: int) -> None:
        names = ("alice", "bob") if number % 2 else ("bob", "alice")
        for count in range(1, 11):
            counts = dict.fromkeys(names, count)
            await nodes[number % 2].write(telling(b"process%d" % number, **counts))

    await asyncio.gather(*map(go_on, range(6)))

    assert exchanged(nodes[0], b"listener", alice=1, bob=1) == {ALICE: 60, BOB: 60}


@on_postgresql
def test_nobody_waits_for_a_process_that_stopped_while_it_told(open_node: OpenNode) -> None:
    stopped, going_on = open_node(), open_node()
    told, go_on = threading.Event(), threading.Event()

    def stop(unit: Unit) -> None:
        telling(ONE, alice=5)(unit)
        told.set()
        assert go_on.wait(10)

    with ThreadPoolExecutor(1) as threads:
        stopping = threads.submit(stopped.at_once, stop)
        assert told.wait(10)
        meanwhile = exchanged(going_on, OTHER, alice=1)
        go_on.set()
        stopping.result()

    assert (meanwhile, exchanged(going_on, OTHER, alice=1)) == ({}, {ALICE: 5})


@on_postgresql
def test_telling_costs_no_write_to_disk(settings: Settings, store: Store) -> None:
    """An UNLOGGED table: nothing of it is in the log, and a commit waits for no disk."""
    with psycopg.connect(settings.database) as connection:
        row = connection.execute(
            "SELECT relpersistence = 'u' FROM pg_class WHERE relname = 'rate_counts'"
        ).fetchone()

    assert row == (True,)
