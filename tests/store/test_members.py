"""Members are kept the same on every engine, and an owner is left, whoever comes first."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from flextell.store.port import Duplicate, Store, Unit
from flextell.tenants.access import BeyondOwnRoles
from flextell.tenants.members import (
    MEMBER_SORT_KEYS,
    LastOwner,
    Member,
    MemberFilters,
    MemberQuery,
    Profile,
    check_change,
)
from flextell.tenants.model import TenantDetails
from flextell.tenants.paging import Window

NOON = 1_795_435_200
OWNER = frozenset({"owner"})
ALL = Profile(
    "Dr.", "+90", "Eve", "Q", "+91", "0+", ("Turkish", "Other"), "https://x.example", "Bio"
)


def join(unit: Unit, tenant_id: int, name: str, role: str = "staff") -> Member:
    """Somebody whom the tenant made."""
    person = unit.people.add(
        subject=f"sub-{name}",
        email=f"{name.lower()}@example.com",
        name=name,
        password_hash="",
        now=NOON,
        managed_by=tenant_id,
    )
    unit.tenants.add_member(tenant_id, person.person_id, role)
    member = unit.members.get(tenant_id, person.person_id)
    assert member is not None
    return member


def found(unit: Unit, tenant_id: int, **filters: object) -> list[str]:
    """The names of those who pass these filters."""
    query = MemberQuery(MemberFilters(**filters), "name", "asc")  # type: ignore[arg-type]
    return [each.name for each in unit.members.find(tenant_id, query).rows]


def test_what_a_tenant_says_of_a_member_comes_back(store: Store) -> None:
    def keep(unit: Unit) -> None:
        here = unit.tenants.add(TenantDetails("Here"), NOON)
        alice = join(unit, here, "Alice")
        unit.people.note_sign_in(alice.person_id, "192.0.2.1", NOON + 5)
        said = replace(alice, profile=ALL, roles=frozenset({"owner", "staff"}), inactive_at=NOON)
        unit.members.put(said, NOON + 9)

        kept = unit.members.get(here, alice.person_id)
        assert kept == replace(
            said, updated_at=NOON + 9, last_login_at=NOON + 5, last_login_ip="192.0.2.1"
        )
        assert (alice.profile, alice.created_at, alice.ours_alone) == (Profile(), NOON, True)

    store.at_once(keep)


def test_who_was_switched_off_or_removed_acts_nowhere_and_owns_nothing(store: Store) -> None:
    def change(unit: Unit) -> None:
        here = unit.tenants.add(TenantDetails("Here"), NOON)
        alice, bob, dora = (join(unit, here, name, "owner") for name in ("Alice", "Bob", "Dora"))
        ids = {each.person_id for each in (alice, bob, dora)}
        assert unit.members.owners(here) == ids

        unit.members.put(replace(alice, inactive_at=NOON), NOON)
        unit.members.put(replace(bob, deleted_at=NOON), NOON)
        unit.people.disable(dora.person_id, NOON)

        assert unit.members.owners(here) == frozenset()
        assert unit.tenants.memberships("sub-Alice") == unit.tenants.memberships("sub-Bob") == ()
        assert unit.tenants.of_person("sub-Alice", Window()).total == 0
        assert unit.members.get(here, bob.person_id) is None
        assert unit.members.get(here, alice.person_id) is not None
        unit.tenants.add_member(here, bob.person_id, "owner")
        assert unit.members.owners(here) == {bob.person_id}

    store.at_once(change)


def test_members_are_found_by_text_role_and_state(store: Store) -> None:
    def find(unit: Unit) -> None:
        here = unit.tenants.add(TenantDetails("Here"), NOON)
        there = unit.tenants.add(TenantDetails("There"), NOON)
        alice, bob, carol = (join(unit, here, name) for name in ("Alice", "Bob", "Carol"))
        unit.tenants.add_member(there, bob.person_id, "owner")
        join(unit, there, "Eve", "owner")
        unit.members.put(replace(alice, roles=frozenset({"owner", "viewer"})), NOON)
        unit.members.put(replace(bob, inactive_at=NOON, profile=Profile(phone="+90_5")), NOON)
        unit.members.put(replace(carol, deleted_at=NOON), NOON)

        assert found(unit, here) == ["Alice", "Bob"]
        assert found(unit, here, trashed=True) == ["Alice", "Bob", "Carol"]
        assert found(unit, here, is_active=True) == ["Alice"]
        assert found(unit, here, is_active=False) == ["Bob"]
        assert found(unit, here, role="owner") == ["Alice"]
        assert found(unit, here, role="view") == found(unit, here, role="%") == []
        assert found(unit, here, search="alice@") == ["Alice"]
        join(unit, here, "Çağla", "viewer")
        assert found(unit, here, search="cagla") == ["Çağla"]
        assert found(unit, here, search="0_5") == ["Bob"]
        assert found(unit, there) == ["Bob", "Eve"]
        assert unit.members.get(there, alice.person_id) is None
        assert unit.members.owners(there) != unit.members.owners(here)

    store.at_once(find)


def test_a_walk_by_cursor_is_the_whole_list_in_every_order(store: Store) -> None:
    def walk(unit: Unit) -> None:
        here = unit.tenants.add(TenantDetails("Here"), NOON)
        for number, name in enumerate(("Alice", "Bob", "Carol")):
            member = join(unit, here, name)
            if number:
                unit.people.note_sign_in(member.person_id, "192.0.2.1", NOON + number)
        for key in MEMBER_SORT_KEYS:
            for order in ("asc", "desc"):
                query = MemberQuery(sort=key, order=order)
                whole = unit.members.find(here, query)
                met: list[Member] = []
                after = None
                while True:
                    part = unit.members.find(here, replace(query, window=Window(1, None, after)))
                    met += part.rows
                    after = part.next
                    if after is None:
                        break
                assert tuple(met) == whole.rows
                assert len(met) == whole.total == 3

    store.at_once(walk)


def test_a_person_whom_another_tenant_has_too_is_nobodys_alone(store: Store) -> None:
    def share(unit: Unit) -> None:
        here = unit.tenants.add(TenantDetails("Here"), NOON)
        there = unit.tenants.add(TenantDetails("There"), NOON)
        alice = join(unit, here, "Alice")
        unit.tenants.add_member(here, alice.person_id, "viewer")
        again = unit.members.get(here, alice.person_id)
        unit.tenants.add_member(there, alice.person_id, "viewer")
        shared = [unit.members.get(each, alice.person_id) for each in (here, there)]

        assert again is not None
        assert again.ours_alone
        assert [each.ours_alone for each in shared if each] == [False, False]

    store.at_once(share)


def test_a_tenants_own_words_are_replaced(store: Store) -> None:
    def change(unit: Unit) -> None:
        here = unit.tenants.add(TenantDetails("Here"), NOON)
        there = unit.tenants.add(TenantDetails("There"), NOON)
        city = unit.tenants.add_place("city", "Ankara")
        details = TenantDetails("Here", services=("Dentistry",), city_id=city)
        unit.tenants.put(here, details, NOON + 1)

        changed, other = unit.tenants.get(here), unit.tenants.get(there)
        assert changed is not None
        assert (changed.details, changed.updated_at) == (details, NOON + 1)
        assert changed.city is not None
        assert other is not None
        assert (other.details, other.updated_at) == (TenantDetails("There"), NOON)
        assert unit.tenants.get(here + there + 1) is None
        assert unit.tenants.is_place("city", city)
        assert not unit.tenants.is_place("country", city)

    store.at_once(change)


def give_up(person_id: int, tenant_id: int) -> Callable[[Unit], str]:
    """A unit in which an owner leaves, as the API does it."""

    def work(unit: Unit) -> str:
        unit.members.hold(tenant_id)
        before = unit.members.get(tenant_id, person_id)
        if before is None:
            return "gone"
        after = replace(before, roles=frozenset())
        try:
            check_change(before, after, OWNER, unit.members.owners(tenant_id))
        except (LastOwner, BeyondOwnRoles):
            return "stays"
        unit.members.put(after, NOON)
        return "left"

    return work


@pytest.mark.anyio
async def test_of_owners_who_all_leave_at_once_one_stays(both_nodes: tuple[Store, Store]) -> None:
    """Two who each see the other still there would leave nobody."""
    names = [f"Owner{number}" for number in range(8)]

    def found_tenant(unit: Unit) -> tuple[int, list[int]]:
        tenant_id = unit.tenants.add(TenantDetails("Here"), NOON)
        return tenant_id, [join(unit, tenant_id, name, "owner").person_id for name in names]

    tenant_id, people = await both_nodes[0].write(found_tenant)
    outcomes = await asyncio.gather(
        *(both_nodes[n % 2].write(give_up(each, tenant_id)) for n, each in enumerate(people))
    )

    assert Counter(outcomes) == {"left": 7, "stays": 1}
    assert len(await both_nodes[1].read(lambda unit: unit.members.owners(tenant_id))) == 1


@pytest.mark.anyio
async def test_of_many_who_take_one_address_at_once_one_gets_it(
    both_nodes: tuple[Store, Store],
) -> None:
    """New people and old ones alike, and nobody runs into an error of the database."""

    def people(unit: Unit) -> list[int]:
        tenant_id = unit.tenants.add(TenantDetails("Here"), NOON)
        return [join(unit, tenant_id, f"Person{number}").person_id for number in range(4)]

    def rename(person_id: int) -> Callable[[Unit], str]:
        def work(unit: Unit) -> str:
            unit.people.rename(person_id, email="best@example.com", name="Best")
            return "taken"

        return work

    def add(number: int) -> Callable[[Unit], str]:
        def work(unit: Unit) -> str:
            unit.people.add(
                subject=f"sub-new-{number}",
                email="best@example.com",
                name="Best",
                password_hash="",
                now=NOON,
            )
            return "taken"

        return work

    ids = await both_nodes[0].write(people)
    units = [unit for number, each in enumerate(ids) for unit in (rename(each), add(number))]
    outcomes = await asyncio.gather(
        *(both_nodes[n % 2].write(unit) for n, unit in enumerate(units)), return_exceptions=True
    )

    assert Counter(type(each) for each in outcomes) == {str: 1, Duplicate: 7}
