"""The duties that this process has, and how many processes there are."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from aurora.db.database import Database
from aurora.db.repositories import leases as rows
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable

TTL_S = 10.0
"""A dead holder's duty is free after this."""
RENEWALS = 3
"""In the time of a lease: two may fail."""
_REPLICA = "replica:"
_FORGOTTEN_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Held:
    fence: int
    until: float
    """On the clock's monotonic scale, counted from before the database was asked: never later than it says."""


class Leases:
    """Takes, renews and gives back; `renew` also says that this replica lives, and counts those that do.

    Whether a lease is held is known without asking: once its time has passed without a renewal it is not, although
    the database could not say so.
    """

    def __init__(self, database: Database, *, owner: str, clock: Clock, ttl_s: float = TTL_S) -> None:
        """`owner`: another one at each start of a process."""
        self._database = database
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._live = 1
        self.owner = owner
        self.ttl_s = ttl_s

    @property
    def replicas(self) -> int:
        """Processes that live, as far as was last known; at least this one."""
        return self._live

    @property
    def names(self) -> tuple[str, ...]:
        """What is held now."""
        return tuple(name for name in self._held if self.holds(name))

    def holds(self, name: str) -> bool:
        """No I/O."""
        held = self._held.get(name)
        return held is not None and self._clock.monotonic() < held.until

    def fence(self, name: str) -> int | None:
        """What writes under this lease carry; None when it is not held."""
        return self._held[name].fence if self.holds(name) else None

    async def take(self, name: str) -> bool:
        """Have it, if nobody else does. Raises DatabaseUnavailable."""
        if self.holds(name):
            return True
        asked = self._clock.monotonic()
        async with self._database.write() as connection:
            fence = await rows.take(connection, name, owner=self.owner, ttl_s=self.ttl_s)
        if fence is None:
            self._held.pop(name, None)
            return False
        self._held[name] = _Held(fence, asked + self.ttl_s)
        return True

    async def give_back(self, name: str) -> None:
        """Another may have it at once."""
        self._held.pop(name, None)
        async with self._database.write() as connection:
            await rows.release(connection, owner=self.owner, name=name)

    async def renew(self) -> None:
        """All that is held, and our own sign of life. What others took meanwhile is not held any more."""
        asked = self._clock.monotonic()
        names = tuple(self._held)
        async with self._database.write() as connection:
            kept = await rows.renew(connection, names, owner=self.owner, ttl_s=self.ttl_s)
            await rows.take(connection, f"{_REPLICA}{self.owner}", owner=self.owner, ttl_s=self.ttl_s)
            living = await rows.live(connection, _REPLICA)
            await rows.forget(connection, _REPLICA, after_s=_FORGOTTEN_S)
        self._live = max(1, len(living))
        for name in names:
            held = self._held.get(name)
            if held is not None and name in kept:
                self._held[name] = _Held(held.fence, asked + self.ttl_s)
            else:
                self._held.pop(name, None)

    async def run(self, tell: Callable[[DatabaseUnavailable | None], None]) -> NoReturn:
        """Renew for ever; `tell` what came of each renewal."""
        while True:
            try:
                async with asyncio.timeout(self.ttl_s / RENEWALS):
                    await self.renew()
                tell(None)
            except DatabaseUnavailable as exc:
                tell(exc)
            except TimeoutError:
                tell(DatabaseUnavailable("the leases could not be renewed in time"))
            await self._clock.sleep(self.ttl_s / RENEWALS)

    async def aclose(self) -> None:
        """Give everything back, so that others need not wait; a database that is away is left alone."""
        self._held.clear()
        try:
            async with asyncio.timeout(1.0), self._database.write() as connection:
                await rows.release(connection, owner=self.owner)
        except (DatabaseUnavailable, TimeoutError):
            return
