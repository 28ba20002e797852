"""Where processes that share a database tell each other how often each caller asked."""

import sqlalchemy as sa
from alembic import op

revision = "0003_since_0001"
down_revision = "0002_since_0001"


def upgrade() -> None:
    """Make the table; on PostgreSQL one that costs no disk write and is empty after a crash.

    Nothing is lost then: each process tells its whole count again. Room in each page lets a count
    grow where it is, without a new entry in an index.
    """
    shared = op.get_context().dialect.name == "postgresql"
    op.create_table(
        "rate_counts",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("process", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "process", name=op.f("pk_rate_counts")),
        prefixes=["UNLOGGED"] if shared else [],
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(op.f("ix_rate_counts_expires_at"), "rate_counts", ["expires_at"], unique=False)
