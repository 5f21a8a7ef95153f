"""Reading the markets where there are several replicas: one reads, the others ask it, and all give the same report."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aurora.db.database import Database
from aurora.db.repositories import leases as lease_rows
from aurora.db.repositories import sync_runs as run_rows
from aurora.db.repositories.sync_runs import EndedRun
from aurora.domain.clock import Clock
from aurora.domain.errors import AuroraError, DatabaseUnavailable
from aurora.domain.records import SyncReport
from aurora.replicas.leases import Leases
from aurora.services.catalogue_follow import CatalogueFollower
from aurora.services.offer_sync import OfferSync
from aurora.services.sync_writer import DutyLost

ASKED = "ask:sync:"
"""Leases of this name are no duties: whoever reads the market sees in them that a sync is wanted now."""
_LOOK_S = 0.25
_ASKED_S = 20.0
"""An ask is forgotten after so long; who still waits asks again."""


def duty(provider: str) -> str:
    """The name of the lease under which a market is read."""
    return f"sync:{provider}"


class LeasedDuty:
    """Fits `services.sync_writer.SyncDuty`."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    def fence(self, provider: str) -> int | None:
        """See `SyncDuty.fence`."""
        fence = self._leases.fence(duty(provider))
        if fence is None:
            raise DutyLost(f"another replica reads {provider} now")
        return fence

    def ours(self, provider: str) -> bool:
        """See `SyncDuty.ours`."""
        return self._leases.holds(duty(provider))


class SharedSync:
    """Fits what the API and the schedule want of a sync."""

    def __init__(
        self,
        sync: OfferSync,
        leases: Leases,
        *,
        database: Database,
        clock: Clock,
        names: Callable[[], tuple[str, ...]],
        tell: Callable[[str], None],
        follower: CatalogueFollower,
    ) -> None:
        self._follower = follower
        self._sync = sync
        self._leases = leases
        self._database = database
        self._clock = clock
        self._names = names
        self._tell_others = tell
        self._scheduled = False
        self._answering: dict[str, asyncio.Task[Any]] = {}

    async def leads(self, provider: str) -> bool:
        """Is it our turn to read this market? Taken when nobody else has it. Called by the schedule only."""
        self._scheduled = True
        return await self._leases.take(duty(provider))

    def latest_all(self) -> Mapping[str, SyncReport]:
        """The last report of each provider, whoever read it."""
        return self._sync.latest_all()

    async def run_all(self) -> Mapping[str, SyncReport]:
        """Sync every provider now; callers at all replicas that come meanwhile share the run."""
        names = self._names()
        reports = await asyncio.gather(*(self.run(name) for name in names))
        return dict(zip(names, reports, strict=True))

    async def run(self, provider: str, *, deadline_s: float | None = None, fresh: bool = True) -> SyncReport:
        """Read it ourselves if it is our turn or nobody's, else have it read. Raises NotFound."""
        began, started_at = self._clock.monotonic(), self._clock.now()
        try:
            if self._leases.holds(duty(provider)):
                return await self._sync.run(provider, deadline_s=deadline_s, fresh=fresh)
            return await self._have_it_read(provider, deadline_s=deadline_s, fresh=fresh)
        except DatabaseUnavailable as exc:
            spent = self._clock.monotonic() - began
            blank = SyncReport(provider=provider, started_at=started_at, seconds=spent, outcome="failed")
            return replace(blank, error=str(exc))

    def answer(self, asked: Mapping[str, str]) -> None:
        """Somebody wants what it is our turn to do. `asked`: who, by lease."""
        for name in asked:
            provider = name.removeprefix(ASKED)
            busy = self._answering.get(provider)
            if self._leases.holds(duty(provider)) and (busy is None or busy.done()):
                self._answering[provider] = asyncio.create_task(self._read_for(provider, asked[name]))

    async def aclose(self) -> None:
        """Stop what others asked for."""
        for task in self._answering.values():
            task.cancel()
        await asyncio.gather(*self._answering.values(), return_exceptions=True)

    async def _have_it_read(self, provider: str, *, deadline_s: float | None, fresh: bool) -> SyncReport:
        before = await self._last_ended(provider)
        asked_at = float("-inf")
        while True:
            if await self._leases.take(duty(provider)):
                return await self._read_once(provider, deadline_s=deadline_s, fresh=fresh)
            if self._clock.monotonic() - asked_at >= _ASKED_S:
                asked_at = self._clock.monotonic()
                await self._ask(provider)
            ended = await self._last_ended(provider)
            if ended is not None and (before is None or ended.id > before.id):
                await self._follower.follow(provider, ended_run=ended.id, newest_run=ended.id)
                self._sync.learn(ended.report)
                return ended.report
            await self._clock.sleep(_LOOK_S)

    async def _read_once(self, provider: str, *, deadline_s: float | None, fresh: bool) -> SyncReport:
        """A replica without a schedule must not keep what others would do again and again."""
        try:
            return await self._sync.run(provider, deadline_s=deadline_s, fresh=fresh)
        finally:
            if not self._scheduled:
                await self._leases.give_back(duty(provider))

    async def _ask(self, provider: str) -> None:
        async with self._database.write() as connection:
            await lease_rows.take(connection, f"{ASKED}{provider}", owner=self._leases.owner, ttl_s=_ASKED_S)
        self._tell_others("look")

    async def _last_ended(self, provider: str) -> EndedRun | None:
        async with self._database.read() as connection:
            return (await run_rows.recent(connection))[0].get(provider)

    async def _read_for(self, provider: str, asker: str) -> None:
        try:
            await self._sync.run(provider)
            async with self._database.write() as connection:
                await lease_rows.release(connection, owner=asker, name=f"{ASKED}{provider}")
        except AuroraError:
            return  # the ask stands until its time is over; whoever has the duty then does it
