"""Where migrations that take long note how far they are."""

import sqlalchemy as sa
from alembic import op

revision = "0002_since_0001"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "migration_steps",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_migration_steps")),
    )
