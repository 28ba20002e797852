"""Processes on one database that count requests together. Each test says when they talk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from flextell.node import rate_exchange
from flextell.node.rate_exchange import RateExchange
from flextell.node.rate_limits import RateLimit
from flextell.settings import Settings
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store, StoreAway, StoreUnavailable, Unit
from tests.postgres import fresh_database
from tests.world import ISSUER, NOON, Clock, build_world

pytestmark = pytest.mark.anyio

T = TypeVar("T")
ALICE, BOB = "grant-alice", "grant-bob"
ADDRESS = "192.0.2.1"
SECRET = b"s" * 32


class Shaky:
    """A store that is sometimes away, and sometimes only its answer is."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.trouble = ""

    async def write(self, work: Callable[[Unit], T]) -> T:
        if self.trouble == "away":
            raise StoreAway
        answer = await self._store.write(work)
        if self.trouble == "answer lost":
            raise StoreAway
        return answer


@dataclass
class Process:
    """A process that counts, and what it shares."""

    store: Shaky
    api: RateLimit
    page: RateLimit
    exchange: RateExchange

    def ask(self, times: int, key: str = ALICE) -> list[int]:
        """So many requests; what each was told remains, and -1 for those refused."""
        told = [self.api.count(key) for _ in range(times)]
        return [-1 if standing.exceeded else standing.remaining for standing in told]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def settings(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that name a migrated database, which all tests here use one after another."""
    folder = tmp_path_factory.mktemp("rate-exchange")
    with fresh_database(postgres_url) as url:
        made = Settings(data_dir=folder, issuer=ISSUER, database=url)
        migrate(made)
        yield made


@pytest.fixture(scope="module")
def store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings)
    yield store
    store.close()


@pytest.fixture
def processes(store: Store, settings: Settings, clock: Clock) -> list[Process]:
    """Three processes that let a grant make ten requests in a window; nothing is told yet."""
    lose_counts(settings)

    def process(name: bytes) -> Process:
        own, sources = Shaky(store), clock.sources()
        api = RateLimit("api", 10, 60, sources, shared=True)
        page = RateLimit("page", 6000, 60, sources, shared=True)
        exchange = RateExchange(own, (api, page), name, SECRET)  # type: ignore[arg-type]
        return Process(own, api, page, exchange)

    return [process(name) for name in (b"one", b"two", b"three")]


async def exchange(*processes: Process) -> None:
    """Each of these tells and hears once, one after another."""
    for process in processes:
        await process.exchange.exchange()


def lose_counts(settings: Settings) -> None:
    """As after a crash of the database."""
    with psycopg.connect(settings.database) as connection:
        connection.execute("TRUNCATE rate_counts")


def kept(settings: Settings) -> list[tuple[bytes, int]]:
    """What the database knows: under which keys, how many."""
    with psycopg.connect(settings.database) as connection:
        return connection.execute("SELECT key, count FROM rate_counts").fetchall()


async def test_what_one_process_let_through_is_not_there_for_the_others(
    processes: list[Process],
) -> None:
    one, two, three = processes

    first = one.ask(6), two.ask(1)
    await exchange(one, two)
    then = one.ask(1), two.ask(2)  # one has not heard of two yet
    await exchange(one, two)
    unheard = three.ask(1)
    await exchange(three)

    assert first == ([9, 8, 7, 6, 5, 4], [9])
    assert then == ([3], [2, 1])
    assert unheard == [9]
    assert (one.ask(2), two.ask(1), three.ask(1)) == ([1, 0], [-1], [-1])
    await exchange(*processes)
    assert (one.ask(2), two.ask(2), three.ask(2)) == ([-1, -1],) * 3


async def test_all_are_told_the_same_end_of_the_window_and_start_anew_after_it(
    processes: list[Process], clock: Clock
) -> None:
    clock.now = NOON + 59
    for process in processes:
        process.ask(11)
    await exchange(*processes)
    ends = {process.api.count(ALICE).reset_at for process in processes}

    clock.advance(1)
    await exchange(*processes)

    assert ends == {NOON + 60}
    assert [process.ask(1) for process in processes] == [[9]] * 3


async def test_each_caller_and_each_limit_is_counted_apart(processes: list[Process]) -> None:
    one, two, _ = processes
    one.ask(10)
    one.page.count(ALICE)
    two.ask(1, BOB)
    for _ in range(6):
        two.page.count(ALICE)
    await exchange(one, two)

    assert two.ask(1, BOB) == [8]
    assert two.page.count(ALICE).remaining == 5993


async def test_without_the_database_each_counts_alone_and_tells_it_later(
    processes: list[Process],
) -> None:
    one, two, _ = processes
    one.store.trouble = "away"
    one.ask(4)
    with pytest.raises(StoreUnavailable):
        await exchange(one)
    meanwhile = one.ask(1)
    one.store.trouble = ""
    await exchange(one)
    two.ask(1)
    await exchange(two)

    assert meanwhile == [5]
    assert two.ask(1) == [3]


async def test_what_was_told_without_an_answer_counts_once(processes: list[Process]) -> None:
    one, two, _ = processes
    one.ask(4)
    one.store.trouble = "answer lost"
    with pytest.raises(StoreUnavailable):
        await exchange(one)
    one.store.trouble = ""
    two.ask(1)
    await exchange(one, two)

    assert two.ask(1) == [4]


async def test_a_database_that_lost_its_counts_hears_them_again(
    processes: list[Process], settings: Settings
) -> None:
    """An UNLOGGED table is empty after a crash."""
    one, two, three = processes
    one.ask(4), two.ask(1)
    await exchange(one, two)
    lose_counts(settings)
    for process in processes:
        process.ask(1)
    await exchange(*processes)

    assert two.ask(1) == [2]
    assert three.ask(1) == [1]


async def test_a_process_that_was_started_anew_does_not_start_the_count_anew(
    processes: list[Process],
) -> None:
    ended, _, successor = processes
    ended.ask(8)
    await exchange(ended)
    successor.ask(1)
    await exchange(successor)

    assert successor.ask(2) == [0, -1]


async def test_who_asks_seldom_costs_the_database_nothing(
    processes: list[Process], settings: Settings
) -> None:
    """A thousandth of the limit is told, not each of a million addresses."""
    one, *_ = processes
    for number in range(1000):
        for _ in range(5):
            one.page.count(f"192.0.2.{number}")
    one.store.trouble = "away"
    await exchange(one)  # asks nothing, so nothing fails
    one.store.trouble = ""

    one.page.count("192.0.2.7")
    await exchange(one)

    assert [count for _, count in kept(settings)] == [6]


async def test_a_flood_of_callers_is_told_a_part_at_a_time(
    processes: list[Process], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_exchange, "MOST_TOLD", 2)
    one, *_ = processes
    for number in range(5):
        one.ask(1, f"grant-{number}")

    sizes = []
    for _ in range(4):
        await exchange(one)
        sizes.append(len(kept(settings)))

    assert sizes == [2, 4, 5, 5]


async def test_the_database_does_not_say_whom_a_count_is_about(
    processes: list[Process], settings: Settings, store: Store
) -> None:
    """Keyed digests: an address could be guessed from a plain one. All who share the key agree."""
    one, two, _ = processes
    one.ask(1, ADDRESS), two.ask(1, ADDRESS)
    await exchange(one, two)
    others_secret = RateExchange(store, (one.api,), b"four", b"t" * 32)
    one.ask(1, ADDRESS)
    await others_secret.exchange()

    keys = [key for key, _ in kept(settings)]
    assert len(keys) == 3
    assert len(set(keys)) == 2
    assert {len(key) for key in keys} == {16}


async def test_a_process_alone_on_sqlite_keeps_nothing(tmp_path: Path) -> None:
    world = build_world(tmp_path, api_requests_per_window=1)
    parts = world.parts
    try:
        parts.api_limit.count(ALICE)
        assert parts.api_limit.count(ALICE).exceeded
        await parts.rate_exchange.exchange()
        assert parts.store.at_once(lambda unit: unit.sweep(NOON + 3600, 10)) == 0
    finally:
        parts.hashing.close()
        parts.store.close()
