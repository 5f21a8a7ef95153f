"""`aurora migrate`."""

import asyncio
import sys
from pathlib import Path

from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from aurora.db.engine import create_engine, sqlite_path
from aurora.db.schema import Pending, pending
from aurora.db.schema import migrate as migrate_schema
from aurora.domain.errors import DatabaseUnavailable
from aurora.settings import Settings, SettingsError, load_settings


def migrate(*, env_file: str | None, revision: str = "head", dry_run: bool = False) -> int:
    """Exit code 0 when the schema is there; 2 for a wrong setting, 1 when the database cannot be reached.

    `dry_run` only says what would be done.
    """
    try:
        settings = load_settings(env_file)
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        return 2
    try:
        if dry_run:
            print(_plan(settings))
            return 0
        asyncio.run(_migrate(settings, revision))
    except CommandError as exc:
        print(f"revision {revision}: {exc}", file=sys.stderr)
        return 2
    except (DatabaseUnavailable, DBAPIError, OSError) as exc:
        print(f"DATABASE_URL: {_refusal(exc)}", file=sys.stderr)
        return 1
    print(f"Database is at schema {revision}")
    return 0


def _refusal(exc: DatabaseUnavailable | DBAPIError | OSError) -> str:
    """One line, without the statement that SQLAlchemy would add."""
    if isinstance(exc, OSError):
        return f"cannot be reached: {exc}"
    return str(exc.orig if isinstance(exc, DBAPIError) else exc.detail).partition("\n")[0]


async def _migrate(settings: Settings, revision: str) -> None:
    url = settings.database_url.get_secret_value()
    file = sqlite_path(url)
    if file is not None:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, application="aurora-migrate", statement_s=None)
    try:
        await migrate_schema(engine, revision)
    finally:
        await engine.dispose()


def _plan(settings: Settings) -> str:
    """Lines for people."""
    url = settings.database_url.get_secret_value()
    file = sqlite_path(url)
    if file is not None and not Path(file).exists():
        return f"{file} does not exist yet; `aurora migrate` makes it"
    found = asyncio.run(_pending(url))
    where = f"Database is at schema {found.current or 'none'}, the newest known is {found.head}"
    steps = [f"  {revision}  {what}" for revision, what in found.steps]
    return "\n".join([where, *(["Would be done:", *steps] if steps else ["Nothing is to be done"])])


async def _pending(url: str) -> Pending:
    engine = create_engine(url, application="aurora-migrate")
    try:
        return await pending(engine)
    finally:
        await engine.dispose()
