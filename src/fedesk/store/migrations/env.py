"""Alembic's entry: the steps run over the connection and within the transaction of who migrates."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
