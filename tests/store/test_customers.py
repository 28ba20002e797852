"""Tenants and customers are kept the same on both databases, and stay behind their wall."""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flextell.settings import Settings
from flextell.store.customers import SqlCustomers
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store, Unit
from flextell.store.transaction import on_sqlite
from flextell.tenants.customers import (
    SORT_KEYS,
    TIMES,
    CustomerFilters,
    CustomerQuery,
    CustomerSort,
    SortKey,
    folded,
)
from flextell.tenants.model import (
    Customer,
    CustomerDetails,
    OutsideTenant,
    TenantDetails,
    WorkHours,
)
from flextell.tenants.paging import After, SortOrder, Window

NOON = 1_795_435_200
# Upper case, accents, ties and absent values.
EVERYONE = [
    CustomerDetails("Ada", "Çelik", "+1", date_of_birth=5, gender="female"),
    CustomerDetails("ada", "celik", "+2", date_of_birth=-5, gender="female"),
    CustomerDetails("Zoë", "", "+3", email="zoe_1%@example.com"),
    CustomerDetails("Émile", "Q", "+4", gender="male"),
    CustomerDetails("Ada", "Q", "+5", date_of_birth=5),
]


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """An empty store on each engine."""
    settings = Settings(data_dir=tmp_path, database=database_url, issuer="https://localhost:8443")
    migrate(settings)
    opened = open_store(settings)
    yield opened
    opened.close()


def a_person(unit: Unit, name: str) -> int:
    """Somebody who can belong to a tenant."""
    made = unit.people.add(
        subject=f"sub-{name}", email=f"{name}@example.com", name=name, password_hash="", now=NOON
    )
    return made.person_id


def test_a_walk_by_cursor_is_the_whole_list_in_every_order(store: Store) -> None:
    def walk(unit: Unit) -> None:
        tenant_id = unit.tenants.add(TenantDetails("Clinic"), NOON)
        for i, details in enumerate(EVERYONE):
            unit.customers.add(tenant_id, details, NOON + i // 2)

        orders: tuple[SortOrder, ...] = ("asc", "desc")
        for key, order, size in itertools.product(SORT_KEYS, orders, (1, 2, 5)):
            sort = CustomerSort(key, order)
            whole = unit.customers.find(tenant_id, CustomerQuery(sort=sort))
            met: list[Customer] = []
            after = None
            while True:
                window = Window(size, None, after)
                part = unit.customers.find(tenant_id, CustomerQuery(sort=sort, window=window))
                assert part.total == len(EVERYONE)
                met += part.rows
                after = part.next
                if after is None:
                    break
            assert tuple(met) == whole.rows
            assert len(set(met)) == len(EVERYONE)
            check_order(key, order, [getattr(each, key, None) for each in met])

    store.at_once(walk)


def check_order(key: SortKey, order: SortOrder, values: list[int | None]) -> None:
    """The order of times; that of text is the database's own."""
    if key in ("created_at", "updated_at"):
        assert values == sorted(values, key=lambda v: v or 0, reverse=order == "desc")


def test_filters_find_the_same_on_both_engines(store: Store) -> None:
    def find(unit: Unit) -> None:
        tenant_id = unit.tenants.add(TenantDetails("Clinic"), NOON)
        ids = [unit.customers.add(tenant_id, details, NOON) for details in EVERYONE]
        unit.customers.delete(tenant_id, ids[4], NOON)

        def found(filters: CustomerFilters) -> set[int]:
            rows = unit.customers.find(tenant_id, CustomerQuery(filters)).rows
            return {ids.index(each.customer_id) for each in rows}

        assert found(CustomerFilters()) == {0, 1, 2, 3}
        assert found(CustomerFilters(trashed=True)) == {0, 1, 2, 3, 4}
        assert found(CustomerFilters(search=folded("ADA ÇELIK"))) == {0, 1}
        assert found(CustomerFilters(search="zoe_1%")) == {2}
        assert found(CustomerFilters(search="zo_%1")) == set()
        assert found(CustomerFilters(search="1%@example")) == {2}
        assert found(CustomerFilters(gender="female")) == {0, 1}
        assert found(CustomerFilters(born_from=5)) == {0}
        assert found(CustomerFilters(born_before=5)) == {1}

    store.at_once(find)


def test_what_is_kept_comes_back(store: Store) -> None:
    def keep(unit: Unit) -> None:
        alice = a_person(unit, "alice")
        country = unit.tenants.add_place("country", "Türkiye")
        details = TenantDetails(
            "Clinic",
            services=("Dentistry",),
            knowledge_base=("Parking is free.",),
            work_hours=(WorkHours("monday", True, "09:00", "18:00"),),
            country_id=country,
        )
        tenant_id = unit.tenants.add(details, NOON)
        unit.tenants.add_member(tenant_id, alice, "viewer")
        unit.tenants.add_member(tenant_id, alice, "owner")
        ada = CustomerDetails("Ada", "Çelik", "+1", country_id=country, person_id=alice)
        customer_id = unit.customers.add(tenant_id, ada, NOON)
        tag = unit.tags.add(tenant_id, "VIP", "#FFAA00", NOON)
        unit.customers.put_tag(tenant_id, customer_id, tag)
        unit.customers.put_tag(tenant_id, customer_id, tag)

        (tenant,) = unit.tenants.of_person("sub-alice", Window()).rows
        assert tenant.details == details
        assert tenant.country is not None
        assert (tenant.country.name, tenant.city) == ("Türkiye", None)
        memberships = unit.tenants.memberships("sub-alice")
        assert memberships is not None
        assert [(each.tenant_id, set(each.roles)) for each in memberships] == [
            (tenant_id, {"owner"})
        ]
        kept = unit.customers.get(tenant_id, customer_id)
        assert kept is not None
        assert kept.details == ada
        assert kept.country_name == "Türkiye"
        assert kept.related_user is not None
        assert kept.related_user.name == "alice"
        assert [each.name for each in kept.tags] == ["VIP"]
        unit.people.disable(alice, NOON)
        assert unit.tenants.memberships("sub-alice") is None
        assert unit.tenants.of_person("sub-alice", Window()).rows == ()

    store.at_once(keep)


def test_no_verb_reaches_into_another_tenant(store: Store) -> None:
    def reach(unit: Unit) -> None:
        bob = a_person(unit, "bob")
        here, there = (unit.tenants.add(TenantDetails(name), NOON) for name in ("Here", "There"))
        unit.tenants.add_member(there, bob, "owner")
        mine = unit.customers.add(here, EVERYONE[0], NOON)
        theirs = unit.customers.add(there, EVERYONE[1], NOON)
        their_tag = unit.tags.add(there, "VIP", "#FFAA00", NOON)

        assert unit.customers.get(here, theirs) is None
        assert not unit.customers.delete(here, theirs, NOON)
        found = unit.customers.find(here, CustomerQuery())
        assert [each.customer_id for each in found.rows] == [mine]
        assert found.total == 1
        with pytest.raises(OutsideTenant):
            unit.customers.put_tag(here, mine, their_tag)
        with pytest.raises(OutsideTenant):
            unit.customers.put_tag(there, mine, their_tag)
        with pytest.raises(OutsideTenant):
            unit.customers.add(here, CustomerDetails("A", "B", "+1", person_id=bob), NOON)

    store.at_once(reach)


def test_a_customer_is_deleted_once(store: Store) -> None:
    def delete(unit: Unit) -> None:
        tenant_id = unit.tenants.add(TenantDetails("Clinic"), NOON)
        customer_id = unit.customers.add(tenant_id, EVERYONE[0], NOON)

        assert unit.customers.delete(tenant_id, customer_id, NOON)
        assert not unit.customers.delete(tenant_id, customer_id, NOON)
        assert unit.customers.get(tenant_id, customer_id) is None

    store.at_once(delete)


@pytest.mark.parametrize("key", SORT_KEYS)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_each_order_is_read_from_an_index_from_wherever_it_goes_on(
    sqlite_file: Path, key: SortKey, order: SortOrder
) -> None:
    """So that a page far down a long list costs what the first does: nothing is sorted."""
    after = After(1 if key in TIMES else "a", 1)
    with closing(sqlite3.connect(sqlite_file)) as database:
        asked: list[tuple[str, dict[str, Any]]] = []

        def execute(sql: str, values: dict[str, Any]) -> sqlite3.Cursor:
            asked.append((sql, values))
            return database.execute(sql, values)

        customers = SqlCustomers(on_sqlite(execute))
        for window in (Window(50), Window(50, None, after)):
            customers.find(1, CustomerQuery(sort=CustomerSort(key, order), window=window))
        plans = [
            [step for *_, step in database.execute(f"EXPLAIN QUERY PLAN {part}", values)]
            for part, values in ((sql.partition("FROM (")[2], values) for sql, values in asked)
            if "ORDER BY 1" in part
            for part in [part.partition(") AS part")[0]]
        ]

    index = f"ix_customers_tenant_id_{key}_customer_id"
    assert len(plans) >= 2
    for plan in plans:
        assert len(plan) == 1
        assert index in plan[0]
