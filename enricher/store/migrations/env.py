"""Run the migrations on the connection that `upgrade.py` hands over, inside its transaction."""

from alembic import context

from enricher.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
