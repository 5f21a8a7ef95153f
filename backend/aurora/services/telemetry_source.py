"""The figures behind the policy `telemetry`: what our launches of the last hour say, kept in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aurora.db.database import Database
from aurora.db.repositories import decisions
from aurora.domain.clock import Clock
from aurora.domain.health import ProviderStatus
from aurora.routing.performance import OBSERVED, WINDOW_S, Performance, Telemetry

_FRESH_S = 1.0
"""The figures are put together at most this often."""
_KEPT = 10_000
"""Launches remembered per provider."""
_RAN = "ok"


@dataclass(frozen=True, slots=True)
class _Launch:
    at: datetime
    ran: bool
    latency_ms: float | None
    ttr_s: float | None


@dataclass(frozen=True, slots=True)
class ProviderWatch:
    """What is known of providers besides their launches."""

    names: Callable[[], Iterable[str]]
    status: Callable[[str], ProviderStatus]
    last_read: Callable[[str], datetime | None]
    """When the catalogue was last read from it with success."""


def no_budgets() -> Mapping[str, float]:
    """No tenant has a budget."""
    return {}


@dataclass(slots=True)
class _Mean:
    """Of the values that are in it now."""

    total: float = 0.0
    number: int = 0

    def add(self, value: float | None) -> None:
        if value is not None:
            self.total += value
            self.number += 1

    def take(self, value: float | None) -> None:
        if value is not None:
            self.number -= 1
            self.total = self.total - value if self.number else 0.0

    @property
    def value(self) -> float | None:
        return self.total / self.number if self.number else None


@dataclass(slots=True)
class _Hour:
    """One provider's launches of the last hour, summed up as they come and go: every decision asks for the sums."""

    launches: deque[_Launch] = field(default_factory=deque)
    ran: int = 0
    latency_ms: _Mean = field(default_factory=_Mean)
    ttr_s: _Mean = field(default_factory=_Mean)

    def add(self, launch: _Launch) -> None:
        if len(self.launches) >= _KEPT:
            self._forget_first()
        self.launches.append(launch)
        if launch.ran:
            self.ran += 1
            self.latency_ms.add(launch.latency_ms)
            self.ttr_s.add(launch.ttr_s)

    def since(self, start: datetime) -> "_Hour":
        """Itself, without what was before."""
        while self.launches and self.launches[0].at < start:
            self._forget_first()
        return self

    def _forget_first(self) -> None:
        launch = self.launches.popleft()
        if launch.ran:
            self.ran -= 1
            self.latency_ms.take(launch.latency_ms)
            self.ttr_s.take(launch.ttr_s)


class TelemetrySource:
    """Loaded at the start, told of every outcome, asked by the market. Asking does no I/O."""

    def __init__(
        self,
        watch: ProviderWatch,
        *,
        clock: Clock,
        budget_used: Callable[[], Mapping[str, float]] = no_budgets,
    ) -> None:
        """`budget_used`: spend / budget of every tenant that has a budget."""
        self._watch = watch
        self._clock = clock
        self._budget_used = budget_used
        self._past: dict[str, _Hour] = {}
        self._means: dict[str, tuple[float, float | None]] = {}
        """When the expected time to running was worked out, and what it was."""
        self._read_at = float("-inf")
        self._telemetry = Telemetry()

    async def load(self, database: Database) -> None:
        """The outcomes of the last hour. Raises DatabaseUnavailable."""
        start = self._clock.now() - timedelta(seconds=WINDOW_S)
        async with database.read(bulk=True) as connection:
            found = await decisions.outcomes_since(connection, start)
        past: dict[str, _Hour] = {}
        for one in found:
            launch = _Launch(one.at, one.kind == _RAN, one.latency_ms, one.ttr_s)
            past.setdefault(one.provider, _Hour()).add(launch)
        self._past = past
        self._means.clear()
        self._read_at = float("-inf")

    def observe(
        self,
        provider: str,
        kind: str,
        *,
        latency_ms: float | None = None,
        ttr_s: float | None = None,
    ) -> None:
        """One outcome that was just stored."""
        launch = _Launch(self._clock.now(), kind == _RAN, latency_ms, ttr_s)
        self._past.setdefault(provider, _Hour()).add(launch)
        self._read_at = float("-inf")
        self._means.pop(provider, None)

    def __call__(self) -> Telemetry:
        """The present figures; the same object while they are fresh."""
        now = self._clock.monotonic()
        if now - self._read_at >= _FRESH_S:
            found = Telemetry(
                {name: self._performance(name) for name in self._watch.names()}, dict(self._budget_used())
            )
            self._read_at = now
            if found != self._telemetry:
                self._telemetry = found
        return self._telemetry

    def time_to_running_s(self, provider: str) -> float | None:
        """Mean seconds from create to running over the last hour; None when none ran. Asked for each offer: it is worked
        out anew after an outcome, else once while it is fresh.
        """
        now = self._clock.monotonic()
        read_at, known = self._means.get(provider, (float("-inf"), None))
        if now - read_at >= _FRESH_S:
            known = self._recent(provider).ttr_s.value
            self._means[provider] = (now, known)
        return known

    def _recent(self, provider: str) -> _Hour:
        known = self._past.get(provider)
        if known is None:
            return _Hour()
        return known.since(self._clock.now() - timedelta(seconds=WINDOW_S))

    def _performance(self, name: str) -> Performance:
        """Nothing launched in the window: static figures, so that an untried provider is tried."""
        status, recent = self._watch.status(name), self._recent(name)
        if not recent.launches:
            return Performance(status=status)
        last = recent.launches[-1].at
        return Performance(
            source=OBSERVED,
            status=status,
            runs_per_s=recent.ran / WINDOW_S,
            latency_ms=recent.latency_ms.value,
            last_event_at=max(last, self._watch.last_read(name) or last),
        )
