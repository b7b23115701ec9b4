"""What alembic runs: the connection comes from `storage.migrations.migrate`."""

from alembic import context

from storage.tables import metadata

connection = context.config.attributes["connection"]
# Batch mode: SQLite cannot alter most of a table in place, so alembic copies it.
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
