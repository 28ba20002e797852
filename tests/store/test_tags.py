"""Tags are kept the same on both databases, one of each name, and stay behind their wall."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from flextell.store.port import Store, Unit
from flextell.tenants.lists import ListQuery
from flextell.tenants.model import CustomerDetails, OutsideTenant, TenantDetails
from flextell.tenants.tags import NameTaken
from tests.store.samples import NOON
from tests.store.test_races import from_all, one_inside_another

GREEN = "#00ff00"
Nodes = tuple[Store, Store]


def a_tenant(unit: Unit) -> int:
    """A new tenant."""
    return unit.tenants.add(TenantDetails("Clinic"), NOON)


def a_customer(unit: Unit, tenant_id: int) -> int:
    """A new customer."""
    return unit.customers.add(tenant_id, CustomerDetails("Ada", "Çelik", "+1"), NOON)


def tags_of(unit: Unit, tenant_id: int, customer_id: int) -> list[int]:
    """The tags that a customer shows."""
    customer = unit.customers.get(tenant_id, customer_id)
    assert customer is not None
    return [tag.tag_id for tag in customer.tags]


def taken(work: Callable[[Unit], object]) -> Callable[[Unit], bool]:
    """A unit that says whether the name was taken."""

    def tried(unit: Unit) -> bool:
        try:
            work(unit)
        except NameTaken:
            return True
        return False

    return tried


def test_what_is_kept_of_a_tag_comes_back_and_changes(nodes: Nodes) -> None:
    def keep(unit: Unit) -> None:
        here = a_tenant(unit)
        tag_id = unit.tags.add(here, "Çelik", GREEN, NOON)
        unit.tags.change(here, tag_id, {"name": "ÇELİK"}, NOON + 1)
        unit.tags.change(here, tag_id, {"color": "#FFAA00"}, NOON + 2)

        tag = unit.tags.get(here, tag_id)
        assert tag is not None
        assert (tag.name, tag.color, tag.created_at) == ("ÇELİK", "#FFAA00", NOON)
        assert tag.updated_at == NOON + 2
        assert unit.tags.find(here, ListQuery(search="celik")).rows == (tag,)

    nodes[0].at_once(keep)


def test_a_tag_that_a_program_of_before_made_is_found(nodes: Nodes) -> None:
    """Its columns for the search are empty."""

    def find(unit: Unit) -> None:
        here = a_tenant(unit)
        tag_id = unit.tags.add(here, "Vip", GREEN, NOON)
        sql = unit._transaction  # type: ignore[attr-defined]
        sql.run("UPDATE tags SET search_text = NULL WHERE tag_id = :tag_id", tag_id=tag_id)

        assert [tag.tag_id for tag in unit.tags.find(here, ListQuery(search="vi")).rows] == [tag_id]

    nodes[0].at_once(find)


def test_the_tags_of_a_customer_are_those_that_were_set(nodes: Nodes) -> None:
    def set_them(unit: Unit) -> None:
        here = a_tenant(unit)
        ada = a_customer(unit, here)
        old, kept, new = (unit.tags.add(here, name, GREEN, NOON) for name in "abc")
        for tag_id in (old, kept):
            unit.customers.put_tag(here, ada, tag_id)
        unit.tags.delete(here, old, NOON)

        unit.customers.set_tags(here, ada, [new, kept, new])
        unit.tags.restore(here, old, NOON)
        assert tags_of(unit, here, ada) == [kept, new]

        unit.customers.set_tags(here, ada, [])
        assert tags_of(unit, here, ada) == []

    nodes[0].at_once(set_them)


def test_no_verb_of_tags_reaches_into_another_tenant(nodes: Nodes) -> None:
    def reach(unit: Unit) -> None:
        here, there = a_tenant(unit), a_tenant(unit)
        theirs = unit.tags.add(there, "VIP", GREEN, NOON)
        their_customer = a_customer(unit, there)
        unit.customers.put_tag(there, their_customer, theirs)

        # The same name is free here.
        mine = unit.tags.add(here, "vip", GREEN, NOON)
        unit.tags.change(here, theirs, {"name": "Mine now"}, NOON + 1)
        unit.customers.take_tag(here, their_customer, theirs)
        assert unit.tags.get(here, theirs) is None
        assert not unit.tags.delete(here, theirs, NOON)
        with pytest.raises(OutsideTenant):
            unit.customers.set_tags(here, a_customer(unit, here), [theirs])
        with pytest.raises(OutsideTenant):
            unit.customers.set_tags(here, their_customer, [mine])
        tag = unit.tags.get(there, theirs)
        assert tag is not None
        assert (tag.name, tag.updated_at) == ("VIP", NOON)
        assert tags_of(unit, there, their_customer) == [theirs]
        unit.tags.delete(there, theirs, NOON)
        assert not unit.tags.restore(here, theirs, NOON)
        assert [tag.tag_id for tag in unit.tags.find(here, ListQuery(trashed=True)).rows] == [mine]

    nodes[0].at_once(reach)


@pytest.mark.anyio
async def test_of_40_who_add_a_tag_of_one_name_one_does(nodes: Nodes) -> None:
    here = await nodes[0].write(a_tenant)

    outcomes = await from_all(
        nodes, 40, taken(lambda unit: unit.tags.add(here, "VIP", GREEN, NOON))
    )

    assert Counter(outcomes) == {False: 1, True: 39}


@pytest.mark.parametrize(
    ("first", "second"),
    [("add", "rename"), ("rename", "add"), ("rename", "restore"), ("restore", "add")],
)
def test_a_name_that_is_being_taken_is_not_given_twice(
    nodes: Nodes, first: str, second: str
) -> None:
    """Whichever way it is taken, and while the other unit has not ended yet."""

    def prepare(unit: Unit) -> tuple[int, list[int], list[int]]:
        here = a_tenant(unit)
        others = [unit.tags.add(here, name, GREEN, NOON) for name in ("a", "b")]
        deleted = []
        for _ in range(2):
            deleted.append(unit.tags.add(here, "VIP", GREEN, NOON))
            unit.tags.delete(here, deleted[-1], NOON)
        return here, others, deleted

    here, others, deleted = nodes[0].at_once(prepare)

    def take(way: str, number: int) -> Callable[[Unit], object]:
        ways: dict[str, Callable[[Unit], object]] = {
            "add": lambda unit: unit.tags.add(here, "Vip", GREEN, NOON),
            "rename": lambda unit: unit.tags.change(here, others[number], {"name": "vip"}, NOON),
            "restore": lambda unit: unit.tags.restore(here, deleted[number], NOON),
        }
        return ways[way]

    late = one_inside_another(
        take(first, 0), lambda: nodes[1].at_once(taken(take(second, 1))), nodes
    )

    assert late
    living = nodes[0].at_once(lambda unit: unit.tags.find(here, ListQuery(search="vip")))
    assert living.total == 1


@pytest.mark.anyio
async def test_a_tag_put_on_and_taken_off_by_many_is_there_once_or_not(nodes: Nodes) -> None:
    def prepare(unit: Unit) -> tuple[int, int, int]:
        here = a_tenant(unit)
        return here, a_customer(unit, here), unit.tags.add(here, "VIP", GREEN, NOON)

    here, ada, vip = await nodes[0].write(prepare)
    await asyncio.gather(
        from_all(nodes, 20, lambda unit: unit.customers.put_tag(here, ada, vip)),
        from_all(nodes, 20, lambda unit: unit.customers.take_tag(here, ada, vip)),
        from_all(nodes, 20, lambda unit: unit.customers.set_tags(here, ada, [vip])),
    )

    shown = await nodes[1].read(lambda unit: tags_of(unit, here, ada))
    assert shown in ([], [vip])
