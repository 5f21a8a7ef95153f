"""A provider desk over markets that only answer health questions, behind real guards."""

import random
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from aurora.db.database import Database
from aurora.domain.clock import Clock
from aurora.domain.errors import ProviderError, Unavailable
from aurora.domain.operation import Operation
from aurora.domain.records import ProviderCatalogueState
from aurora.providers.base import CallGuard, Capabilities, HealthReport
from aurora.providers.registry import ProviderRegistry
from aurora.resilience.events import Hooks
from aurora.resilience.policy import GuardPolicy, LimiterPolicy
from aurora.services.provider_check import CheckableGuard
from aurora.services.provider_desk import DeskPolicy, ProviderDesk
from tests.fakes.clock import START, FakeClock


class HealthMarket:
    """Answers health questions after `latency_s`, or with the next of `errors`; `asked` counts them."""

    capabilities = Capabilities()

    def __init__(self, name: str, *, guard: CallGuard, clock: Clock) -> None:
        self.name = name
        self._guard = guard
        self._clock = clock
        self.errors: deque[ProviderError] = deque()
        self.latency_s = 0.0
        self.asked = 0

    async def health(self) -> HealthReport:
        started = self._clock.monotonic()
        await self._guard.call(Operation.HEALTH, self._answer)
        return HealthReport(ok=True, response_ms=(self._clock.monotonic() - started) * 1000)

    async def aclose(self) -> None:
        return

    async def _answer(self) -> None:
        self.asked += 1
        if self.latency_s:
            await self._clock.sleep(self.latency_s)
        if self.errors:
            raise self.errors.popleft()


class CatalogueStates:
    """A catalogue's read model with chosen states."""

    def __init__(self) -> None:
        self.states: dict[str, ProviderCatalogueState] = {}

    def state(self, provider: str) -> ProviderCatalogueState:
        empty = ProviderCatalogueState(provider, 0, 0, None, None, None, None, None)
        return self.states.get(provider, empty)

    def synced(self, provider: str, *, at: datetime = START, age_s: float = 0.0) -> None:
        self.states[provider] = ProviderCatalogueState(provider, 10, 1, 1.0, at, at, age_s, None)


class HealthRoom:
    """Desk, registry, guards, markets and catalogue on one clock."""

    def __init__(
        self, database: Database, names: Iterable[str] = ("vastai", "akash"), *, disabled: Sequence[str] = ()
    ) -> None:
        self.clock = FakeClock()
        self.hooks = Hooks()
        self.registry = ProviderRegistry()
        self.catalogue = CatalogueStates()
        self.guards: dict[str, CheckableGuard] = {}
        self.markets: dict[str, HealthMarket] = {}
        self.g_scores: list[float] = []
        policy = GuardPolicy(limiter=LimiterPolicy(rate_per_min=100))
        for name in names:
            guard = CheckableGuard(name, policy, clock=self.clock, rng=random.Random(1), hooks=self.hooks)
            self.guards[name] = guard
            self.markets[name] = HealthMarket(name, guard=guard, clock=self.clock)
            self.registry.register(name, self.markets[name], guard=guard)
        for name in disabled:
            self.registry.disable(name, "no adapter yet")
        self.desk = ProviderDesk(
            self.registry,
            self.catalogue,
            database,
            clock=self.clock,
            started_at=START,
            policy=DeskPolicy(max_ttl_s=300, sync_intervals={"vastai": 300}),
            g_scores=lambda: self.g_scores,
        )

    async def calls(self, name: str, *, ok: int = 0, failing: int = 0) -> None:
        """Health questions through the guard, one attempt each."""
        for _ in range(ok):
            await self.desk.check(name)
        for _ in range(failing):
            self.markets[name].errors.append(Unavailable(name, "502 Bad Gateway"))
            with suppress(ProviderError):
                await self.desk.check(name)
