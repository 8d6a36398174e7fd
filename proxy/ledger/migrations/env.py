"""Runs the revisions on the connection that schema.py hands over, inside the transaction it has begun."""

from alembic import context

from proxy.ledger.schema import VERSION_TABLE
from proxy.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
