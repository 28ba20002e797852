"""Conversations, their messages, what the AI suggests in them, and blocked customers."""

import sqlalchemy as sa
from alembic import op

from flextell.store.migrating import Online

revision = "0010_since_0001"
down_revision = "0009_since_0001"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PHONES = "ix_customers_tenant_id_phone_number"

steps = (
    Online(
        name="Index of phone numbers",
        postgresql=(
            f"DROP INDEX CONCURRENTLY IF EXISTS {_PHONES}",
            f"CREATE INDEX CONCURRENTLY {_PHONES} ON customers (tenant_id, phone_number)",
        ),
        sqlite=(f"CREATE INDEX IF NOT EXISTS {_PHONES} ON customers (tenant_id, phone_number)",),
    ),
)


def upgrade() -> None:
    """Make the tables."""
    _conversations()
    _messages()
    _ai_suggestions()
    _channel_blacklists()


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("conversation_id", _Number, nullable=False),
        sa.Column("tenant_id", _Number, nullable=False),
        sa.Column("channel_id", _Number, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("customer_id", _Number, nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("last_message_id", _Number, nullable=True),
        sa.Column("message_count", sa.BigInteger(), nullable=False),
        sa.Column("unread_count", sa.BigInteger(), nullable=False),
        sa.Column("agent_disabled", sa.Integer(), nullable=False),
        sa.Column("agent_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("agent_disabled_by", _Number, nullable=True),
        sa.Column("active_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _refers("conversations", "tenant_id", "tenants.tenant_id"),
        _refers("conversations", "channel_id", "channels.channel_id"),
        _refers("conversations", "customer_id", "customers.customer_id"),
        _refers("conversations", "agent_disabled_by", "people.person_id"),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_conversations")),
        sa.UniqueConstraint(
            "channel_id", "address", name=op.f("uq_conversations_channel_id_address")
        ),
    )
    _index("conversations", "tenant_id", "active_at", "conversation_id")
    _index("conversations", "customer_id")


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("message_id", _Number, nullable=False),
        sa.Column("tenant_id", _Number, nullable=False),
        sa.Column("conversation_id", _Number, nullable=False),
        sa.Column("channel_id", _Number, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("person_id", _Number, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("quoted_id", _Number, nullable=True),
        sa.Column("file_id", _Number, nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("edited_by", _Number, nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_by", _Number, nullable=True),
        _refers("messages", "tenant_id", "tenants.tenant_id"),
        _refers("messages", "conversation_id", "conversations.conversation_id"),
        _refers("messages", "person_id", "people.person_id"),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_messages")),
        sa.UniqueConstraint(
            "channel_id", "external_id", name=op.f("uq_messages_channel_id_external_id")
        ),
    )
    _index("messages", "conversation_id", "message_id")
    unread = sa.text("person_id IS NULL AND read_at IS NULL")
    op.create_index(
        "ix_messages_unread",
        "messages",
        ["conversation_id"],
        sqlite_where=unread,
        postgresql_where=unread,
    )


def _ai_suggestions() -> None:
    op.create_table(
        "ai_suggestions",
        sa.Column("suggestion_id", _Number, nullable=False),
        sa.Column("tenant_id", _Number, nullable=False),
        sa.Column("conversation_id", _Number, nullable=False),
        sa.Column("original_text", sa.Text(), nullable=False),
        sa.Column("trigger_ids", sa.Text(), nullable=False),
        sa.Column("pending_actions", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("after_message_id", _Number, nullable=True),
        sa.Column("final_text", sa.Text(), nullable=True),
        sa.Column("message_id", _Number, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        _refers("ai_suggestions", "tenant_id", "tenants.tenant_id"),
        _refers("ai_suggestions", "conversation_id", "conversations.conversation_id"),
        sa.PrimaryKeyConstraint("suggestion_id", name=op.f("pk_ai_suggestions")),
    )
    _index("ai_suggestions", "conversation_id", "suggestion_id")
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_ai_suggestions_pending",
        "ai_suggestions",
        ["conversation_id"],
        unique=True,
        sqlite_where=pending,
        postgresql_where=pending,
    )


def _channel_blacklists() -> None:
    op.create_table(
        "channel_blacklists",
        sa.Column("block_id", _Number, nullable=False),
        sa.Column("tenant_id", _Number, nullable=False),
        sa.Column("channel_id", _Number, nullable=False),
        sa.Column("customer_id", _Number, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("is_active", sa.Integer(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        _refers("channel_blacklists", "tenant_id", "tenants.tenant_id"),
        _refers("channel_blacklists", "channel_id", "channels.channel_id"),
        _refers("channel_blacklists", "customer_id", "customers.customer_id"),
        sa.PrimaryKeyConstraint("block_id", name=op.f("pk_channel_blacklists")),
    )
    _index("channel_blacklists", "tenant_id", "block_id")
    _index("channel_blacklists", "customer_id", "channel_id")


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))
