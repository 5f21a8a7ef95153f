"""Can requests be served? Providers never make it unready."""

from collections.abc import Callable, Mapping
from typing import Any

from aurora.db import schema
from aurora.db.database import Database
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable

_LONGEST_FIRST_SYNC_S = 10.0
"""A provider that hangs delays readiness by no more than this."""


class Readiness:
    """Database reachable, schema at head, a snapshot loaded (every provider tried once, or ten seconds passed)."""

    def __init__(self, database: Database, *, clock: Clock, synced: Callable[[], bool]) -> None:
        self._database = database
        self._clock = clock
        self._synced = synced
        self._began = clock.monotonic()
        self._loaded = False

    def loaded(self) -> None:
        """The catalogue has been read from the database."""
        self._loaded = True

    async def check(self) -> tuple[bool, Mapping[str, Any]]:
        """The verdict with each check's result."""
        database, head = True, False
        try:
            async with self._database.read() as connection:
                head = await connection.run_sync(schema.is_at_head)
        except DatabaseUnavailable:
            database = False
        waited = self._clock.monotonic() - self._began >= _LONGEST_FIRST_SYNC_S
        snapshot = self._loaded and (self._synced() or waited)
        checks = {"database": database, "schema": head, "snapshot": snapshot}
        return all(checks.values()), checks
