"""The figures behind the policy `telemetry`: what our launches of the last hour say, kept in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean

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
class _Past:
    launches: dict[str, deque[_Launch]] = field(default_factory=dict)

    def add(self, provider: str, launch: _Launch) -> None:
        self.launches.setdefault(provider, deque(maxlen=_KEPT)).append(launch)

    def since(self, provider: str, start: datetime) -> list[_Launch]:
        known = self.launches.get(provider, deque[_Launch]())
        while known and known[0].at < start:
            known.popleft()
        return list(known)


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
        self._past = _Past()
        self._read_at = float("-inf")
        self._telemetry = Telemetry()

    async def load(self, database: Database) -> None:
        """The outcomes of the last hour. Raises DatabaseUnavailable."""
        start = self._clock.now() - timedelta(seconds=WINDOW_S)
        async with database.read(bulk=True) as connection:
            found = await decisions.outcomes_since(connection, start)
        past = _Past()
        for one in found:
            past.add(one.provider, _Launch(one.at, one.kind == _RAN, one.latency_ms, one.ttr_s))
        self._past = past
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
        self._past.add(provider, _Launch(self._clock.now(), kind == _RAN, latency_ms, ttr_s))
        self._read_at = float("-inf")

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
        """Mean seconds from create to running over the last hour; None when none ran."""
        known = [one.ttr_s for one in self._recent(provider) if one.ran and one.ttr_s is not None]
        return fmean(known) if known else None

    def _recent(self, provider: str) -> list[_Launch]:
        return self._past.since(provider, self._clock.now() - timedelta(seconds=WINDOW_S))

    def _performance(self, name: str) -> Performance:
        """Nothing launched in the window: static figures, so that an untried provider is tried."""
        status, launches = self._watch.status(name), self._recent(name)
        if not launches:
            return Performance(status=status)
        ran = [one for one in launches if one.ran]
        latencies = [one.latency_ms for one in ran if one.latency_ms is not None]
        return Performance(
            source=OBSERVED,
            status=status,
            runs_per_s=len(ran) / WINDOW_S,
            latency_ms=fmean(latencies) if latencies else None,
            last_event_at=max(launches[-1].at, self._watch.last_read(name) or launches[-1].at),
        )
