"""Channels of tenants, and what is on its way to their webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0009_since_0001"
down_revision = "0008_since_0001"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _channels()
    _deliveries()


def _channels() -> None:
    op.create_table(
        "channels",
        sa.Column("channel_id", _Number, nullable=False),
        sa.Column("tenant_id", _Number, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("webhook_off_at", sa.BigInteger(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("secret_before", sa.LargeBinary(), nullable=True),
        sa.Column("secret_before_until", sa.BigInteger(), nullable=True),
        sa.Column("is_active", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        _refers("channels", "tenant_id", "tenants.tenant_id"),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_channels")),
    )
    op.create_index(
        op.f("ix_channels_tenant_id_created_at_channel_id"),
        "channels",
        ["tenant_id", "created_at", "channel_id"],
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", _Number, nullable=False),
        sa.Column("tenant_id", _Number, nullable=False),
        sa.Column("channel_id", _Number, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        _refers("deliveries", "tenant_id", "tenants.tenant_id"),
        _refers("deliveries", "channel_id", "channels.channel_id"),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
    )
    _index("ended_at", ["ended_at"], "ended_at IS NOT NULL")
    _index("waiting", ["tenant_id", "next_at", "delivery_id"], "ended_at IS NULL")


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        f"ix_deliveries_{name}",
        "deliveries",
        columns,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
