"""One look a second at what the other replicas did, sooner when one of them says a word."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from aurora.db.database import Database
from aurora.db.repositories.held_rows import HeldRows
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.records import SyncReport
from aurora.replicas.look import Look, look
from aurora.replicas.member import Member
from aurora.replicas.sync import SharedSync
from aurora.services.capacity import CapacityOverlay
from aurora.services.catalogue_follow import CatalogueFollower

LOOK_S = 1.0
"""A word was lost, or a pooler passes none on: everything is known after this at the latest."""
_PATIENCE_S = 5.0
_BREATH_S = 0.05
"""Between two looks, however many words come."""


@dataclass(slots=True)
class Chore:
    """Something else to keep up with, at most every `every_s` seconds."""

    every_s: float
    job: Callable[[Look], Awaitable[None]]
    done_at: float = field(default=float("-inf"))


@dataclass(frozen=True, slots=True)
class Following:
    """What follows."""

    members: Mapping[str, Member]
    catalogue: CatalogueFollower
    overlay: CapacityOverlay
    sync: SharedSync
    learn: Callable[[SyncReport], None]
    """Told of each run of another replica that has ended."""
    chores: Sequence[Chore] = ()


class Follower:
    """`look` once at the start, `run` from then on."""

    def __init__(self, following: Following, *, database: Database, clock: Clock) -> None:
        self._following = following
        self._database = database
        self._clock = clock
        self._woken = asyncio.Event()
        self._held = HeldRows()
        self._holds_version: tuple[Any, ...] = ()
        self._learned: dict[str, int] = {}
        self._looked_at: float | None = None

    @property
    def behind_s(self) -> float | None:
        """Seconds since the last look that told everything; None before the first."""
        return None if self._looked_at is None else self._clock.monotonic() - self._looked_at

    def wake(self) -> None:
        """There is something to see."""
        self._woken.set()

    async def look(self) -> None:
        """See, adopt, tell. Raises DatabaseUnavailable; then every provider's breakers go on alone."""
        members = self._following.members
        try:
            async with asyncio.timeout(_PATIENCE_S):
                found = await self._seen()
                for member in members.values():
                    await member.follow(found, self._database)
        except (DatabaseUnavailable, TimeoutError) as exc:
            for member in members.values():
                member.circuits.away()
            raise DatabaseUnavailable("other replicas cannot be seen: the database is away") from exc
        self._follow_holds(found)
        self._following.sync.answer(found.asked)
        await self._follow_runs(found)
        await self._do_chores(found)
        self._looked_at = self._clock.monotonic()

    async def run(self, tell: Callable[[DatabaseUnavailable | None], None]) -> NoReturn:
        """Look for ever; `tell` what came of each look."""
        while True:
            self._woken.clear()
            try:
                await self.look()
                tell(None)
            except DatabaseUnavailable as exc:
                tell(exc)
            await self._clock.sleep(_BREATH_S)
            await self._wait(LOOK_S - _BREATH_S)

    async def _seen(self) -> Look:
        async with self._database.read() as connection:
            return await look(
                connection,
                clock=self._clock,
                buckets=tuple(self._following.members),
                held=self._held,
                holds_version=self._holds_version,
            )

    def _follow_holds(self, found: Look) -> None:
        if found.holds is None:
            return
        certain = self._following.overlay.follow(
            found.holds.present, read_at=found.at, changed=found.holds.changed
        )
        self._held = found.holds.known
        self._holds_version = found.holds_version if certain else ()

    async def _follow_runs(self, found: Look) -> None:
        for name in self._following.members:
            ended = found.ended.get(name)
            await self._following.catalogue.follow(
                name,
                ended_run=None if ended is None else ended.id,
                newest_run=found.newest_run.get(name, 0),
            )
            if ended is not None and ended.id > self._learned.get(name, 0):
                self._learned[name] = ended.id
                self._following.learn(ended.report)

    async def _do_chores(self, found: Look) -> None:
        for chore in self._following.chores:
            now = self._clock.monotonic()
            if now - chore.done_at >= chore.every_s:
                await chore.job(found)
                chore.done_at = now

    async def _wait(self, seconds: float) -> None:
        woken = asyncio.ensure_future(self._woken.wait())
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({woken, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            timer.cancel()
            await asyncio.gather(woken, timer, return_exceptions=True)
