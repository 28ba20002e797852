"""Do long lists cost more? `python -m benchmarks.lists [--customers N] [--messages N]`.

One tenant with many customers, conversations and messages on PostgreSQL, and beside it a thousand
tenants that share a hundredth of as many. Each list is read as the API reads it, one unit of work
after the other, in turns with all the others; its first page, a page far down by cursor, and what
a search finds. PostgreSQL and this process share the machine, so each time is that of both.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from benchmarks.postgres import durable_postgres
from flextell.settings import Settings
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store, Unit
from flextell.tenants import conversations
from flextell.tenants.conversations import ConversationQuery
from flextell.tenants.customers import (
    SORT_KEYS,
    CustomerFilters,
    CustomerQuery,
    CustomerSort,
    SortKey,
    folded,
)
from flextell.tenants.paging import After, SortOrder, Window
from tests.postgres import as_user, fresh_database, new_user

TENANT = 1
SMALL_TENANTS = 1_000
SIZE = 50
FAR_PAGE = 10_000
# The one who is looked for by phone number is among them.
FEWEST = 50_000
NOON = 1_795_435_200

FIRST_NAMES = "Ayşe Mehmet Fatma Mustafa Zeynep Ali Emine Hüseyin Hatice Ahmet Elif İbrahim Meryem"
BEGINNINGS = "Yil Kay Dem Çel Şah Ayd Özt Ars Doğ Kil Asl Çet Kar Koç Kur Özd Şim Pol Tür Erd Gün"
ENDINGS = "maz a ir ik in diz emir ürk lan an ic soy eli ar er oğlu kan gün sel men"

TENANTS = """
INSERT INTO tenants (name, services, knowledge_base, work_hours, created_at, updated_at)
SELECT 'Clinic ' || n, '[]', '[]', '[]', 0, 0 FROM generate_series(1, %(tenants)s) n
"""
CHANNELS = """
INSERT INTO channels (tenant_id, type, name, address, is_active, created_at, updated_at)
SELECT tenant_id, 'whatsapp', 'Desk', '+90' || tenant_id, 1, 0, 0 FROM tenants
"""
CUSTOMERS = """
WITH named AS (
    SELECT n, (%(first)s::text[])[1 + n * 31 %% cardinality(%(first)s::text[])] AS first_name,
        (%(begin)s::text[])[1 + n * 17 %% cardinality(%(begin)s::text[])]
        || (%(end)s::text[])[1 + n * 7 %% cardinality(%(end)s::text[])] AS last_name,
        (905000000000 + n)::text AS phone_number
    FROM generate_series(1, %(customers)s::bigint) n
)
INSERT INTO customers (tenant_id, first_name, last_name, phone_number, email, date_of_birth, gender,
    search_text, created_at, updated_at)
SELECT CASE WHEN n %% 100 = 0 THEN 2 + n / 100 %% %(small)s ELSE 1 END, first_name, last_name,
    phone_number, 'person' || n || '@example.com', -1000000000 + n * 7919 %% 2000000000,
    CASE n %% 3 WHEN 0 THEN 'male' WHEN 1 THEN 'female' END,
    translate(lower(first_name || ' ' || last_name), 'şçğüöıâ', 'scguoia') || ' ' || phone_number
    || ' person' || n || '@example.com', 1700000000 + n, 1700000000 + n * 7919 %% 90000000
FROM named
"""
# Every second customer has written; their messages are spread evenly over the conversations.
CONVERSATIONS = """
INSERT INTO conversations (tenant_id, channel_id, address, customer_id, search_text, message_count,
    unread_count, agent_disabled, active_at, created_at)
SELECT c.tenant_id, ch.channel_id, c.phone_number, c.customer_id, c.phone_number, 0, 0, 0,
    1700000000 + c.customer_id * 7919 %% 90000000, c.created_at
FROM customers c JOIN channels ch ON ch.tenant_id = c.tenant_id WHERE c.customer_id %% 2 = 0
"""
MESSAGES = """
INSERT INTO messages (tenant_id, conversation_id, channel_id, kind, text, created_at)
SELECT v.tenant_id, v.conversation_id, v.channel_id, 'text', 'May I come at ' || n || '?',
    1700000000 + n
FROM generate_series(1, %(each)s) n CROSS JOIN conversations v
"""
LAST = """
UPDATE conversations v SET message_count = %(each)s, last_message_id = (
    SELECT max(m.message_id) FROM messages m WHERE m.conversation_id = v.conversation_id)
"""
# What triggers keep otherwise: none runs while these rows are made.
CUSTOMER_SEARCH = """
INSERT INTO customer_search SELECT tenant_id, customer_id, ' ' || search_text FROM customers
"""
CONVERSATION_SEARCH = """
INSERT INTO conversation_search
SELECT v.tenant_id, v.conversation_id, ' ' || v.search_text || ' ' || c.search_text
FROM conversations v JOIN customers c ON c.customer_id = v.customer_id
"""

Reading = Callable[[Unit], object]


def fill(url: str, customers: int, messages: int) -> None:
    """Make all of it, in SQL."""
    values = {
        "tenants": 1 + SMALL_TENANTS,
        "small": SMALL_TENANTS,
        "customers": customers,
        "each": max(messages // (customers // 2), 1),
        "first": FIRST_NAMES.split(),
        "begin": BEGINNINGS.split(),
        "end": ENDINGS.split(),
    }
    with psycopg.connect(url, autocommit=True) as database:
        # What refers to what is known to be right here.
        database.execute("SET session_replication_role = replica")
        rows_of = (TENANTS, CHANNELS, CUSTOMERS, CONVERSATIONS, MESSAGES, LAST)
        for made in (*rows_of, CUSTOMER_SEARCH, CONVERSATION_SEARCH):
            began = time.perf_counter()
            rows = database.execute(made, values).rowcount
            print(f"{rows:,} rows in {time.perf_counter() - began:.0f} s", flush=True)
        database.execute("VACUUM ANALYZE")


def far_page(customers: int) -> int:
    """The page that is far down the large tenant's list: the last full one if it has fewer."""
    return min(FAR_PAGE, (customers - customers // 100) // SIZE)


def readings(store: Store, page: int) -> Mapping[str, Reading]:
    """What is measured, each one request's reading; `page` is far down a list."""
    kept: dict[str, Reading] = {}
    for key in SORT_KEYS:
        kept[f"customers by {key}, page 1"] = _customers(key, "asc", Window(SIZE))
        after = store.at_once(_before(page, key))
        kept[f"customers by {key}, page {page:,} by cursor"] = _customers(
            key, "asc", Window(SIZE, None, after)
        )
    for what, text in (
        ("one of them by phone number", "905000042442"),
        ("many by a name", "Ayşe"),
        ("some by both names", "Ayşe Yilmaz"),
        ("none", "Nobodyatall"),
        ("two letters that no word begins with", "qz"),
        ("two letters that many words begin with", "ay"),
    ):
        kept[f"customers, search: {what}"] = _customers("created_at", "desc", Window(SIZE), text)
        kept[f"conversations, search: {what}"] = _conversations(text)
    for what, filters in (
        ("a third, by gender", CustomerFilters(gender="male")),
        ("few, by age", CustomerFilters(born_before=-999_990_000)),
        ("none, by gender", CustomerFilters(gender="other")),
    ):
        query = CustomerQuery(filters)
        kept[f"customers, filter: {what}"] = _within(partial(_find, query))
    kept["conversations, page 1"] = _conversations(None)
    kept["messages of a conversation, page 1"] = _within(
        lambda unit: unit.messages.find(TENANT, 1, Window(SIZE))
    )
    return kept


def _within(reading: Reading) -> Reading:
    def read(unit: Unit) -> object:
        unit.within(TENANT)
        return reading(unit)

    return read


def _conversations(text: str | None) -> Reading:
    query = ConversationQuery(conversations.filters(text, None))
    return _within(lambda unit: unit.conversations.find(TENANT, query, NOON))


def _customers(key: SortKey, order: SortOrder, window: Window, text: str | None = None) -> Reading:
    filters = CustomerFilters(search=folded(text) if text else None)
    query = CustomerQuery(filters, CustomerSort(key, order), window)
    return _within(partial(_find, query))


def _find(query: CustomerQuery, unit: Unit) -> object:
    return unit.customers.find(TENANT, query)


def _before(page: int, key: SortKey) -> Callable[[Unit], After]:
    """The last row of the page before."""

    def find(unit: Unit) -> After:
        query = CustomerQuery(sort=CustomerSort(key, "asc"), window=Window(1, (page - 1) * SIZE))
        found = unit.customers.find(TENANT, query)
        assert found.next is not None
        return found.next

    return find


def measure(store: Store, page: int, rounds: int) -> Mapping[str, list[float]]:
    """Milliseconds of each reading, as many as there are rounds."""
    measured = readings(store, page)
    taken: dict[str, list[float]] = {name: [] for name in measured}
    for round_number in range(-3, rounds):
        for name, reading in measured.items():
            began = time.perf_counter()
            store.at_once(reading)
            if round_number >= 0:
                taken[name].append(1000 * (time.perf_counter() - began))
    return taken


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Read long lists.")
    parser.add_argument("--customers", type=int, default=1_000_000, help="at least 50,000")
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    asked = parser.parse_args()
    if asked.customers < FEWEST:
        parser.error(f"There must be {FEWEST:,} customers at least.")
    with (
        tempfile.TemporaryDirectory() as folder,
        durable_postgres(shared_buffers="2GB") as server,
        # A superuser goes past the wall between tenants, and would not pay for it.
        new_user(server) as ordinary,
        fresh_database(ordinary) as url,
    ):
        settings = Settings(data_dir=Path(folder), database=url)
        migrate(settings)
        fill(
            as_user(url, urlsplit(server).netloc.rpartition("@")[0]),
            asked.customers,
            asked.messages,
        )
        with closing(open_store(settings)) as store:
            taken = measure(store, far_page(asked.customers), asked.rounds)
    print("\n| list | p50 ms | p99 ms |\n|---|--:|--:|")
    for name, milliseconds in taken.items():
        cuts = statistics.quantiles(milliseconds, n=100)
        print(f"| {name} | {cuts[49]:.1f} | {cuts[98]:.1f} |")


if __name__ == "__main__":
    main()
