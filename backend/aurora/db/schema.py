"""Bringing a database to the newest schema, and asking whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

_LOCK = 8_201_120  # any constant of ours: serialises migrations of several processes on one Postgres


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrations_dir() -> Path:
    """`migrations/` of the checkout that this package was installed from, or of the working directory."""
    beside = Path(__file__).resolve().parents[3] / "migrations"
    return beside if beside.is_dir() else Path.cwd() / "migrations"


async def migrate(engine: AsyncEngine, revision: str = "head") -> None:
    """Upgrade (or, with an older revision, downgrade) under a lock; safe to call from several processes."""
    async with engine.connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK})
        await connection.run_sync(_move, revision)


def _move(connection: Connection, revision: str) -> None:
    config = _config(connection)
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    older = revision != "head" and _is_older(script, revision, current)
    (command.downgrade if older else command.upgrade)(config, revision)


def _is_older(script: ScriptDirectory, revision: str, current: str | None) -> bool:
    if revision == "base":
        return True
    if current is None:
        return False
    return revision in {found.revision for found in script.iterate_revisions(current, "base")}


async def at_head(engine: AsyncEngine) -> bool:
    """True when the database has exactly the newest schema."""
    async with engine.connect() as connection:
        return await connection.run_sync(is_at_head)


def is_at_head(connection: Connection) -> bool:
    """The same on a connection that is open."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


async def check(engine: AsyncEngine) -> None:
    """Raise when tables and migrations differ (`alembic check`)."""
    async with engine.connect() as connection, connection.begin():
        await connection.run_sync(lambda sync: command.check(_config(sync)))
