"""Files: what is known of them, the names of bytes that are to go, and the room they take."""

import sqlalchemy as sa
from alembic import op

revision = "0007_since_0001"
down_revision = "0006_since_0001"

# SQLite numbers rows by itself only in a column of exactly this type.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

INDEXES = (
    ("created_at", "file_id"),
    ("updated_at", "file_id"),
    ("name", "file_id"),
    ("size", "file_id"),
    ("type", "file_id"),
    ("fileable_type", "fileable_id", "group_id", "file_id"),
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "files",
        sa.Column("file_id", NUMBER, nullable=False),
        sa.Column("tenant_id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("fileable_type", sa.Text(), nullable=False),
        sa.Column("fileable_id", sa.BigInteger(), nullable=False),
        sa.Column("stored_as", sa.Text(), nullable=True),
        sa.Column("person_id", NUMBER, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        _of("tenants", "tenant_id", "files"),
        _of("people", "person_id", "files"),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_files")),
    )
    for columns in INDEXES:
        name = op.f(f"ix_files_tenant_id_{'_'.join(columns)}")
        op.create_index(name, "files", ["tenant_id", *columns])
    op.create_table(
        "loose_contents",
        sa.Column("stored_as", sa.Text(), nullable=False),
        sa.Column("tenant_id", NUMBER, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("file_id", NUMBER, nullable=True),
        sa.Column("remove_at", sa.BigInteger(), nullable=False),
        _of("tenants", "tenant_id", "loose_contents"),
        sa.PrimaryKeyConstraint("stored_as", name=op.f("pk_loose_contents")),
    )
    op.create_index(op.f("ix_loose_contents_remove_at"), "loose_contents", ["remove_at"])
    op.create_table(
        "file_usage",
        sa.Column("tenant_id", NUMBER, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        _of("tenants", "tenant_id", "file_usage"),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_file_usage")),
    )


def _of(table: str, column: str, within: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{within}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{table}.{column}"], name=name)
