"""The embedded database belongs to one process."""

import fcntl
import os
from pathlib import Path
from typing import IO

from aurora.domain.errors import AuroraError


class DatabaseInUse(AuroraError):
    """Another Aurora has the SQLite file open."""

    code = "database_in_use"


class FileLock:
    """An advisory lock beside the database file; it goes with the process, also after kill -9."""

    def __init__(self, database_file: str) -> None:
        self._path = Path(f"{database_file}.lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises DatabaseInUse, naming the process that holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise DatabaseInUse(
                f"{self._path.with_suffix('')} is in use by {owner}; several replicas need DATABASE_URL on Postgres"
            ) from exc
        file.truncate(0)
        file.write(f"pid {os.getpid()}")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None
