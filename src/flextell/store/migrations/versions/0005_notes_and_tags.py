"""Notes about customers, and a name of its own for every tag of a tenant."""

import sqlalchemy as sa
from alembic import op

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0005_since_0001"
down_revision = "0004_since_0001"


def upgrade() -> None:
    """Make the table; a program of before would add tags without a unique name."""
    op.create_table(
        "notes",
        sa.Column("note_id", NUMBER, nullable=False),
        sa.Column("tenant_id", NUMBER, nullable=False),
        sa.Column("customer_id", NUMBER, nullable=False),
        sa.Column("person_id", NUMBER, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_notes")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_notes_tenant_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_notes_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.person_id"], name=op.f("fk_notes_person_id")
        ),
    )
    op.create_index(
        op.f("ix_notes_customer_id_created_at_note_id"),
        "notes",
        ["customer_id", "created_at", "note_id"],
    )
    op.add_column("tags", sa.Column("unique_name", sa.Text(), nullable=True))
    connection = op.get_bind()
    for tag_id, name in connection.execute(sa.text("SELECT tag_id, name FROM tags")).all():
        connection.execute(
            sa.text("UPDATE tags SET unique_name = :unique_name WHERE tag_id = :tag_id"),
            {"unique_name": name.strip().casefold(), "tag_id": tag_id},
        )
    op.create_index(
        op.f("ix_tags_tenant_id_unique_name"),
        "tags",
        ["tenant_id", "unique_name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
