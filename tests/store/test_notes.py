"""Notes are kept the same on both databases, and stay behind their wall and with their customer."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from flextell.store.port import Store, Unit
from flextell.tenants.lists import ListQuery
from flextell.tenants.model import CustomerDetails, Named, OutsideTenant, TenantDetails
from flextell.tenants.notes import SORT_KINDS, Note
from flextell.tenants.paging import After, SortOrder, Window
from tests.store.samples import NOON
from tests.store.test_races import from_all

Nodes = tuple[Store, Store]
# Ties, accents, and two that are the same as far as they are sorted by.
TEXTS = ["Ölçüm", "olcum", "b" * 120 + "z", "b" * 120 + "a", "50 %_!"]


def a_person(unit: Unit, name: str) -> int:
    """Somebody who can belong to a tenant; there are many of this name."""
    number = len(unit.people.all())
    email = f"{name}-{number}@example.com"
    made = unit.people.add(
        subject=f"sub-{number}", email=email, name=name, password_hash="", now=NOON
    )
    return made.person_id


def a_business(unit: Unit, name: str = "alice") -> tuple[int, int, int]:
    """A tenant, its only member, and its only customer."""
    tenant_id = unit.tenants.add(TenantDetails("Clinic"), NOON)
    person_id = a_person(unit, name)
    unit.tenants.add_member(tenant_id, person_id, "owner")
    customer = CustomerDetails("Ada", "Çelik", "+1")
    return tenant_id, person_id, unit.customers.add(tenant_id, customer, NOON)


def test_what_is_kept_of_a_note_comes_back_and_changes(nodes: Nodes) -> None:
    def keep(unit: Unit) -> None:
        here, alice, ada = a_business(unit)
        bob = a_person(unit, "bob")
        unit.tenants.add_member(here, bob, "staff")
        note_id = unit.notes.add(here, ada, alice, "Before", NOON)

        note = unit.notes.get(here, ada, note_id)
        assert note == Note(note_id, ada, "Before", Named(alice, "alice"), NOON, NOON)
        unit.notes.put(here, replace(note, content="Sonra", author=Named(bob, "")), NOON + 1)
        changed = replace(note, content="Sonra", author=Named(bob, "bob"), updated_at=NOON + 1)
        assert unit.notes.get(here, ada, note_id) == changed
        assert unit.notes.find(here, ada, ListQuery(search="sonra")).rows == (changed,)
        assert unit.notes.find(here, ada, ListQuery(search="before")).rows == ()

    nodes[0].at_once(keep)


def test_a_walk_through_notes_is_the_whole_list_in_every_order(nodes: Nodes) -> None:
    def walk(unit: Unit) -> None:
        here, alice, ada = a_business(unit)
        for i, text in enumerate(TEXTS):
            unit.notes.add(here, ada, alice, text, NOON + i // 2)

        orders: tuple[SortOrder, ...] = ("asc", "desc")
        for sort, order, size in itertools.product(SORT_KINDS, orders, (1, 2)):
            whole = unit.notes.find(here, ada, ListQuery(sort, order)).rows
            met: list[Note] = []
            after: After | None = None
            while True:
                query = ListQuery(sort, order, window=Window(size, None, after))
                part = unit.notes.find(here, ada, query)
                met += part.rows
                after = part.next
                if after is None:
                    break
            assert tuple(met) == whole
            assert len(set(met)) == len(TEXTS)

    nodes[0].at_once(walk)


def test_a_search_in_notes_finds_the_same_on_both_engines(nodes: Nodes) -> None:
    def find(unit: Unit) -> None:
        here, alice, ada = a_business(unit)
        ids = [unit.notes.add(here, ada, alice, text, NOON) for text in TEXTS]
        unit.notes.delete(here, ada, ids[1], NOON)

        def found(query: ListQuery) -> set[int]:
            rows = unit.notes.find(here, ada, query).rows
            return {ids.index(note.note_id) for note in rows}

        assert found(ListQuery(search="olcum")) == {0}
        assert found(ListQuery(search="olcum", trashed=True)) == {0, 1}
        assert found(ListQuery(search="%_!")) == {4}

    nodes[0].at_once(find)


def test_no_verb_of_notes_reaches_beyond_its_tenant_and_its_customer(nodes: Nodes) -> None:
    def reach(unit: Unit) -> None:
        here, alice, ada = a_business(unit)
        there, bob, theirs = a_business(unit, "bob")
        grace = unit.customers.add(here, CustomerDetails("Grace", "Hopper", "+2"), NOON)
        note_id = unit.notes.add(there, theirs, bob, "Theirs", NOON)
        note = unit.notes.get(there, theirs, note_id)
        assert note is not None

        for tenant_id, customer_id, person_id in (
            (here, theirs, alice),
            (here, ada, bob),
            (there, ada, bob),
        ):
            with pytest.raises(OutsideTenant):
                unit.notes.add(tenant_id, customer_id, person_id, "x", NOON)
        for tenant_id, customer_id in ((here, theirs), (here, grace), (there, grace)):
            wrong = replace(note, customer_id=customer_id, content="Mine now")
            unit.notes.put(tenant_id, wrong, NOON + 1)
            assert not unit.notes.delete(tenant_id, customer_id, note_id, NOON)
            assert not unit.notes.restore(tenant_id, customer_id, note_id, NOON)
            assert unit.notes.get(tenant_id, customer_id, note_id, trashed=True) is None
            assert unit.notes.find(tenant_id, customer_id, ListQuery(trashed=True)).rows == ()
        assert unit.notes.get(there, theirs, note_id) == note

    nodes[0].at_once(reach)


@pytest.mark.anyio
async def test_of_many_who_delete_or_restore_the_same_one_does(nodes: Nodes) -> None:
    """A customer as well as a note."""
    here, alice, ada = await nodes[0].write(a_business)
    note_id = await nodes[0].write(lambda unit: unit.notes.add(here, ada, alice, "Once", NOON))

    for work in (
        lambda unit: unit.notes.delete(here, ada, note_id, NOON),
        lambda unit: unit.notes.restore(here, ada, note_id, NOON),
        lambda unit: unit.customers.delete(here, ada, NOON),
        lambda unit: unit.customers.restore(here, ada, NOON),
    ):
        assert Counter(await from_all(nodes, 20, work)) == {True: 1, False: 19}
