"""Brief units of work that share one PostgreSQL transaction stay apart as if they did not."""

import asyncio
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from flextell import store as store_package
from flextell.store.lanes import MOST_IN_A_GROUP
from flextell.store.line import Line
from flextell.store.port import Duplicate, Store, StoreAway, Unit
from flextell.store.postgresql import PostgresqlStore, connect
from flextell.store.statement import Effect, Statement, for_many, packed
from flextell.store.watch import Unwatched
from flextell.tenants.customers import CustomerFilters, CustomerQuery, CustomerSort
from flextell.tenants.model import CustomerDetails, TenantDetails
from flextell.tenants.paging import Window
from tests.store.door import Door, through
from tests.store.samples import (
    CODE,
    FIRST_TOKEN,
    NOON,
    PHOTOS,
    a_code,
    a_grant,
    a_token,
    connect_photos,
    digest,
    refreshed,
)

pytestmark = pytest.mark.anyio

Work = Callable[[Unit], Any]


class Groups(Unwatched):
    """How many units each transaction kept."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def committed(self, units: int, seconds: float) -> None:
        self.sizes.append(units)


@pytest.fixture
def groups() -> Groups:
    return Groups()


@pytest.fixture
def shared(database: str, groups: Groups) -> Iterator[PostgresqlStore]:
    """A store whose groups are counted."""
    store = PostgresqlStore(database, 4, 5, watch=groups)
    yield store
    store.close()


async def together(store: Store, *works: Work) -> list[Any]:
    """What becomes of units that are asked for at the same moment."""
    asked = (store.write(work, brief=True) for work in works)
    return await asyncio.gather(*asked, return_exceptions=True)


def connected(number: int) -> Work:
    """A grant of its own with its first refresh token, in hot statements alone."""

    def work(unit: Unit) -> None:
        grant_id = f"grant-of-{number}"
        unit.grants.add(a_grant(grant_id))
        unit.refresh_tokens.put(a_token(f"first-{number}", grant_id))

    return work


def refreshing(token: str) -> Work:
    return lambda unit: refreshed(unit, token).refresh_token


def generations(unit: Unit) -> dict[str, int]:
    """How many generations each of a few grants has."""
    found: dict[str, int] = {}
    for number in range(10):
        presented = unit.refresh_tokens.present(digest(f"first-{number}"))
        if presented is not None:
            found[presented.grant.grant_id] = 1 + (presented.successor is not None)
    return found


async def test_units_that_come_at_once_are_one_transaction(
    shared: PostgresqlStore, groups: Groups
) -> None:
    await shared.write(connect_photos)
    await together(shared, *(connected(n) for n in range(10)))
    groups.sizes.clear()

    tokens = await together(shared, *(refreshing(f"first-{n}") for n in range(10)))

    assert groups.sizes == [10]
    assert len(set(tokens)) == 10
    assert await shared.read(generations) == {f"grant-of-{n}": 2 for n in range(10)}


async def test_one_token_presented_many_times_in_a_group_has_one_successor(
    shared: PostgresqlStore, groups: Groups
) -> None:
    await shared.write(connect_photos)
    groups.sizes.clear()

    tokens = await together(shared, *(refreshing(FIRST_TOKEN) for _ in range(40)))

    assert groups.sizes == [40]
    assert len(set(tokens)) == 1


async def test_who_looked_before_another_changed_looks_again(
    shared: PostgresqlStore, groups: Groups
) -> None:
    """All forty look at the grant at once; only the first may act on what it saw."""
    await shared.write(connect_photos)
    groups.sizes.clear()
    runs: list[int] = []

    def rotate(unit: Unit) -> str:
        runs.append(1)
        return refreshed(unit, FIRST_TOKEN).refresh_token

    tokens = await together(shared, *(rotate for _ in range(40)))

    assert len(set(tokens)) == 1
    assert groups.sizes == [40]
    assert len(runs) == 1 + 2 * 39


async def test_one_code_claimed_many_times_in_a_group_has_one_first(
    shared: PostgresqlStore,
) -> None:
    await shared.write(lambda unit: unit.codes.put(a_code()))

    claims = await together(
        shared, *(lambda unit: unit.codes.claim(digest(CODE), NOON) for _ in range(20))
    )

    assert [claim.first for claim in claims].count(True) == 1


async def test_a_code_is_exchanged_in_a_group_that_refreshes(shared: PostgresqlStore) -> None:
    """A new grant and its token go in before others' tokens, whoever came first."""
    await shared.write(connect_photos)

    outcomes = await together(shared, refreshing(FIRST_TOKEN), connected(4), connected(5))

    assert outcomes[1:] == [None, None]
    assert await shared.read(generations) == {"grant-of-4": 1, "grant-of-5": 1}


async def test_a_unit_that_asks_something_rare_has_a_transaction_of_its_own(
    shared: PostgresqlStore, groups: Groups
) -> None:
    await shared.write(connect_photos)
    groups.sizes.clear()
    runs: list[int] = []

    def rare(unit: Unit) -> bool:
        runs.append(1)
        assert unit.refresh_tokens.present(digest(FIRST_TOKEN))
        return unit.grants.end("grant-1", "revoked", NOON, NOON)

    ended, *_ = await together(shared, rare, connected(2), connected(3))

    assert ended
    assert len(runs) == 2
    assert sorted(groups.sizes) == [1, 3]


async def test_a_mistake_is_told_to_its_own_caller_and_costs_nobody_else(
    shared: PostgresqlStore,
) -> None:
    def early(_unit: Unit) -> None:
        raise ValueError("before it changed anything")

    def late(unit: Unit) -> None:
        connected(8)(unit)
        raise Duplicate("after it changed something")

    def against_a_rule(unit: Unit) -> None:
        connected(9)(unit)
        connected(9)(unit)

    outcomes = await together(
        shared, connected(1), early, connected(2), late, against_a_rule, connected(3)
    )

    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        ValueError,
        type(None),
        Duplicate,
        psycopg.errors.UniqueViolation,
        type(None),
    ]
    assert (await shared.read(generations)).keys() == {"grant-of-1", "grant-of-2", "grant-of-3"}


async def test_a_unit_sees_what_it_added_itself(shared: PostgresqlStore) -> None:
    def add_and_look(unit: Unit) -> bool:
        connected(1)(unit)
        return unit.refresh_tokens.present(digest("first-1")) is not None

    assert await together(shared, add_and_look) == [True]


async def test_two_halves_of_a_unit_ask_at_once(shared: PostgresqlStore, asked: list[int]) -> None:
    await shared.write(connect_photos)
    asked.clear()

    def look(unit: Unit) -> tuple[str, int]:
        client, presented = unit.both(
            lambda: unit.clients.get(PHOTOS.client_id),
            lambda: unit.refresh_tokens.present(digest(FIRST_TOKEN)),
        )
        assert client is not None
        assert presented is not None
        return client.name, presented.token.generation

    assert await together(shared, look) == [("Photos", 0)]
    assert asked == [4, 1], "BEGIN, a claim, two reads; COMMIT"


def a_clinic(unit: Unit) -> int:
    """A tenant with three customers, of whom the first has a tag."""
    tenant_id = unit.tenants.add(TenantDetails("Bosphorus Clinic"), NOON)
    for name in ("Ada", "Grace", "Linus"):
        unit.customers.add(tenant_id, CustomerDetails(name, "Çelik", "+90"), NOON)
    vip = unit.tags.add(tenant_id, "VIP", "#ff0000", NOON)
    unit.customers.put_tag(tenant_id, 1, vip)
    return tenant_id


def listed(tenant_id: int, size: int, search: str | None = None) -> Work:
    """The names of so many customers with their tags, and how many there are."""
    query = CustomerQuery(CustomerFilters(search), CustomerSort("first_name", "asc"), Window(size))

    def work(unit: Unit) -> tuple[list[str], int]:
        found = unit.customers.find(tenant_id, query)
        names = [c.details.first_name + "*" * len(c.tags) for c in found.rows]
        return names, found.total

    return work


async def test_lists_are_asked_with_their_totals_at_once_and_then_for_tags(
    shared: PostgresqlStore, asked: list[int]
) -> None:
    tenant_id = await shared.write(a_clinic)
    asked.clear()

    found = await together(shared, *(listed(tenant_id, size) for size in (1, 2, 2)))

    assert found == [(["Ada*"], 3), (["Ada*", "Grace"], 3), (["Ada*", "Grace"], 3)]
    assert asked == [2, 1], "a page and a count for all of them; their tags"


async def test_a_search_keeps_no_group_waiting(shared: PostgresqlStore, groups: Groups) -> None:
    tenant_id = await shared.write(a_clinic)
    groups.sizes.clear()

    *found, again = await together(
        shared, listed(tenant_id, 2, "grace"), listed(tenant_id, 1), listed(tenant_id, 3, "ada")
    )

    assert found == [(["Grace"], 1), (["Ada*"], 3)]
    assert again == (["Ada*"], 1)
    assert sorted(groups.sizes) == [1, 1, 3], "all three began in one group"


async def test_a_half_that_fails_or_asks_something_rare_is_the_units_own_affair(
    shared: PostgresqlStore,
) -> None:
    await shared.write(connect_photos)

    def fail() -> None:
        raise ValueError("this half cannot")

    def half_fails(unit: Unit) -> None:
        unit.both(lambda: unit.clients.get(PHOTOS.client_id), fail)

    def half_is_rare(unit: Unit) -> tuple[int, bool]:
        clients, there = unit.both(
            unit.clients.all, lambda: unit.refresh_tokens.present(digest(FIRST_TOKEN))
        )
        return len(clients), there is not None

    failed, rare, token = await together(shared, half_fails, half_is_rare, refreshing(FIRST_TOKEN))

    assert isinstance(failed, ValueError)
    assert rare == (1, True)
    assert token.startswith("flx_refresh_")


async def test_a_lock_that_somebody_holds_keeps_only_those_waiting_who_need_it(
    shared: PostgresqlStore, database: str
) -> None:
    await shared.write(connect_photos)
    await together(shared, connected(2))
    with psycopg.connect(database) as other:
        other.execute("SELECT 1 FROM grants WHERE grant_id = 'grant-1' FOR UPDATE")
        waiting = asyncio.create_task(together(shared, refreshing(FIRST_TOKEN)))
        await asyncio.sleep(0)
        token = await shared.write(refreshing("first-2"), brief=True)
        assert token.startswith("flx_refresh_")
        assert not waiting.done()
        other.rollback()
    [token] = await waiting
    assert token.startswith("flx_refresh_")


async def test_a_reader_does_not_wait_for_the_commit_of_others(
    shared: PostgresqlStore, groups: Groups
) -> None:
    await shared.write(connect_photos)
    order: list[str] = []

    async def ask(name: str, work: Work) -> None:
        await shared.write(work, brief=True)
        order.append(name)

    await asyncio.gather(
        ask("refresh", refreshing(FIRST_TOKEN)),
        ask("read", lambda unit: unit.clients.get(PHOTOS.client_id)),
    )

    assert order == ["read", "refresh"]


@pytest.fixture
def behind_a_door(database: str, door: Door) -> Iterator[PostgresqlStore]:
    """A store whose connections go through the door."""
    store = PostgresqlStore(through(door, database), 4, 1)
    yield store
    store.close()


async def test_a_group_cut_off_before_its_end_is_run_again_and_kept_once(
    behind_a_door: PostgresqlStore, door: Door
) -> None:
    await behind_a_door.write(connect_photos)
    runs: list[int] = []

    def work(unit: Unit) -> str:
        runs.append(1)
        if len(runs) == 1:
            door.shut()
            door.open()
        return refreshed(unit, FIRST_TOKEN).refresh_token

    tokens = await together(behind_a_door, work, refreshing(FIRST_TOKEN))

    assert len(set(tokens)) == 1
    assert len(runs) > 1


async def test_a_group_cut_off_at_its_commit_is_not_run_again(
    behind_a_door: PostgresqlStore, door: Door
) -> None:
    """Nobody can tell whether it was kept; the client asks again and gets the same."""
    await behind_a_door.write(connect_photos)
    runs: list[int] = []

    def work(unit: Unit) -> None:
        runs.append(1)
        refreshed(unit, FIRST_TOKEN)
        door.shut()
        door.open()

    [outcome] = await together(behind_a_door, work)

    assert isinstance(outcome, StoreAway)
    assert len(runs) == 1
    assert len(await together(behind_a_door, refreshing(FIRST_TOKEN))) == 1


async def test_a_server_that_falls_silent_is_told_in_time_to_everybody(
    behind_a_door: PostgresqlStore, door: Door
) -> None:
    loop = asyncio.get_running_loop()
    await behind_a_door.write(connect_photos)
    await together(behind_a_door, refreshing(FIRST_TOKEN))
    door.hush()

    began = loop.time()
    many = 12 * MOST_IN_A_GROUP
    told = await together(behind_a_door, *(refreshing(FIRST_TOKEN) for _ in range(many)))

    assert {type(problem) for problem in told} == {StoreAway}
    # Two seconds for a group; two groups at a time, one after another, would take twelve.
    assert loop.time() - began < 7


async def test_a_connection_that_died_while_idle_is_replaced_unnoticed(
    behind_a_door: PostgresqlStore, door: Door
) -> None:
    await behind_a_door.write(connect_photos)
    await together(behind_a_door, refreshing(FIRST_TOKEN))
    door.shut()
    door.open()

    [token] = await together(behind_a_door, refreshing(FIRST_TOKEN))

    assert token.startswith("flx_refresh_")


HOT = {
    f"{module.name.rpartition('.')[2]}.{name}": value
    for module in pkgutil.iter_modules(store_package.__path__, "flextell.store.")
    if not module.ispkg
    for name, value in vars(importlib.import_module(module.name)).items()
    if isinstance(value, Statement) and value.types
}


@pytest.mark.parametrize("name", sorted(HOT))
def test_a_statement_for_many_finds_its_rows_by_an_index(name: str, database: str) -> None:
    sql = for_many(HOT[name])
    with psycopg.connect(database) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(
            row[0] for row in connection.execute(f"EXPLAIN (GENERIC_PLAN) {sql}").fetchall()
        )
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bytea", [b"", b"\x00\xff" * 300, None, b"a"]),
        ("text", ["", "Zoë ☃ \U0001f600", None, "'; --", '{},\\"']),
        ("bigint", [0, -1, 2**63 - 1, -(2**63), None]),
    ],
)
async def test_values_arrive_as_they_were(kind: str, values: list[Any], database: str) -> None:
    echo = Statement("SELECT :value", {"value": kind}, Effect.READS)
    line = Line(connected_to(database))
    try:
        [rows] = await line.ask([(for_many(echo), packed(echo, [(v,) for v in values]))])
    finally:
        line.close()
    assert rows == list(enumerate(values, 1))


def connected_to(database: str) -> "psycopg.Connection[Any]":
    connection = connect(database, 5)
    connection.autocommit = True
    return connection
