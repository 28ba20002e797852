"""An index for each order of the customers: a page far down a long list costs what the first does.

They are made while the servers go on. The order by creation has had its index from the beginning.
"""

from flextell.store.migrating import Online

revision = "0011_since_0001"
down_revision = "0010_since_0001"

KEYS = ("first_name", "last_name", "date_of_birth", "gender", "updated_at")


def _index(key: str) -> Online:
    name = f"ix_customers_tenant_id_{key}_customer_id"
    on = f"{name} ON customers (tenant_id, {key}, customer_id)"
    return Online(
        name=f"Index of customers by {key}",
        postgresql=(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", f"CREATE INDEX CONCURRENTLY {on}"),
        sqlite=(f"CREATE INDEX IF NOT EXISTS {on}",),
    )


steps = tuple(_index(key) for key in KEYS)


def upgrade() -> None:
    """Nothing that has to be done at once."""
