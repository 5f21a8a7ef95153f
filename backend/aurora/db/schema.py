"""Bringing a database to the newest schema, and asking whether it is there."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from aurora.domain.errors import DatabaseUnavailable

_LOCK = 8_201_120  # any constant of ours: serialises migrations of several processes on one Postgres
_TABLE_LOCK_S = 30


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
    """Upgrade (or, with an older revision, downgrade) under a lock; safe to call from several processes.

    All of it is one transaction: it is done, or nothing is.
    """
    async with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            await _foreign_keys(connection, on=False)
        try:
            async with connection.begin():
                if connection.dialect.name == "postgresql":
                    await _wait_for_turn(connection)
                await connection.run_sync(_move, revision)
                if connection.dialect.name == "sqlite":
                    await _check_foreign_keys(connection)
        finally:
            if connection.dialect.name == "sqlite":
                await _foreign_keys(connection, on=True)


async def _wait_for_turn(connection: AsyncConnection) -> None:
    """One process after the other, however long the first takes; a table that others keep locked is waited for, but
    not so long that everybody queues up behind us.
    """
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    await connection.execute(text("SET LOCAL lock_timeout = 0"))
    await connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK})
    await connection.execute(text(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_S}s'"))


async def _foreign_keys(connection: AsyncConnection, *, on: bool) -> None:
    """SQLite alters a table by making another and dropping the first, which takes along the rows that refer to it.

    Outside any transaction, where alone it has an effect: so past SQLAlchemy, which would begin one.
    """
    raw = await connection.get_raw_connection()
    if raw.driver_connection is not None:
        await raw.driver_connection.execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")


async def _check_foreign_keys(connection: AsyncConnection) -> None:
    broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
    if broken:
        detail = f"the migration would leave rows of {broken[0][0]} without what they refer to; nothing was changed"
        raise DatabaseUnavailable(detail)


@dataclass(frozen=True, slots=True)
class Pending:
    """Where a database is, and what would be done to it. `steps`: revision and first line, in order."""

    current: str | None
    head: str
    steps: tuple[tuple[str, str], ...]


async def pending(engine: AsyncEngine) -> Pending:
    """Looks, and changes nothing."""
    async with engine.connect() as connection:
        await connection.execution_options(aurora_read=True)
        current = await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )
    script = ScriptDirectory.from_config(_config())
    head = script.get_current_head() or ""
    known = {found.revision for found in script.walk_revisions()}
    if current is not None and current not in known:
        return Pending(current, head, ())
    steps = [
        (found.revision, found.doc.partition("\n")[0]) for found in script.iterate_revisions(head, current)
    ]
    return Pending(current, head, tuple(reversed(steps)))


def _move(connection: Connection, revision: str) -> None:
    config = _config(connection)
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if revision == "head" and current not in {None, *(known.revision for known in script.walk_revisions())}:
        return  # a newer release has been here: one that is rolled back, or a late pod of it, leaves its schema alone
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


def is_usable(connection: Connection) -> bool:
    """At head, or beyond it: while a new release is rolled out, the one before it goes on working on its schema."""
    return _behind(connection) is None


def require(connection: Connection) -> None:
    """Raises DatabaseUnavailable with the two revisions for a schema that this code cannot work on."""
    behind = _behind(connection)
    if behind is not None:
        raise DatabaseUnavailable(behind)


def _behind(connection: Connection) -> str | None:
    """What is wrong; None for the newest schema that this code knows, and for one that it does not know yet."""
    head, known = _own_revisions(migrations_dir())
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return f"there is no schema yet, this Aurora needs {head}"
    if current == head or current not in known:
        return None
    return f"the schema is at {current}, this Aurora needs {head}"


@lru_cache(maxsize=2)
def _own_revisions(folder: Path) -> tuple[str, frozenset[str]]:
    """The newest revision of `folder` and all of them. Read once: every `GET /ready` asks, and reading runs each file."""
    script = ScriptDirectory(str(folder))
    return script.get_current_head() or "", frozenset(found.revision for found in script.walk_revisions())


async def check(engine: AsyncEngine) -> None:
    """Raise when tables and migrations differ (`alembic check`)."""
    async with engine.connect() as connection, connection.begin():
        await connection.run_sync(lambda sync: command.check(_config(sync)))
