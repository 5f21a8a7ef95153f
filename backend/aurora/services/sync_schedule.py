"""The scheduled sync: one loop per provider, each at its own pace."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn, Protocol

from aurora.domain.clock import Clock
from aurora.domain.errors import AuroraError, DatabaseUnavailable
from aurora.domain.records import SyncReport

_TURN_S = 1.0
"""Between two questions whose turn it is."""
_SHORTEST_PAUSE_S = 1.0
"""Between two runs of which the first took its whole interval."""


class Sync(Protocol):
    """`OfferSync`, as much of it as the loop needs."""

    async def run(
        self, provider: str, *, deadline_s: float | None = None, fresh: bool = True
    ) -> SyncReport: ...


class Reporter(Protocol):
    """Told once when a provider's sync begins to fail and once when it works again. Must not raise."""

    def failed(self, provider: str, reason: str) -> None: ...

    def recovered(self, provider: str) -> None: ...


class SyncSchedule:
    """Runs every provider at its interval, the first time at once.

    `intervals_s` by provider, from the start of a run to the start of the next, varied by `jitter` (a share) so that
    replicas and providers do not fall into step.
    """

    def __init__(
        self,
        sync: Sync,
        intervals_s: Mapping[str, float],
        *,
        clock: Clock,
        rng: random.Random,
        reporter: Reporter,
        jitter: float = 0.1,
        leads: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        """`leads`: is it this process's turn to read the provider? Without it, always."""
        self._leads = leads
        self._sync = sync
        self._intervals_s = dict(intervals_s)
        self._clock = clock
        self._rng = rng
        self._reporter = reporter
        self._jitter = jitter

    async def run(self) -> None:
        """Until cancelled. A bug in a loop ends all of them with its exception; an expected error ends none."""
        async with asyncio.TaskGroup() as loops:
            for provider in self._intervals_s:
                loops.create_task(self._loop(provider), name=f"sync {provider}")

    async def _loop(self, provider: str) -> NoReturn:
        failing = False
        while True:
            await self._turn(provider)
            started = self._clock.monotonic()
            reason = await self._failure(provider)
            if reason is not None and not failing:
                self._reporter.failed(provider, reason)
            elif reason is None and failing:
                self._reporter.recovered(provider)
            failing = reason is not None
            await self._clock.sleep(self._pause_s(provider, self._clock.monotonic() - started))

    async def _turn(self, provider: str) -> None:
        """Until it is ours to read this provider."""
        while self._leads is not None:
            try:
                if await self._leads(provider):
                    return
            except DatabaseUnavailable:
                pass  # said by those who follow the others; nothing could be written anyway
            await self._clock.sleep(_TURN_S)

    async def _failure(self, provider: str) -> str | None:
        """Why this run brought nothing; None when it did."""
        try:
            report = await self._sync.run(provider)
        except AuroraError as exc:
            return str(exc)
        if report.outcome in {"failed", "suspicious"}:
            return report.error or f"the sync ended as {report.outcome}"
        return None

    def _pause_s(self, provider: str, spent_s: float) -> float:
        varied = 1 + self._jitter * self._rng.uniform(-1, 1)
        return max(_SHORTEST_PAUSE_S, self._intervals_s[provider] * varied - spent_s)
