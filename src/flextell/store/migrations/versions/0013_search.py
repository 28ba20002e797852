"""What customers and conversations are searched by, in tables of their own that have an index.

Behind the wall between tenants no index helps with LIKE, for PostgreSQL cannot know that it tells
nothing of the rows it looks at. So these tables stand before the wall, and give out ids alone
(decision 22). Triggers keep them, whichever program changes the rows.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

from flextell.store.backfill import Backfill
from flextell.store.migrating import Online
from flextell.store.port import StoreUnavailable

revision = "0013_since_0001"
down_revision = "0012_since_0001"

NO_TRIGRAMS = (
    "PostgreSQL's extension pg_trgm is needed and cannot be created: let an administrator run "
    "CREATE EXTENSION pg_trgm in this database (on some systems it comes with the package "
    "postgresql-contrib), and migrate again."
)
# insufficient_privilege; undefined_file and feature_not_supported: it is not on the machine.
CANNOT_CREATE = ("42501", "58P01", "0A000")

# A blank before each text, so that the beginning of a word is a blank and the letters after it.
_OF_CUSTOMER = "SELECT {row}.tenant_id, {row}.customer_id, ' ' || {row}.search_text"
_OF_CONVERSATION = (
    "SELECT v.tenant_id, v.conversation_id, ' ' || v.search_text || ' ' || c.search_text "
    "FROM conversations v JOIN customers c ON c.customer_id = v.customer_id WHERE "
)
_INTO_CUSTOMERS = "INSERT INTO customer_search (tenant_id, customer_id, search_text) "
_INTO_CONVERSATIONS = "INSERT INTO conversation_search (tenant_id, conversation_id, search_text) "
_NEWEST = " ON CONFLICT ({key}) DO UPDATE SET search_text = excluded.search_text"
# Whoever changes the customer meanwhile waits, and then finds the row to change.
_HELD = " FOR SHARE OF c"

# The table whose changes matter, what its triggers are called after, and what they do.
TRIGGERS = (
    (
        "customers",
        "customer_search",
        (
            f"{_INTO_CUSTOMERS}{_OF_CUSTOMER.format(row='NEW')} WHERE 1 = 1"
            f"{_NEWEST.format(key='customer_id')}",
            f"{_INTO_CONVERSATIONS}{_OF_CONVERSATION}v.customer_id = NEW.customer_id"
            f"{_NEWEST.format(key='conversation_id')}",
        ),
    ),
    (
        "conversations",
        "conversation_search",
        (
            f"{_INTO_CONVERSATIONS}{_OF_CONVERSATION}v.conversation_id = NEW.conversation_id"
            f"{_HELD}{_NEWEST.format(key='conversation_id')}",
        ),
    ),
)

TABLES = (
    ("customer_search", "customers", "customer_id"),
    ("conversation_search", "conversations", "conversation_id"),
)


def _index(table: str) -> Online:
    name = f"ix_{table}_search_text"
    return Online(
        name=f"Index of {table}",
        postgresql=(
            f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
            f"CREATE INDEX CONCURRENTLY {name} ON {table} USING gin (search_text gin_trgm_ops)",
            f"ANALYZE {table}",
        ),
    )


steps = (
    Backfill(
        "What customers are found by",
        "customers",
        "customer_id",
        statement=f"{_INTO_CUSTOMERS}{_OF_CUSTOMER.format(row='customers')} FROM customers "
        "WHERE {rows} ON CONFLICT DO NOTHING",
    ),
    Backfill(
        "What conversations are found by",
        "conversations",
        "conversation_id",
        statement=f"{_INTO_CONVERSATIONS}{_OF_CONVERSATION}{{rows}}{_HELD} ON CONFLICT DO NOTHING",
    ),
    *(_index(table) for table, _, _ in TABLES),
)


def upgrade() -> None:
    """Make the tables, and have them kept from now on; those who are there already come after."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    for table, of, key in TABLES:
        op.create_table(
            table,
            sa.Column("tenant_id", number, nullable=False),
            sa.Column(key, number, nullable=False),
            sa.Column("search_text", sa.Text(), nullable=False),
            sa.PrimaryKeyConstraint(key, name=f"pk_{table}"),
            sa.ForeignKeyConstraint(
                [key], [f"{of}.{key}"], f"fk_{table}_{key}_{of}", ondelete="CASCADE"
            ),
        )
        op.create_index(f"ix_{table}_tenant_id", table, ["tenant_id"])
    if op.get_bind().dialect.name == "sqlite":
        for table, into, done in TRIGGERS:
            _keep_in_sqlite(table, into, done)
    else:
        _create_trigrams()
        for table, into, done in TRIGGERS:
            _keep_in_postgresql(table, into, done)


def _create_trigrams() -> None:
    try:
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in CANNOT_CREATE:
            raise StoreUnavailable(NO_TRIGRAMS) from error
        raise


def _keep_in_sqlite(table: str, into: str, done: tuple[str, ...]) -> None:
    changed = f"UPDATE OF search_text ON {table} WHEN old.search_text <> new.search_text"
    does = " ".join(f"{statement.replace(_HELD, '')};" for statement in done)
    for name, event in (("added", f"INSERT ON {table}"), ("changed", changed)):
        op.execute(f"CREATE TRIGGER {into}_{name} AFTER {event} BEGIN {does} END")


def _keep_in_postgresql(table: str, into: str, done: tuple[str, ...]) -> None:
    does = " ".join(f"{statement};" for statement in done)
    op.execute(
        f"CREATE FUNCTION keep_{into}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN {does} RETURN NULL; END $$"
    )
    changed = "WHEN (old.search_text IS DISTINCT FROM new.search_text) "
    for name, event, when in (
        ("added", "INSERT", ""),
        ("changed", "UPDATE OF search_text", changed),
    ):
        op.execute(
            f"CREATE TRIGGER {into}_{name} AFTER {event} ON {table} "
            f"FOR EACH ROW {when}EXECUTE FUNCTION keep_{into}()"
        )
