"""The name of a tag without case and accents, to be found by."""

import sqlalchemy as sa
from alembic import op

revision = "0008_since_0001"
down_revision = "0007_since_0001"


def upgrade() -> None:
    """Add the column; where it is null the unique name is searched."""
    op.add_column("tags", sa.Column("search_text", sa.Text(), nullable=True))
