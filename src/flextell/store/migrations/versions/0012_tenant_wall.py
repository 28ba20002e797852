"""The second wall between tenants: PostgreSQL itself shows a transaction one tenant's rows only.

A transaction that sets nothing sees everything, as a program of before and `pg_dump` do.
"""

from alembic import op

revision = "0012_since_0001"
down_revision = "0011_since_0001"

TABLES = (
    "tenants",
    "memberships",
    "customers",
    "tags",
    "notes",
    "files",
    "loose_contents",
    "file_usage",
    "channels",
    "deliveries",
    "conversations",
    "messages",
    "ai_suggestions",
    "channel_blacklists",
)
# Sub-selects, so that each is worked out once for a statement and not once for a row.
_SEEN = "SELECT nullif(current_setting('flextell.tenants', true), '')"
_OPEN = f"({_SEEN}) IS NULL"
_THEIRS = f"{_OPEN} OR tenant_id = ANY (({_SEEN})::bigint[])"
# What is asked of the other table is asked behind that table's own wall.
_TAG = "EXISTS (SELECT 1 FROM tags t WHERE t.tag_id = customer_tags.tag_id)"
_CUSTOMER = "EXISTS (SELECT 1 FROM customers c WHERE c.customer_id = customer_tags.customer_id)"


def upgrade() -> None:
    """Raise the wall. It holds for the owner of the tables too; a superuser goes past it."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in TABLES:
        _raise(table, _THEIRS, _THEIRS)
    _raise("customer_tags", f"{_OPEN} OR {_TAG}", f"{_OPEN} OR ({_TAG} AND {_CUSTOMER})")


def _raise(table: str, seen: str, kept: str) -> None:
    op.execute(f"CREATE POLICY tenant_wall ON {table} FOR ALL USING ({seen}) WITH CHECK ({kept})")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
