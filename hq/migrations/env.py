"""Alembic's entry: it migrates on the connection that `hq.database` hands in, inside its transaction."""

from alembic import context

from hq.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
