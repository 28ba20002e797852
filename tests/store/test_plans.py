"""How PostgreSQL finds rows: what requests ask all the time reads an index, never a whole table."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from flextell import store
from flextell.accounts.throttle import Key, Kind
from flextell.settings import Settings
from flextell.store.opening import migrate
from flextell.store.port import Unit
from flextell.store.statement import Statement, for_many
from flextell.store.transaction import on_postgresql
from flextell.store.unit import SqlUnit
from flextell.tenants.blacklists import BlockQuery, BlockTerms
from flextell.tenants.conversations import ConversationFilters, ConversationQuery
from flextell.tenants.customers import CustomerFilters, CustomerQuery
from flextell.tenants.files import Content, Fileable, FileFilters, FileQuery, NewFile, SortKey
from flextell.tenants.messages import Draft
from flextell.tenants.paging import After, Window
from flextell.tenants.suggestions import Draft as SuggestionDraft
from tests.postgres import fresh_database
from tests.store.samples import (
    CODE,
    DAY,
    NOON,
    a_code,
    a_grant,
    a_token,
    connect_photos,
    digest,
    refreshed,
)
from tests.store.talk import ADA_PHONE, begin, say

# Ten thousand of everything that grows; Alice's own rows come after it.
CROWD = (
    "INSERT INTO grants (grant_id, client_id, subject, scopes, created_at) "
    "SELECT md5(i::text), 'client-' || i % 50, 'sub-' || i, 'account:read', 1 {many}",
    "INSERT INTO refresh_tokens (digest, grant_id, generation, issued_at, expires_at, "
    "access_scopes, access_expires_at) "
    "SELECT sha256(i::text::bytea), md5(i::text), 0, 1, {noon} + i, 'account:read', 1 {many}",
    "INSERT INTO codes (digest, grant_id, client_id, subject, redirect_uri, scopes, auth_time, "
    "expires_at) SELECT sha256(i::text::bytea), md5(i::text), 'photos', 'sub-' || i, 'https://x', "
    "'account:read', 1, {noon} + i {many}",
    "INSERT INTO people (subject, email, name, password_hash, created_at) "
    "SELECT 'sub-' || i, i || '@example.com', 'N', 'h', 1 {many}",
    "INSERT INTO sessions (digest, person_id, auth_time, seen_at, expires_at) "
    "SELECT sha256(i::text::bytea), i, 1, 1, {noon} + i {many}",
    "INSERT INTO revocations (name, created_at, expires_at) "
    "SELECT md5(i::text), 1, {noon} + i {many}",
    "INSERT INTO throttles (key, failures, last_at, wait_until) "
    "SELECT 'k' || i, 1, {noon} + i, 0 {many}",
    "INSERT INTO rate_counts (key, process, count, expires_at) "
    "SELECT sha256(i::text::bytea), sha256(i::text::bytea), 1, {noon} + i {many}",
    "INSERT INTO consents (subject, client_id, scopes, answered_at) "
    "SELECT 'sub-' || i, 'photos', 'account:read', 1 {many}",
    "INSERT INTO tenants (name, services, knowledge_base, work_hours, created_at, updated_at) "
    "SELECT 'Clinic', '[]', '[]', '[]', 1, 1 {many}",
    "INSERT INTO files (tenant_id, name, type, mime_type, size, sha256, group_id, fileable_type, "
    "fileable_id, stored_as, created_at, updated_at) SELECT 1 + i % 50, 'n' || i, 'image', '', i, "
    "'', i, 'customer', i % 100, md5(i::text), i, i {many}",
    "INSERT INTO loose_contents (stored_as, tenant_id, size, remove_at) "
    "SELECT 'loose' || i, 1, 0, {noon} + i {many}",
    "INSERT INTO file_usage (tenant_id, bytes) SELECT i, 0 {many}",
    "INSERT INTO channels (tenant_id, type, name, address, is_active, created_at, updated_at) "
    "SELECT 1 + i % 50, 'whatsapp', 'C', '+1', 1, 1, 1 {many}",
    "INSERT INTO customers (tenant_id, first_name, last_name, phone_number, search_text, "
    "created_at, updated_at) SELECT 1 + i % 50, 'N', '', '+' || i, 'n', i, i {many}",
    "INSERT INTO conversations (tenant_id, channel_id, address, customer_id, search_text, "
    "last_message_id, message_count, unread_count, agent_disabled, active_at, created_at) "
    "SELECT 1 + i % 50, i, '+' || i, i, '+' || i, i, 1, 1, 0, i, 1 {many}",
    "INSERT INTO messages (tenant_id, conversation_id, channel_id, external_id, kind, text, "
    "created_at) SELECT 1 + i % 50, i, i, 'w' || i, 'text', 'Hi', 1 {many}",
    "INSERT INTO ai_suggestions (tenant_id, conversation_id, original_text, trigger_ids, "
    "pending_actions, state, created_at, updated_at) "
    "SELECT 1 + i % 50, i, 'Hi', '[]', '[]', 'sent', 1, 1 {many}",
    "INSERT INTO channel_blacklists (tenant_id, channel_id, customer_id, reason, is_active, "
    "metadata, dropped, created_at, updated_at) "
    "SELECT 1 + i % 50, i, i, 'manual', 1, '[]', 0, 1, 1 {many}",
)
GROWING = {statement.split()[2] for statement in CROWD}
MANY = "FROM generate_series(1, 10000) i"


@pytest.fixture(scope="module")
def crowded_url(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with ten thousand rows in each table that grows; whoever uses it rolls back."""
    with fresh_database(postgres_url) as url:
        migrate(Settings(data_dir=tmp_path_factory.mktemp("data"), database=url))
        with psycopg.connect(url) as connection:
            for statement in CROWD:
                connection.execute(statement.format(many=MANY, noon=NOON).encode())
            connection.execute("ANALYZE")
        yield url


@pytest.fixture
def crowded(crowded_url: str) -> Iterator["psycopg.Connection[Any]"]:
    """A connection to it."""
    with psycopg.connect(crowded_url) as connection:
        yield connection
        connection.rollback()


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that a plan reads from one end to the other."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from scanned(part)


def indexes(plan: dict[str, Any]) -> Iterator[str]:
    """The indexes that a plan reads."""
    if "Index Name" in plan:
        yield plan["Index Name"]
    for part in plan.get("Plans", ()):
        yield from indexes(part)


def explaining(
    connection: "psycopg.Connection[Any]",
    found: list[tuple[str, str]],
    noted: Callable[[dict[str, Any]], Iterator[str]] = scanned,
) -> SqlUnit:
    """A unit that notes what each statement scans, or else, before it runs it."""

    def execute(sql: str, values: dict[str, Any], prepare: bool | None = None) -> Any:
        if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            (explained,) = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}".encode(), values)
            found.extend((name, sql) for name in noted(explained[0][0]["Plan"]))
        return connection.execute(sql.encode(), values, prepare=prepare)

    return SqlUnit(on_postgresql(execute))


def a_refresh(unit: Unit) -> None:
    bought = refreshed(unit, "flx_refresh_first").refresh_token
    unit.revocations.any_of(["grant-1.1"])
    unit.refresh_tokens.note_received({("grant-1", 1)}, NOON)
    refreshed(unit, bought)


def a_flow(unit: Unit) -> None:
    unit.sessions.get(digest("session"))
    unit.consents.get("sub-7", "photos")
    unit.codes.put(a_code())
    unit.codes.claim(digest(CODE), NOON)
    unit.codes.claim(digest(CODE), NOON)
    unit.grants.add(a_grant("grant-2"))
    unit.refresh_tokens.put(a_token("flx_refresh_2", "grant-2"))


def a_revocation(unit: Unit) -> None:
    unit.grants.get("grant-1")
    unit.grants.end("grant-1", "revoked", NOON, NOON + DAY)
    unit.revocations.since(9990, 1000)


def a_sign_in(unit: Unit) -> None:
    keys = (Key(Kind.ACCOUNT, "7@example.com"), Key(Kind.ADDRESS, "192.0.2.1"))
    unit.people.by_email("7@example.com")
    unit.people.by_subject("sub-7")
    unit.throttles.put(unit.throttles.counts(keys))
    unit.throttles.forget(keys)
    unit.grants.living(subject="sub-7")


def a_file(unit: Unit) -> None:
    unit.files.expect(1, "name", NOON)
    content = Content("name", 7, b"", "image/png")
    new = NewFile("n", None, "image", "g", Fileable("customer", 7), content, None)
    file_id = unit.files.add(1, new, 100, NOON)
    unit.files.get(1, file_id)
    after = After(5000, 5000)
    numbers: tuple[SortKey, ...] = ("size", "created_at", "updated_at")
    for key in numbers:
        for window in (Window(), Window(20, None, after)):
            unit.files.find(1, FileQuery(key=key, window=window))
    unit.files.find(1, FileQuery(FileFilters(fileable_type="customer", fileable_id=7)))
    unit.files.grouped(1, Fileable("customer", 7), Window())
    unit.files.delete(1, file_id, NOON, NOON)
    for content_due in unit.files.due(NOON + 20, 10):
        unit.files.forget(content_due)


def a_sweep(unit: Unit) -> None:
    # A few hundred rows are due, some of them of grants that were ended.
    assert unit.sweep(NOON + 31 * DAY, 100) > 100


def a_talk(unit: Unit) -> None:
    talk = begin(unit)
    asked = say(unit, talk, Draft("When?", None, external_id="wamid.1"))
    assert say(unit, talk, Draft("When?", None, external_id="wamid.1")) is None
    say(unit, talk, Draft("At three.", talk.bob, quoted_id=asked))
    unit.conversations.at(talk.tenant_id, talk.channel_id, ADA_PHONE)
    unit.customers.by_phone_number(talk.tenant_id, ADA_PHONE)
    unit.conversations.mark_read(talk.tenant_id, talk.conversation_id, NOON)
    unit.messages.find(talk.tenant_id, talk.conversation_id, Window())
    unit.conversations.find(7, ConversationQuery(), NOON)
    unit.suggestions.put(talk.tenant_id, talk.conversation_id, SuggestionDraft("x"), 1, NOON)
    unit.suggestions.latest(talk.tenant_id, talk.conversation_id)
    where = talk.tenant_id, talk.channel_id, talk.customer_id
    unit.blacklists.add(*where, BlockTerms("manual"), NOON)
    unit.blacklists.find(7, BlockQuery())


WORKS = [a_refresh, a_flow, a_revocation, a_sign_in, a_file, a_talk, a_sweep]


@pytest.mark.parametrize("work", WORKS)
def test_what_is_asked_all_the_time_reads_no_table_from_end_to_end(
    crowded: "psycopg.Connection[Any]", work: Callable[[Unit], None]
) -> None:
    found: list[tuple[str, str]] = []
    unit = explaining(crowded, found)
    connect_photos(unit)
    work(unit)
    assert [scan for scan in found if scan[0] in GROWING] == []


# One large clinic, in which everybody has written.
LARGE = (
    "INSERT INTO tenants (name, services, knowledge_base, work_hours, created_at, updated_at) "
    "VALUES ('Clinic', '[]', '[]', '[]', 1, 1)",
    "INSERT INTO channels (tenant_id, type, name, address, is_active, created_at, updated_at) "
    "VALUES (1, 'whatsapp', 'C', '+1', 1, 1, 1)",
    "INSERT INTO customers (tenant_id, first_name, last_name, phone_number, search_text, "
    "created_at, updated_at) SELECT 1, 'N', '', '+' || i, 'name' || i || ' kaya', i, i {many}",
    "INSERT INTO conversations (tenant_id, channel_id, address, customer_id, search_text, "
    "message_count, unread_count, agent_disabled, active_at, created_at) "
    "SELECT 1, 1, '+' || i, i, '+' || i, 0, 0, 0, i, 1 {many}",
)


@pytest.fixture(scope="module")
def large_clinic(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with that alone."""
    with fresh_database(postgres_url) as url:
        migrate(Settings(data_dir=tmp_path_factory.mktemp("data"), database=url))
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in LARGE:
                connection.execute(statement.format(many=MANY).encode())
            # New rows are in a list before the index until PostgreSQL's own vacuum comes.
            connection.execute("VACUUM ANALYZE")
        yield url


@pytest.mark.parametrize("text", ["name777", "e4321 k", "qz"])
@pytest.mark.parametrize("within", [(), (1,)], ids=["outside", "inside"])
def test_a_search_reads_an_index_of_trigrams_on_either_side_of_the_wall(
    large_clinic: str, text: str, within: tuple[int, ...]
) -> None:
    found: list[tuple[str, str]] = []
    with psycopg.connect(large_clinic) as connection:
        unit = explaining(connection, found, indexes)
        if within:
            unit.within(*within)
        unit.customers.find(1, CustomerQuery(CustomerFilters(text)))
        unit.conversations.find(1, ConversationQuery(ConversationFilters(text)), NOON)

    read = {name for name, _ in found}
    assert {"ix_customer_search_search_text", "ix_conversation_search_search_text"} <= read


def statements() -> Iterator[Statement]:
    """Every statement that units of work which share a transaction ask."""
    for module in pkgutil.iter_modules(store.__path__, "flextell.store."):
        if not module.ispkg:
            named = vars(importlib.import_module(module.name)).values()
            yield from (thing for thing in named if isinstance(thing, Statement) and thing.types)


def test_what_many_ask_at_once_reads_no_table_from_end_to_end(
    crowded: "psycopg.Connection[Any]",
) -> None:
    found: list[tuple[str, str]] = []
    asked = [for_many(statement) for statement in statements()]
    for sql in asked:
        (explained,) = crowded.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}".encode())
        found.extend((table, sql) for table in scanned(explained[0][0]["Plan"]))

    assert any(sql.startswith("INSERT INTO refresh_tokens") for sql in asked)
    assert [scan for scan in found if scan[0] in GROWING] == []
