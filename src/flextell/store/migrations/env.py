"""How Alembic runs our migrations: on the connection that `opening.migrate` hands over."""

from alembic import context

from flextell.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
