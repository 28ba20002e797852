"""Searches find what is there now, in whatever way they go through a list, on both databases."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Connection, text

from flextell.settings import Settings
from flextell.store import searching
from flextell.store.migrating import MIGRATIONS
from flextell.store.opening import database_url as url_of
from flextell.store.opening import engine as engine_of
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store, StoreUnavailable, Unit
from flextell.tenants.conversations import ConversationFilters, ConversationQuery
from flextell.tenants.customers import CustomerFilters, CustomerQuery, CustomerSort, folded
from flextell.tenants.model import Customer, CustomerDetails, TenantDetails
from flextell.tenants.paging import Found, Window
from tests.postgres import lent
from tests.store.conftest import ISSUER
from tests.store.samples import NOON
from tests.store.talk import ADA_PHONE, begin

# A third of them have the first name that is searched for.
NAMES = [f"{('Ayşe', 'Grace', 'Linus')[n % 3]} Kaya{n}" for n in range(450)]
_clinics = count(1)


@pytest.fixture
def store(nodes: tuple[Store, Store]) -> Store:
    """A store that the tests of this module share: each makes its own clinic."""
    return nodes[0]


def a_clinic(unit: Unit, *names: str) -> int:
    """A tenant with these customers, the later the younger."""
    tenant_id = unit.tenants.add(TenantDetails(f"Clinic {next(_clinics)}"), NOON)
    for n, name in enumerate(names):
        first, _, last = name.partition(" ")
        unit.customers.add(tenant_id, CustomerDetails(first, last, f"+90{n}"), NOON + n // 2)
    return tenant_id


def found(store: Store, tenant_id: int, search: str, **more: bool) -> list[str]:
    """The names of those who are found, the youngest first."""
    query = CustomerQuery(CustomerFilters(folded(search), **more))  # type: ignore[arg-type]
    return names(part_of(store, tenant_id, query))


def part_of(store: Store, tenant_id: int, query: CustomerQuery) -> Found[Customer]:
    """A part of the list of customers."""
    return store.at_once(lambda unit: unit.customers.find(tenant_id, query))


def names(part: Found[Customer]) -> list[str]:
    """The whole names."""
    return [f"{row.details.first_name} {row.details.last_name}".strip() for row in part.rows]


def talks(store: Store, tenant_id: int, search: str) -> Sequence[int]:
    """The conversations that are found."""
    query = ConversationQuery(ConversationFilters(folded(search)))
    rows = store.at_once(lambda unit: unit.conversations.find(tenant_id, query, NOON)).rows
    return [row.conversation_id for row in rows]


def test_one_or_two_letters_are_found_where_words_begin(store: Store) -> None:
    tenant_id = store.at_once(lambda unit: a_clinic(unit, "Ada Çelik", "Grace Sánchez", "Linus"))

    assert found(store, tenant_id, "ce") == ["Ada Çelik"]
    assert found(store, tenant_id, "s") == ["Grace Sánchez"]
    assert found(store, tenant_id, " g") == ["Grace Sánchez"]
    assert found(store, tenant_id, "da") == []
    assert found(store, tenant_id, "ace") == ["Grace Sánchez"]
    assert found(store, tenant_id, "+90") == ["Linus", "Grace Sánchez", "Ada Çelik"]


def test_what_is_renamed_is_found_by_its_new_name_alone(store: Store) -> None:
    talk = store.at_once(begin)

    def rename(unit: Unit) -> None:
        ada = unit.customers.get(talk.tenant_id, talk.customer_id)
        assert ada is not None
        details = CustomerDetails("Augusta", "King", ADA_PHONE)
        unit.customers.put(replace(ada, details=details), NOON)

    assert talks(store, talk.tenant_id, "celik") == [talk.conversation_id]
    store.at_once(rename)

    assert found(store, talk.tenant_id, "celik") == []
    assert found(store, talk.tenant_id, "august") == ["Augusta King"]
    assert talks(store, talk.tenant_id, "celik") == []
    assert talks(store, talk.tenant_id, "king") == [talk.conversation_id]
    assert talks(store, talk.tenant_id, ADA_PHONE[-7:]) == [talk.conversation_id]


def test_a_search_stays_in_its_tenant(store: Store) -> None:
    here, there = (store.at_once(begin) for _ in "ab")

    assert found(store, here.tenant_id, "celik") == ["Ada Çelik"]
    assert talks(store, here.tenant_id, "celik") == [here.conversation_id]
    assert talks(store, there.tenant_id, "celik") == [there.conversation_id]


@pytest.mark.parametrize("few", [10_000, 10])
def test_many_hits_make_the_same_list_as_few(
    store: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """In every order, by page and by cursor, with what is deleted and without."""
    monkeypatch.setattr(searching, "FEW", few)
    tenant_id = store.at_once(lambda unit: a_clinic(unit, *NAMES))
    everybody = CustomerQuery(CustomerFilters("ayse", trashed=True), window=Window(1000))
    first = part_of(store, tenant_id, everybody).rows[0]
    store.at_once(lambda unit: unit.customers.delete(tenant_id, first.customer_id, NOON))
    hits = [name for name in reversed(NAMES) if name.startswith("Ayşe")]

    assert len(found(store, tenant_id, "ayse", trashed=True)) == 20
    seen, after = list[str](), None
    while True:
        window = Window(40, None, after) if after else Window(40)
        query = CustomerQuery(CustomerFilters("ayse"), CustomerSort(), window)
        part = part_of(store, tenant_id, query)
        seen += names(part)
        assert part.total == 149
        if (after := part.next) is None:
            break
    assert seen == hits[1:]
    third = CustomerQuery(CustomerFilters("ayse"), CustomerSort("last_name", "asc"), Window(40, 3))
    rows = part_of(store, tenant_id, third).rows
    by_name = sorted(name.split()[1] for name in hits[1:])
    assert [row.details.last_name for row in rows] == by_name[80:120]


OLD_CUSTOMER = """
INSERT INTO customers (tenant_id, first_name, last_name, phone_number, search_text, created_at,
    updated_at) VALUES (:tenant_id, 'Zeynep', '', '+1', 'zeynep +1', 0, 0)
"""


def test_what_a_program_of_before_writes_is_found(settings: Settings) -> None:
    """It knows nothing of the search tables: the database keeps them."""
    with closing(open_store(settings)) as store:
        tenant_id = store.at_once(lambda unit: a_clinic(unit, "Ada Çelik"))
        with engine_of(url_of(settings)).begin() as connection:
            connection.execute(text(OLD_CUSTOMER), {"tenant_id": tenant_id})
            renamed = "UPDATE customers SET search_text = 'augusta', first_name = 'Augusta' "
            connection.execute(text(f"{renamed} WHERE first_name = 'Ada'"))

        assert found(store, tenant_id, "zey") == ["Zeynep"]
        assert found(store, tenant_id, "augusta") == ["Augusta Çelik"]
        with engine_of(url_of(settings)).begin() as connection:
            _forget(connection)
            assert not connection.execute(text("SELECT 1 FROM customer_search")).all()


def _forget(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA foreign_keys = ON"))
    connection.execute(text("DELETE FROM customers"))


def up_to(number: str, folder: Path) -> Path:
    """A folder with the migrations up to this one."""
    folder.mkdir()
    for file in (MIGRATIONS / "versions").glob("*.py"):
        if file.name[:4] <= number:
            shutil.copy(file, folder)
    return folder


def test_rows_of_before_are_found_once_the_migration_is_done(
    empty_database_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, issuer=ISSUER, database=empty_database_url)
    migrate(settings, versions=(up_to("0012", tmp_path / "versions"),))
    with engine_of(url_of(settings)).begin() as connection:
        for statement in (
            "INSERT INTO tenants (name, services, knowledge_base, work_hours, created_at, "
            "updated_at) VALUES ('Clinic', '[]', '[]', '[]', 0, 0)",
            OLD_CUSTOMER.replace(":tenant_id", "1"),
            "INSERT INTO channels (tenant_id, type, name, address, is_active, created_at, "
            "updated_at) VALUES (1, 'whatsapp', 'Desk', '+90', 1, 0, 0)",
            "INSERT INTO conversations (tenant_id, channel_id, address, customer_id, search_text, "
            "message_count, unread_count, agent_disabled, active_at, created_at) "
            "VALUES (1, 1, '+5557', 1, '+5557', 0, 0, 0, 0, 0)",
        ):
            connection.execute(text(statement))

    migrate(settings)

    with closing(open_store(settings)) as store:
        assert found(store, 1, "zeynep") == ["Zeynep"]
        assert talks(store, 1, "zeynep") == [1]
        assert talks(store, 1, "5557") == [1]


def test_a_customer_is_not_renamed_while_a_conversation_with_them_begins(
    fresh_postgres_database: str, tmp_path: Path
) -> None:
    """The one would not see the other, and the conversation be found by the old name for ever."""
    settings = Settings(data_dir=tmp_path, issuer=ISSUER, database=fresh_postgres_database)
    migrate(settings)
    with closing(open_store(settings)) as store:
        talk = store.at_once(begin)
        rename = "UPDATE customers SET search_text = 'augusta'"
        add = (
            "INSERT INTO conversations (tenant_id, channel_id, address, customer_id, search_text, "
            "message_count, unread_count, agent_disabled, active_at, created_at) SELECT tenant_id, "
            "channel_id, 'ada@example.com', customer_id, 'ada@example.com', 0, 0, 0, 0, 0 "
            "FROM conversations"
        )
        with (
            psycopg.connect(fresh_postgres_database) as one,
            psycopg.connect(fresh_postgres_database) as other,
        ):
            one.execute(add)
            other.execute("SET lock_timeout = '100ms'")
            other.commit()
            with pytest.raises(errors.LockNotAvailable):
                other.execute(rename)
            other.rollback()
            one.commit()
            other.execute(rename)
            other.commit()

        assert len(talks(store, talk.tenant_id, "augusta")) == 2
        assert not talks(store, talk.tenant_id, "celik")


def test_who_may_not_create_the_extension_is_told_what_to_do(
    postgres_server: str, fresh_postgres_database: str, tmp_path: Path
) -> None:
    """An administrator creates it, and the migration goes on."""
    settings = Settings(data_dir=tmp_path, issuer=ISSUER, database=fresh_postgres_database)
    with lent(fresh_postgres_database, postgres_server) as admin:
        with pytest.raises(StoreUnavailable, match="CREATE EXTENSION pg_trgm"):
            migrate(settings)
        admin.execute("CREATE EXTENSION pg_trgm")
        migrate(settings)
    with closing(open_store(settings)) as store:
        tenant_id = store.at_once(lambda unit: a_clinic(unit, "Ada Çelik"))
        assert found(store, tenant_id, "celik") == ["Ada Çelik"]
