"""PostgreSQL itself shows a unit of work its tenants' rows only, whatever a statement says."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import errors

from flextell.settings import Settings
from flextell.store.opening import open_store
from flextell.store.port import Store, Unit
from flextell.store.statement import Effect, Statement
from flextell.store.tables import metadata
from flextell.store.transaction import Transaction
from flextell.store.wall import Widened
from flextell.tenants.blacklists import BlockTerms
from flextell.tenants.files import Content, Fileable, NewFile
from flextell.tenants.messages import Draft
from flextell.tenants.suggestions import Draft as SuggestionDraft
from tests.postgres import passes_walls
from tests.store.conftest import ISSUER, migrated_database
from tests.store.samples import NOON
from tests.store.talk import Talk, begin, say

pytestmark = pytest.mark.anyio

# No index helps a search behind the wall: ids alone come out of these (decision 22).
BEFORE_THE_WALL = {"customer_search", "conversation_search"}
WALLED = [
    table.name
    for table in metadata.sorted_tables
    if "tenant_id" in table.columns and table.name not in BEFORE_THE_WALL
]
WITH_TAGS = sorted([*WALLED, "customer_tags"])
ANY_CUSTOMER = Statement(
    "SELECT c.tenant_id FROM customers c WHERE c.customer_id > :above", {"above": "bigint"}
)
ADD_USAGE = Statement(
    "INSERT INTO file_usage (tenant_id, bytes) VALUES (:tenant_id, :bytes)",
    {"tenant_id": "bigint", "bytes": "bigint"},
    Effect.WRITES,
)
POLICIES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, p.permissive, p.cmd, p.roles::text
FROM pg_class c JOIN pg_policies p ON p.tablename = c.relname AND p.schemaname = 'public'
ORDER BY c.relname
"""

Work = Callable[[Unit], Any]


class UndoneError(Exception):
    """A test has seen enough, and what it changed is not kept."""


@dataclass(frozen=True)
class Clinics:
    """Two clinics with a row in each table, on a database that tests share and leave as it was."""

    url: str
    store: Store
    here: Talk
    there: Talk


def furnished(unit: Unit, name: str) -> Talk:
    """A clinic with a row of everything."""
    talk = begin(unit)
    tenant, customer = talk.tenant_id, talk.customer_id
    unit.customers.put_tag(tenant, customer, unit.tags.add(tenant, "VIP", "#ffaa00", NOON))
    unit.notes.add(tenant, customer, talk.bob, "Likes tea.", NOON)
    unit.files.expect(tenant, f"{name} kept", NOON)
    content = Content(f"{name} kept", 7, b"", "image/png")
    new = NewFile("x-ray", None, "image", "g", Fileable("customer", customer), content, None)
    unit.files.add(tenant, new, 100, NOON)
    unit.files.expect(tenant, f"{name} loose", NOON)
    unit.channels.set_webhook(tenant, talk.channel_id, "https://clinic.example", NOON)
    unit.deliveries.add(tenant, talk.channel_id, "message", "{}", NOON)
    say(unit, talk, Draft("When?", None))
    unit.suggestions.put(tenant, talk.conversation_id, SuggestionDraft("At three."), None, NOON)
    unit.blacklists.add(tenant, talk.channel_id, customer, BlockTerms("manual"), NOON)
    return talk


@pytest.fixture(scope="module")
def clinics(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clinics]:
    folder = tmp_path_factory.mktemp("wall")
    with migrated_database("postgresql", request, folder) as url:
        settings = Settings(data_dir=folder, issuer=ISSUER, database=url)
        with closing(open_store(settings)) as store:
            here, there = (store.at_once(partial(furnished, name=name)) for name in ("1", "2"))
            yield Clinics(url, store, here, there)


def sql(unit: Unit) -> Transaction:
    """Statements past all verbs of the store."""
    transaction: Transaction = unit._transaction  # type: ignore[attr-defined]
    return transaction


def tenants_in(unit: Unit, table: str) -> list[int]:
    """Whose rows a statement sees that names no tenant."""
    owner = "t.tenant_id FROM customer_tags x JOIN tags t ON t.tag_id = x.tag_id"
    what = owner if table == "customer_tags" else f"tenant_id FROM {table}"
    return [row[0] for row in sql(unit).all(f"SELECT {what}")]


def any_customer(*tenant_ids: int, walled: bool = True) -> Work:
    """Whose customers a unit sees that names no tenant in its statement, in a shared group."""

    def work(unit: Unit) -> set[int]:
        if walled:
            unit.within(*tenant_ids)
        return {row[0] for row in sql(unit).all(ANY_CUSTOMER, above=0)}

    return work


async def together(store: Store, *works: Work) -> list[Any]:
    """What becomes of units that share a group."""
    asked = (store.write(work, brief=True) for work in works)
    return await asyncio.gather(*asked, return_exceptions=True)


def test_tests_work_as_a_user_whom_walls_stop(clinics: Clinics) -> None:
    with psycopg.connect(clinics.url) as connection:
        assert not passes_walls(connection)


def test_every_table_with_rows_of_tenants_has_a_wall_that_stops_its_owner_too(
    clinics: Clinics,
) -> None:
    """A migration that adds such a table must raise one; see 0012."""
    with psycopg.connect(clinics.url) as connection:
        found = connection.execute(POLICIES).fetchall()

    assert found == [
        (table, True, True, "PERMISSIVE", "ALL", "{public}") for table in sorted(WITH_TAGS)
    ]


@pytest.mark.parametrize("table", WITH_TAGS)
def test_a_unit_within_a_tenant_sees_no_row_of_another(clinics: Clinics, table: str) -> None:
    def within(*tenant_ids: int) -> set[int]:
        def work(unit: Unit) -> set[int]:
            unit.within(*tenant_ids)
            return set(tenants_in(unit, table))

        return clinics.store.at_once(work)

    here, there = clinics.here.tenant_id, clinics.there.tenant_id
    assert within(here) == {here}
    assert within(here, there) == {here, there}
    assert within() == set()
    assert clinics.store.at_once(lambda unit: set(tenants_in(unit, table))) == {here, there}


def test_a_row_in_the_middle_is_seen_with_its_tag_only(clinics: Clinics) -> None:
    def work(unit: Unit) -> list[int]:
        unit.within(clinics.here.tenant_id)
        return [row[0] for row in sql(unit).all("SELECT customer_id FROM customer_tags")]

    assert clinics.store.at_once(work) == [clinics.here.customer_id]


@pytest.mark.parametrize("table", sorted(set(WALLED) - {"tenants"}))
def test_no_row_can_be_handed_to_another_tenant(clinics: Clinics, table: str) -> None:
    def work(unit: Unit) -> None:
        unit.within(clinics.here.tenant_id)
        sql(unit).run(f"UPDATE {table} SET tenant_id = :there", there=clinics.there.tenant_id)

    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        clinics.store.at_once(work)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tags (tenant_id, name, color, created_at, updated_at) "
        "VALUES (:there, 'Ours', '', 0, 0)",
        "INSERT INTO tenants (tenant_id, name, services, knowledge_base, work_hours, created_at, "
        "updated_at) VALUES (10000 + :there, 'Ours', '', '', '', 0, 0)",
        "INSERT INTO customer_tags (customer_id, tag_id) SELECT :customer, min(tag_id) FROM tags "
        "WHERE tenant_id <> :there",
        "INSERT INTO file_usage (tenant_id, bytes) VALUES (:there, 0) "
        "ON CONFLICT (tenant_id) DO UPDATE SET bytes = 0",
    ],
)
def test_no_row_can_be_added_to_another_tenant(clinics: Clinics, statement: str) -> None:
    there = clinics.there

    def work(unit: Unit) -> None:
        unit.within(clinics.here.tenant_id)
        values = {"there": there.tenant_id, "customer": there.customer_id}
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        sql(unit).run(statement, **used)

    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        clinics.store.at_once(work)


def test_what_is_deleted_without_a_condition_is_the_tenants_own(clinics: Clinics) -> None:
    here, there = clinics.here.tenant_id, clinics.there.tenant_id
    left: dict[str, set[int]] = {}

    def work(unit: Unit) -> None:
        unit.within(here)
        sql(unit).run("DELETE FROM customer_tags")
        for table in reversed(WALLED):
            assert sql(unit).run(f"DELETE FROM {table}") > 0, table
        # As a unit that begins now would see it.
        sql(unit).run("SELECT set_config('flextell.tenants', '', true)")
        left.update({table: set(tenants_in(unit, table)) for table in WITH_TAGS})
        raise UndoneError

    with pytest.raises(UndoneError):
        clinics.store.at_once(work)
    assert left == {table: {there} for table in WITH_TAGS}


def test_a_unit_may_draw_its_wall_closer_and_never_wider(clinics: Clinics) -> None:
    here, there = clinics.here.tenant_id, clinics.there.tenant_id

    def closer(unit: Unit) -> set[int]:
        unit.within(here, there)
        unit.within(there)
        unit.within(there)
        return set(tenants_in(unit, "customers"))

    def wider(unit: Unit) -> None:
        unit.within(here)
        unit.within(here, there)

    def out_of_nothing(unit: Unit) -> None:
        unit.within()
        unit.within(here)

    assert clinics.store.at_once(closer) == {there}
    for work in (wider, out_of_nothing):
        with pytest.raises(Widened):
            clinics.store.at_once(work)


def test_the_wall_ends_with_its_unit_however_that_ends(clinics: Clinics) -> None:
    """The next unit of the same connection is as free as the first."""
    both = {clinics.here.tenant_id, clinics.there.tenant_id}

    def kept(unit: Unit) -> None:
        unit.within(clinics.here.tenant_id)

    def undone(unit: Unit) -> None:
        kept(unit)
        raise UndoneError

    for _ in range(20):  # so often that each connection has had one
        clinics.store.at_once(kept)
        with pytest.raises(UndoneError):
            clinics.store.at_once(undone)
        assert clinics.store.at_once(lambda unit: set(tenants_in(unit, "customers"))) == both


async def test_a_group_is_walled_to_the_tenants_of_its_members(
    clinics: Clinics, asked: list[int]
) -> None:
    here, there = clinics.here.tenant_id, clinics.there.tenant_id
    none = 10**9

    alone = await together(clinics.store, any_customer(here))
    assert alone == [{here}]
    assert asked == [2], "the wall, and the question"
    assert await together(clinics.store, any_customer(there), any_customer(none)) == [{there}] * 2
    assert await together(clinics.store, any_customer()) == [set()]
    both = await together(clinics.store, any_customer(here), any_customer(there))
    assert both == [{here, there}] * 2


async def test_who_has_not_said_whose_rows_it_needs_is_not_stopped_by_the_wall_of_others(
    clinics: Clinics, asked: list[int]
) -> None:
    """Both ask the same statement, in one round trip."""
    here, there = clinics.here.tenant_id, clinics.there.tenant_id

    free = any_customer(walled=False)
    works = any_customer(here), free, any_customer(here), free
    outcomes = await together(clinics.store, *works)

    assert outcomes == [{here}, {here, there}, {here}, {here, there}]
    assert asked == [3], "a question, the wall, a question"
    assert await together(clinics.store, free) == [{here, there}]
    assert asked == [3, 1], "nothing is sent where nobody is walled, and nothing was left behind"


async def test_the_wall_is_drawn_while_a_unit_runs(clinics: Clinics, asked: list[int]) -> None:
    """As the API does, which asks first whose the caller is."""
    here, there = clinics.here.tenant_id, clinics.there.tenant_id

    def work(unit: Unit) -> tuple[set[int], set[int]]:
        before = any_customer(walled=False)(unit)
        return before, any_customer(here)(unit)

    assert await together(clinics.store, work) == [({here, there}, {here})]
    assert asked == [1, 2]


async def test_a_unit_that_leaves_its_group_is_walled_alone_too(clinics: Clinics) -> None:
    here = clinics.here.tenant_id

    def work(unit: Unit) -> set[int]:
        seen: set[int] = any_customer(here)(unit)
        return seen | set(tenants_in(unit, "notes"))

    assert await together(clinics.store, work) == [{here}]


async def test_a_unit_of_a_group_cannot_widen_its_wall(clinics: Clinics) -> None:
    def work(unit: Unit) -> None:
        unit.within(clinics.here.tenant_id)
        unit.within(clinics.there.tenant_id)

    [outcome] = await together(clinics.store, work)
    assert isinstance(outcome, Widened)


async def test_what_units_of_a_group_change_is_walled_each_as_it_asked(
    clinics: Clinics, asked: list[int]
) -> None:
    """A change is sent later than it is made: with the next question, or with the commit."""
    here, there = clinics.here.tenant_id, clinics.there.tenant_id

    def forget(unit: Unit) -> None:
        sql(unit).run("DELETE FROM file_usage")

    def adding(tenant_id: int, *within: int) -> Work:
        def work(unit: Unit) -> set[int]:
            if within:
                unit.within(*within)
            sql(unit).add(ADD_USAGE, tenant_id=tenant_id, bytes=7)
            return {row[0] for row in sql(unit).all(ANY_CUSTOMER, above=0)}

        return work

    clinics.store.at_once(forget)
    outcomes = await together(clinics.store, adding(here, here), adding(there))
    assert outcomes == [{here}, {here, there}]
    assert asked == [7, 1], "BEGIN, change, wall, change, question, no wall, question; COMMIT"
    assert clinics.store.at_once(lambda unit: set(tenants_in(unit, "file_usage"))) == {here, there}

    clinics.store.at_once(forget)
    [refused, kept] = await together(clinics.store, adding(there, here), adding(here, here))
    assert isinstance(refused, errors.InsufficientPrivilege)
    assert kept == {here}
    assert clinics.store.at_once(lambda unit: tenants_in(unit, "file_usage")) == [here]

    clinics.store.at_once(lambda unit: sql(unit).add(ADD_USAGE, tenant_id=there, bytes=7))
