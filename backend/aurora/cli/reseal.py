"""`aurora reseal`."""

import asyncio
import sys
from contextlib import ExitStack

from aurora.bootstrap.access import sealer_of
from aurora.db.database import Database
from aurora.db.engine import create_engine, sqlite_path
from aurora.db.lock import DatabaseInUse, FileLock
from aurora.domain.errors import DatabaseUnavailable
from aurora.services.reseal import ResealReport
from aurora.services.reseal import reseal as seal_again
from aurora.settings import Settings, SettingsError, load_settings

_SHOWN = 10


def reseal(*, env_file: str | None) -> int:
    """Exit code 0 when all is sealed under SECRET_KEY; 1 when something could not be opened, or the database is away;
    2 for a wrong setting. Whatever happens, nothing is lost: what cannot be opened stays as it is.
    """
    try:
        report = asyncio.run(_reseal(load_settings(env_file)))
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        return 2
    except DatabaseInUse as exc:
        print(exc, file=sys.stderr)
        return 1
    except DatabaseUnavailable as exc:
        print(f"DATABASE_URL: {exc.detail}; what was sealed is kept, run it again to go on", file=sys.stderr)
        return 1
    print(
        f"{report.resealed} sealed again, {report.already} were already, {len(report.unreadable)} unreadable"
    )
    return _complain(report)


def _complain(report: ResealReport) -> int:
    if not report.unreadable:
        return 0
    named = ", ".join(report.unreadable[:_SHOWN])
    more = "" if len(report.unreadable) <= _SHOWN else f" and {len(report.unreadable) - _SHOWN} more"
    print(
        f"SECRET_KEY: neither it nor SECRET_KEY_PREVIOUS opens {named}{more}; they were left as they are. Set "
        "SECRET_KEY_PREVIOUS to the key they were stored with and run it again",
        file=sys.stderr,
    )
    return 1


async def _reseal(settings: Settings) -> ResealReport:
    if settings.secret_key is None:
        raise SettingsError("SECRET_KEY: is not set; it is the key to seal under")
    url = settings.database_url.get_secret_value()
    file = sqlite_path(url)
    with ExitStack() as stack:
        if file is not None:
            lock = FileLock(file)
            lock.acquire()
            stack.callback(lock.release)
        engine = create_engine(url)
        try:
            return await seal_again(Database(engine), sealer_of(settings), tell=_tell)
        finally:
            await engine.dispose()


def _tell(report: ResealReport) -> None:
    """One line that grows, for people only."""
    if sys.stderr.isatty():
        done = report.resealed + report.already + len(report.unreadable)
        print(f"\r{done} looked at", end="", file=sys.stderr, flush=True)
