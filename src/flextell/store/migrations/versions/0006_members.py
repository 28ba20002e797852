"""What a tenant keeps of its members, and when people last signed in.

A node of a version before lets in whoever was switched off or removed meanwhile.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_since_0001"
down_revision = "0005_since_0001"

TEXTS = (
    "title",
    "phone",
    "emergency_contact_name",
    "emergency_contact_surname",
    "emergency_contact_phone_number",
    "blood_group",
    "language",
    "avatar_url",
    "bio",
    "search_text",
)
TIMES = ("inactive_at", "created_at", "updated_at", "deleted_at")


def upgrade() -> None:
    """Add columns that may be null."""
    op.add_column("people", sa.Column("managed_by", sa.BigInteger(), nullable=True))
    op.add_column("people", sa.Column("last_login_at", sa.BigInteger(), nullable=True))
    op.add_column("people", sa.Column("last_login_ip", sa.Text(), nullable=True))
    for name in TEXTS:
        op.add_column("memberships", sa.Column(name, sa.Text(), nullable=True))
    for name in TIMES:
        op.add_column("memberships", sa.Column(name, sa.BigInteger(), nullable=True))
