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
    """Database reachable and not full, schema at head (or newer), a snapshot loaded (every provider tried once, or ten seconds passed).

    And not stopping: then nothing is looked up, so that whoever sends requests here learns at once.
    """

    def __init__(
        self, database: Database, *, clock: Clock, synced: Callable[[], bool], draining: Callable[[], bool]
    ) -> None:
        self._database = database
        self._clock = clock
        self._synced = synced
        self._draining = draining
        self._began = clock.monotonic()
        self._loaded = False

    def loaded(self) -> None:
        """The catalogue has been read from the database."""
        self._loaded = True

    async def check(self) -> tuple[bool, Mapping[str, Any]]:
        """The verdict with each check's result."""
        if self._draining():
            return False, {"accepting": False}
        database, head = True, False
        try:
            async with self._database.read() as connection:
                head = await connection.run_sync(schema.is_usable)
            await self._database.probe()
        except DatabaseUnavailable:
            database = False
        waited = self._clock.monotonic() - self._began >= _LONGEST_FIRST_SYNC_S
        snapshot = self._loaded and (self._synced() or waited)
        checks = {"database": database, "schema": head, "snapshot": snapshot}
        return all(checks.values()), checks
