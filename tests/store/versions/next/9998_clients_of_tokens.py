"""For tests: every refresh token knows its client, and can be found by it."""

import sqlalchemy as sa
from alembic import op

from flextell.store.backfill import Backfill
from flextell.store.migrating import Online

revision = "9998_since_0003"
# The head of this version: a new migration is named here too. (Tests set `HEAD` to this one.)
down_revision = "0013_since_0001"

INDEX = "ix_refresh_tokens_client_id"
FILL = Backfill(
    name="Clients of refresh tokens",
    table="refresh_tokens",
    key="digest",
    statement="UPDATE refresh_tokens SET client_id = (SELECT g.client_id FROM grants g"
    " WHERE g.grant_id = refresh_tokens.grant_id) WHERE {rows} AND client_id IS NULL",
)

steps = (
    FILL,
    Online(
        name="Index of clients",
        postgresql=(
            f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}",
            f"CREATE INDEX CONCURRENTLY {INDEX} ON refresh_tokens (client_id)",
        ),
        sqlite=(f"CREATE INDEX IF NOT EXISTS {INDEX} ON refresh_tokens (client_id)",),
    ),
)


def upgrade() -> None:
    """Make room for it; nothing that the version before does changes."""
    op.add_column("refresh_tokens", sa.Column("client_id", sa.Text(), nullable=True))
