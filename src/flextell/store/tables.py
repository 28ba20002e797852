"""Every table, as SQLAlchemy sees it: what the migrations have to make.

Times are seconds since the epoch (UTC), scopes are space-separated text, secrets are digests
or sealed bytes. Migrations are compared with this file by a test.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite numbers rows by itself only in a column of exactly this type.
Number = BigInteger().with_variant(Integer, "sqlite")


def _search_table(name: str, of: str, row_id: str) -> Table:
    """What rows of a table are found by; triggers of tables keep it (migration 0013).

    It has no policy, since behind one LIKE finds no index: ids alone come out of it (decision 22).
    """
    return Table(
        name,
        metadata,
        Column("tenant_id", Number, nullable=False, index=True),
        Column(
            row_id,
            Number,
            ForeignKey(f"{of}.{row_id}", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        Column("search_text", Text, nullable=False),  # a blank, and what it is found by
        Index(
            f"ix_{name}_search_text",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
        ).ddl_if(dialect="postgresql"),
    )


clients = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("publisher", Text, nullable=False),
    Column("homepage_url", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),  # a JSON array
    Column("scopes", Text, nullable=False),
    Column("default_scopes", Text, nullable=False),
    Column("secret_digest", LargeBinary),  # null: a public client
    Column("require_pkce", Integer, nullable=False),
    Column("may_introspect", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
)

people = Table(
    "people",
    metadata,
    Column("person_id", Number, primary_key=True),
    Column("subject", Text, nullable=False, unique=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("managed_by", BigInteger),  # the tenant that made them and alone has them
    Column("last_login_at", BigInteger),
    Column("last_login_ip", Text),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("person_id", Number, ForeignKey("people.person_id"), nullable=False, index=True),
    Column("auth_time", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

throttles = Table(
    "throttles",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False, index=True),
    Column("wait_until", BigInteger, nullable=False),
)

rate_counts = Table(
    "rate_counts",
    metadata,
    Column("key", LargeBinary, primary_key=True),  # a digest: of whom, of what, in which window
    Column("process", LargeBinary, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

consents = Table(
    "consents",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("scopes", Text, nullable=False),
    Column("answered_at", BigInteger, nullable=False),
)

codes = Table(
    "codes",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("grant_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("code_challenge", Text),
    Column("nonce", Text),
    Column("auth_time", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("used_at", BigInteger),
)

grants = Table(
    "grants",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False, index=True),
    Column("subject", Text, nullable=False, index=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("end_reason", Text),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("grant_id", Text, ForeignKey("grants.grant_id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("access_scopes", Text, nullable=False),
    Column("access_expires_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary),
    Column("received_at", BigInteger),
    # The second wall behind the atomic verb: a token cannot have two successors.
    UniqueConstraint("grant_id", "generation"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("sequence", Number, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    # A number must never be given twice, not even after the newest row was swept.
    sqlite_autoincrement=True,
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("sealed_private", LargeBinary, nullable=False),
    Column("public_jwk", Text, nullable=False),  # JSON
    Column("created_at", BigInteger, nullable=False),
    Column("active_from", BigInteger, nullable=False),
    Column("published_until", BigInteger),
)

places = Table(
    "places",
    metadata,
    Column("place_id", Number, primary_key=True),
    Column("kind", Text, nullable=False),  # country, city or district
    Column("name", Text, nullable=False),
)

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", Number, primary_key=True),
    Column("name", Text, nullable=False),
    Column("avatar_url", Text),
    Column("phone_number", Text),
    Column("address", Text),
    Column("latitude", Text),
    Column("longitude", Text),
    Column("services", Text, nullable=False),  # a JSON array of text
    Column("knowledge_base", Text, nullable=False),  # a JSON array of text
    Column("work_hours", Text, nullable=False),  # a JSON array of objects
    Column("country_id", Number, ForeignKey("places.place_id")),
    Column("city_id", Number, ForeignKey("places.place_id")),
    Column("district_id", Number, ForeignKey("places.place_id")),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), primary_key=True),
    Column("person_id", Number, ForeignKey("people.person_id"), primary_key=True, index=True),
    Column("role", Text, nullable=False),  # names, separated by spaces
    Column("title", Text),
    Column("phone", Text),
    Column("emergency_contact_name", Text),
    Column("emergency_contact_surname", Text),
    Column("emergency_contact_phone_number", Text),
    Column("blood_group", Text),
    Column("language", Text),  # a JSON array of text; null: none
    Column("avatar_url", Text),
    Column("bio", Text),
    Column("search_text", Text),  # name, e-mail and phone without case and accents
    Column("inactive_at", BigInteger),  # null: they may act
    Column("created_at", BigInteger),  # null: as the person's
    Column("updated_at", BigInteger),  # null: never
    Column("deleted_at", BigInteger),
)

customers = Table(
    "customers",
    metadata,
    Column("customer_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("phone_number", Text, nullable=False),
    Column("email", Text),
    Column("date_of_birth", BigInteger),
    Column("gender", Text),
    Column("country_id", Number, ForeignKey("places.place_id")),
    Column("identity_number", Text),
    Column("job", Text),
    Column("address", Text),
    Column("default_channel_id", Number),
    Column("avatar_url", Text),
    Column("person_id", Number, ForeignKey("people.person_id")),  # the related user
    Column("search_text", Text, nullable=False),  # names, phone and e-mail without case and accents
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Index(None, "tenant_id", "first_name", "customer_id"),
    Index(None, "tenant_id", "last_name", "customer_id"),
    Index(None, "tenant_id", "date_of_birth", "customer_id"),
    Index(None, "tenant_id", "gender", "customer_id"),
    Index(None, "tenant_id", "created_at", "customer_id"),
    Index(None, "tenant_id", "updated_at", "customer_id"),
    Index(None, "tenant_id", "phone_number"),  # whoever writes from it is known by it
)

customer_search = _search_table("customer_search", "customers", "customer_id")

tags = Table(
    "tags",
    metadata,
    Column("tag_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("unique_name", Text),  # null only in rows that a program of before made
    Column("search_text", Text),  # the name without case and accents; null: made before it was kept
    Column("color", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Index(
        None,
        "tenant_id",
        "unique_name",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
)

notes = Table(
    "notes",
    metadata,
    Column("note_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("customer_id", Number, ForeignKey("customers.customer_id"), nullable=False),
    Column("person_id", Number, ForeignKey("people.person_id"), nullable=False),
    Column("content", Text, nullable=False),
    Column("search_text", Text, nullable=False),  # the content without case and accents
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Index(None, "customer_id", "created_at", "note_id"),
)

customer_tags = Table(
    "customer_tags",
    metadata,
    Column("customer_id", Number, ForeignKey("customers.customer_id"), primary_key=True),
    Column("tag_id", Number, ForeignKey("tags.tag_id"), primary_key=True),
)

files = Table(
    "files",
    metadata,
    Column("file_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("type", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("fileable_type", Text, nullable=False),
    Column("fileable_id", BigInteger, nullable=False),
    Column("stored_as", Text),  # null: the bytes of a deleted file are gone
    Column("person_id", Number, ForeignKey("people.person_id")),  # who sent it
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Index(None, "tenant_id", "created_at", "file_id"),
    Index(None, "tenant_id", "updated_at", "file_id"),
    Index(None, "tenant_id", "name", "file_id"),
    Index(None, "tenant_id", "size", "file_id"),
    Index(None, "tenant_id", "type", "file_id"),
    Index(None, "tenant_id", "fileable_type", "fileable_id", "group_id", "file_id"),
)

loose_contents = Table(
    "loose_contents",
    metadata,
    Column("stored_as", Text, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("size", BigInteger, nullable=False),  # so much of the tenant's room is still taken
    Column("file_id", Number),  # the deleted file that it is of; null: of none yet
    Column("remove_at", BigInteger, nullable=False, index=True),
)

file_usage = Table(
    "file_usage",
    metadata,
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)

channels = Table(
    "channels",
    metadata,
    Column("channel_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("webhook_url", Text),
    Column("webhook_off_at", BigInteger),
    Column("secret", LargeBinary),  # sealed, as the next one
    Column("secret_before", LargeBinary),
    Column("secret_before_until", BigInteger),
    Column("is_active", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "tenant_id", "created_at", "channel_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("channel_id", Number, ForeignKey("channels.channel_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),  # when it may be taken on: a lease moves it
    Column("last_status", Integer),  # null: there was no answer
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ended", Text),  # done, failed or gone
    # Each row is in one of the two, so that nobody looks for what waits in the other.
    Index(
        "ix_deliveries_ended_at",
        "ended_at",
        sqlite_where=text("ended_at IS NOT NULL"),
        postgresql_where=text("ended_at IS NOT NULL"),
    ),
    Index(
        "ix_deliveries_waiting",
        *("tenant_id", "next_at", "delivery_id"),
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

conversations = Table(
    "conversations",
    metadata,
    Column("conversation_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("channel_id", Number, ForeignKey("channels.channel_id"), nullable=False),
    Column("address", Text, nullable=False),
    Column("customer_id", Number, ForeignKey("customers.customer_id"), nullable=False, index=True),
    Column("search_text", Text, nullable=False),  # the address without case and accents
    Column("last_message_id", Number),
    Column("message_count", BigInteger, nullable=False),
    Column("unread_count", BigInteger, nullable=False),
    Column("agent_disabled", Integer, nullable=False),
    Column("agent_expires_at", BigInteger),
    Column("agent_disabled_by", Number, ForeignKey("people.person_id")),
    Column("active_at", BigInteger, nullable=False),  # of the last message
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("channel_id", "address"),
    Index(None, "tenant_id", "active_at", "conversation_id"),
)

conversation_search = _search_table("conversation_search", "conversations", "conversation_id")

messages = Table(
    "messages",
    metadata,
    Column("message_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("conversation_id", Number, ForeignKey("conversations.conversation_id"), nullable=False),
    Column("channel_id", Number, nullable=False),
    Column("external_id", Text),  # the channel's own name of what came in
    Column("person_id", Number, ForeignKey("people.person_id")),  # null: the customer
    Column("kind", Text, nullable=False),
    Column("text", Text),
    Column("quoted_id", Number),
    Column("file_id", Number),
    Column("metadata", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("read_at", BigInteger),
    Column("edited_at", BigInteger),
    Column("edited_by", Number),
    Column("deleted_at", BigInteger),
    Column("deleted_by", Number),
    UniqueConstraint("channel_id", "external_id"),
    Index(None, "conversation_id", "message_id"),
    Index(
        "ix_messages_unread",
        "conversation_id",
        sqlite_where=text("person_id IS NULL AND read_at IS NULL"),
        postgresql_where=text("person_id IS NULL AND read_at IS NULL"),
    ),
)

ai_suggestions = Table(
    "ai_suggestions",
    metadata,
    Column("suggestion_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("conversation_id", Number, ForeignKey("conversations.conversation_id"), nullable=False),
    Column("original_text", Text, nullable=False),
    Column("trigger_ids", Text, nullable=False),  # a JSON array of numbers
    Column("pending_actions", Text, nullable=False),  # a JSON array
    Column("state", Text, nullable=False),
    Column("after_message_id", Number),
    Column("final_text", Text),
    Column("message_id", Number),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Index(None, "conversation_id", "suggestion_id"),
    # The second wall behind a conversation that is held: it cannot have two that are pending.
    Index(
        "ix_ai_suggestions_pending",
        "conversation_id",
        unique=True,
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)

channel_blacklists = Table(
    "channel_blacklists",
    metadata,
    Column("block_id", Number, primary_key=True),
    Column("tenant_id", Number, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("channel_id", Number, ForeignKey("channels.channel_id"), nullable=False),
    Column("customer_id", Number, ForeignKey("customers.customer_id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text),
    Column("expires_at", BigInteger),
    Column("is_active", Integer, nullable=False),
    Column("metadata", Text, nullable=False),  # a JSON array or object
    Column("dropped", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "tenant_id", "block_id"),
    Index(None, "customer_id", "channel_id"),
)

migration_steps = Table(
    "migration_steps",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("position", Text),  # the last key that is done
    Column("done", BigInteger, nullable=False),
)

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("name", LargeBinary, primary_key=True),  # a digest: who asked what under which key
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer),
    Column("location", Text),
    Column("body", LargeBinary),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
