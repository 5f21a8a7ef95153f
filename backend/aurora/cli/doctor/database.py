"""Is the database there, is its schema the newest, and who holds the embedded one?"""

import os
from collections.abc import Iterable
from pathlib import Path

from alembic.migration import MigrationContext
from sqlalchemy import Connection

from aurora.cli.doctor.check import Check, fail, ok
from aurora.db.database import Database
from aurora.db.engine import create_engine, sqlite_path
from aurora.db.schema import is_at_head
from aurora.domain.errors import DatabaseUnavailable
from aurora.settings import Settings

_KERNEL_LOCKS = Path("/proc/locks")


async def database_checks(settings: Settings) -> list[Check]:
    """Opens a read-only transaction; never creates a file and takes no lock of ours."""
    url = settings.database_url.get_secret_value()
    file = sqlite_path(url)
    by_hand = _by_hand(file)
    if file is not None and not _exists(file):
        then = "run `aurora migrate` (in the folder in which `aurora serve` will run)"
        return [fail("database", f"{file} does not exist", then=then, by_hand=by_hand)]
    checks = [await _schema(url, by_hand)]
    return [*checks, _lock(file)] if file is not None else checks


def _exists(file: str) -> bool:
    return Path(file).is_file()


async def _schema(url: str, by_hand: str) -> Check:
    engine = create_engine(url, application="aurora-doctor")
    try:
        async with Database(engine).read() as connection:
            newest = await connection.run_sync(is_at_head)
            revision = await connection.run_sync(_revision)
    except DatabaseUnavailable as exc:
        then = "check DATABASE_URL, and that the server runs and lets this user in"
        return fail("database", str(exc), then=then, by_hand=by_hand)
    finally:
        await engine.dispose()
    if not newest:
        found = f"its schema is {revision or 'empty'}, not the newest"
        return fail("database", found, then="run `aurora migrate`", by_hand=by_hand)
    return ok("database", f"reachable, schema {revision} is the newest", by_hand=by_hand)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _by_hand(file: str | None) -> str:
    question = "select version_num from alembic_version"
    return f'psql "$DATABASE_URL" -c "{question}"' if file is None else f'sqlite3 {file} "{question}"'


def _lock(file: str) -> Check:
    """Asked of the kernel, or of the process that the lock file names: taking the lock would disturb a start."""
    path = Path(f"{file}.lock")
    by_hand = f"fuser -v {path}"
    holder = lock_holder(path)
    if holder is None:
        return ok("database lock", "nobody holds it: no `aurora serve` runs on this file", by_hand=by_hand)
    found = f"held by {holder}: an `aurora serve` runs on this file; a second one would refuse to start"
    return ok("database lock", found, by_hand=by_hand)


def lock_holder(path: Path) -> str | None:
    """`pid 1234`, or None when nobody holds it."""
    try:
        inode, written = path.stat().st_ino, path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    if _KERNEL_LOCKS.is_file():
        holder = holder_in(_KERNEL_LOCKS.read_text(encoding="utf-8").splitlines(), inode)
        return f"pid {holder}" if holder else None
    return written if _is_alive(written.removeprefix("pid ")) else None


def holder_in(kernel_locks: Iterable[str], inode: int) -> str | None:
    """The process that holds a flock on this file, from lines such as
    `1: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF`.
    """
    for line in kernel_locks:
        parts = line.split()
        if len(parts) > 5 and parts[1] == "FLOCK" and parts[5].rpartition(":")[2] == str(inode):
            return parts[4]
    return None


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
