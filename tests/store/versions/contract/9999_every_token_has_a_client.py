"""For tests: no refresh token is without its client. A later release, for no older one bears it."""

from alembic import op

from flextell.store.backfill import Backfill
from flextell.store.migrating import Online

revision = "9999"
down_revision = "9998_since_0003"

steps = (
    # Those that nodes of the version before have added since it was filled.
    Backfill(
        name="Clients of the newest refresh tokens",
        table="refresh_tokens",
        key="digest",
        statement="UPDATE refresh_tokens SET client_id = (SELECT g.client_id FROM grants g"
        " WHERE g.grant_id = refresh_tokens.grant_id) WHERE {rows} AND client_id IS NULL",
    ),
    Online(
        name="Check of clients",
        postgresql=("ALTER TABLE refresh_tokens VALIDATE CONSTRAINT ck_refresh_tokens_client_id",),
    ),
)


def upgrade() -> None:
    """Refuse new rows without it; the old ones are looked at later, when nobody waits for it."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE refresh_tokens ADD CONSTRAINT ck_refresh_tokens_client_id "
            "CHECK (client_id IS NOT NULL) NOT VALID"
        )
