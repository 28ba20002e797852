"""Deliveries: kept with what they tell of, taken on by one node at a time, tried until they end."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from flextell.store.deliveries import WAITING
from flextell.store.port import Store, Unit
from flextell.tenants.channels import ChannelWish
from flextell.tenants.deliveries import KEPT_SECONDS, Delivery, End
from flextell.tenants.model import TenantDetails
from tests.store.samples import NOON

LEASE = 60
Place = tuple[int, int]


def a_channel(unit: Unit, url: str | None = "https://clinic.example/hook") -> Place:
    """A tenant with one channel."""
    tenant_id = unit.tenants.add(TenantDetails("Clinic"), NOON)
    return tenant_id, unit.channels.add(tenant_id, ChannelWish("website", "Web", "a", url), NOON)


def add(unit: Unit, place: Place, number: int = 1, now: int = NOON) -> list[int | None]:
    return [unit.deliveries.add(*place, "message.sent", f'{{"n":{n}}}', now) for n in range(number)]


def lease(
    unit: Unit, tenant_id: int, now: int = NOON, most: int = 100, seconds: int = LEASE
) -> list[Delivery]:
    return unit.deliveries.lease(tenant_id, now, most, now + seconds)


def test_a_delivery_is_due_at_once_and_comes_back_as_it_was_given(common_store: Store) -> None:
    def work(unit: Unit) -> tuple[Place, list[int | None], list[Delivery]]:
        place = a_channel(unit)
        return place, add(unit, place), lease(unit, place[0])

    place, [delivery_id], leased = common_store.at_once(work)
    assert leased == [Delivery(delivery_id or 0, *place, "message.sent", '{"n":0}', 1, NOON)]


def test_nothing_is_kept_where_nothing_is_delivered(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        without, off = a_channel(unit, None), a_channel(unit)
        unit.channels.switch_webhook_off(*off, "https://clinic.example/hook", NOON)
        foreign = (without[0], off[1])

        assert [add(unit, place) for place in (without, off, foreign)] == [[None]] * 3

    common_store.at_once(work)


def test_what_is_rolled_back_is_not_delivered(common_store: Store) -> None:
    place = common_store.at_once(a_channel)

    def work(unit: Unit) -> None:
        add(unit, place)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        common_store.at_once(work)
    assert common_store.at_once(lambda unit: lease(unit, place[0])) == []


def test_who_has_waited_longest_is_named_first_however_much_others_have(store: Store) -> None:
    def work(unit: Unit) -> None:
        crowd, early, later, done, future = (a_channel(unit) for _ in range(5))
        add(unit, crowd, 50, NOON + 2)
        add(unit, early, 1, NOON + 1)
        add(unit, later, 2, NOON + 3)
        add(unit, future, 1, NOON + 100)
        add(unit, done)
        [ended] = lease(unit, done[0])
        unit.deliveries.end(ended, End.DONE, 200, NOON)

        tenants = [early[0], crowd[0], later[0]]
        assert unit.deliveries.waiting(NOON + 50, 10) == tenants
        assert unit.deliveries.waiting(NOON + 50, 2) == tenants[:2]
        assert unit.deliveries.waiting(NOON, 10) == []

    store.at_once(work)


def test_what_is_leased_is_nobody_elses_until_the_lease_ends(common_store: Store) -> None:
    """A node that died with it: another one tries again, with the same id."""

    def work(unit: Unit) -> None:
        tenant_id, _ = place = a_channel(unit)
        add(unit, place, 3)
        first = lease(unit, tenant_id, most=2)
        rest = lease(unit, tenant_id)
        nothing = lease(unit, tenant_id, NOON + LEASE - 1)
        again = lease(unit, tenant_id, NOON + LEASE)

        assert ([d.body for d in first], [d.body for d in rest]) == (
            ['{"n":0}', '{"n":1}'],
            ['{"n":2}'],
        )
        assert nothing == []
        assert [d.webhook_id for d in again] == [d.webhook_id for d in first + rest]
        assert {d.attempts for d in again} == {2}

    common_store.at_once(work)


def test_a_tenant_is_leased_its_own_only(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        ours, theirs = a_channel(unit), a_channel(unit)
        add(unit, theirs)

        assert lease(unit, ours[0]) == []

    common_store.at_once(work)


def test_a_delivery_is_due_again_when_it_was_said_to_be(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        tenant_id, _ = place = a_channel(unit)
        add(unit, place)
        [one] = lease(unit, tenant_id)
        unit.deliveries.again(one, 500, NOON + 5)

        assert lease(unit, tenant_id, NOON + 4) == []
        assert [d.attempts for d in lease(unit, tenant_id, NOON + 5)] == [2]

    common_store.at_once(work)


@pytest.mark.parametrize("end", End)
def test_an_ended_delivery_is_never_due_again(common_store: Store, end: End) -> None:
    def work(unit: Unit) -> None:
        tenant_id, _ = place = a_channel(unit)
        add(unit, place)
        [one] = lease(unit, tenant_id)
        unit.deliveries.end(one, end, None, NOON)
        unit.deliveries.again(one, None, NOON)

        assert lease(unit, tenant_id, NOON + 1000) == []

    common_store.at_once(work)


def test_who_lost_its_lease_can_say_that_it_is_done_and_nothing_else(common_store: Store) -> None:
    """What a slow node says late does not undo what the node after it is doing."""

    def work(unit: Unit) -> None:
        tenant_id, _ = place = a_channel(unit)
        add(unit, place)
        [slow] = lease(unit, tenant_id)
        [quick] = lease(unit, tenant_id, NOON + LEASE)
        unit.deliveries.again(slow, 500, NOON)
        unit.deliveries.end(slow, End.FAILED, 500, NOON)

        assert lease(unit, tenant_id, NOON + LEASE) == []
        unit.deliveries.end(slow, End.DONE, 200, NOON)
        unit.deliveries.again(quick, 500, NOON + LEASE)
        assert lease(unit, tenant_id, NOON + LEASE) == []

    common_store.at_once(work)


@pytest.mark.anyio
async def test_of_many_nodes_exactly_one_gets_each(both_nodes: tuple[Store, Store]) -> None:
    """Eight of each node ask at once, again and again, for a few of forty."""
    tenant_id, _ = place = both_nodes[0].at_once(a_channel)
    both_nodes[0].at_once(lambda unit: add(unit, place, 40))
    got: Counter[int] = Counter()

    async def take(store: Store) -> None:
        while leased := await store.write(partial(lease, tenant_id=tenant_id, most=3)):
            got.update(one.delivery_id for one in leased)

    await asyncio.gather(*(take(store) for store in both_nodes * 8))
    # Whoever asked while all that was left was locked went home: nothing may be left behind.
    for store in both_nodes:
        await take(store)

    assert len(got) == 40
    assert set(got.values()) == {1}


def test_ended_ones_are_swept_a_week_later_in_small_batches(store: Store) -> None:
    def work(unit: Unit) -> None:
        tenant_id, _ = place = a_channel(unit)
        add(unit, place, 8)
        for one in lease(unit, tenant_id)[:6]:
            unit.deliveries.end(one, End.FAILED, 500, NOON)

    store.at_once(work)
    week = NOON + KEPT_SECONDS
    swept = [
        store.at_once(partial(lambda unit, now: unit.sweep(now, 4), now=now))
        for now in (week - 1, week, week, week)
    ]
    assert swept == [0, 4, 2, 0]


def test_sqlite_looks_for_who_waits_in_the_index_of_what_waits(sqlite_file: Path) -> None:
    """The other index has all that waits under one key: a look took seconds."""
    with closing(sqlite3.connect(sqlite_file)) as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN {WAITING}", {"now": NOON, "most": 1})
        steps = [step for *_, step in plan if "deliveries" in step or step.startswith("SEARCH d ")]

    assert steps
    assert all("ix_deliveries_waiting" in step for step in steps)
