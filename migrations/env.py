"""Alembic environment: runs on a connection that Aurora hands over (it is always inside an event loop)."""

from alembic import context
from sqlalchemy import Connection

from aurora.db import access_tables, health_tables, replica_tables, tables
from aurora.db.metadata import metadata

TABLES = (tables, access_tables, health_tables, replica_tables)
"""Imported so that `metadata` knows them all."""

BY_EXPRESSION = frozenset({"ix_capacity_holds_shared"})
"""Indexes that only Postgres has and nobody can compare: the migrations alone know them."""


def _compared(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "index" or name not in BY_EXPRESSION


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        include_name=_compared,
        user_module_prefix="",
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is None:
    msg = "run `aurora migrate`: it knows DATABASE_URL and holds the lock"
    raise SystemExit(msg)
run(given)
