"""Writes down how the providers are: their rows, their bad times, and the pauses that must survive a restart."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.repositories import health, incidents, pauses
from aurora.db.repositories.health import Observation
from aurora.db.repositories.incidents import Incident, IncidentKind
from aurora.domain.clock import Clock
from aurora.domain.health import BreakerState, ProviderStatus
from aurora.providers.registry import ProviderRegistry
from aurora.resilience.events import Event, PauseSet
from aurora.resilience.guard import Guard
from aurora.resilience.pause import Pause
from aurora.services.provider_desk import ProviderDesk, Seen

_SPANS = {
    ProviderStatus.UNAVAILABLE: IncidentKind.UNAVAILABLE,
    ProviderStatus.DEGRADED: IncidentKind.DEGRADED,
}
_KINDS = tuple(_SPANS.values())


@dataclass(frozen=True, slots=True)
class RecorderPolicy:
    """All in seconds."""

    rewrite_after_s: float = 30.0
    """A row is written at least this often although nothing changed: it says that somebody is looking."""
    degraded_after_s: float = 15.0
    """Shorter DEGRADED moments (a pause of two seconds) are no incidents."""
    abandoned_after_s: float = 90.0
    """Spans of a provider that nobody has looked at for so long ended when it was last seen."""


@dataclass(slots=True)
class _Known:
    """What this process last saw and wrote about one provider."""

    status: ProviderStatus
    since: datetime
    written: Observation | None = None
    span: IncidentKind | None = None
    """The span that is open in the database, once `settled`."""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one tick writes."""

    now: datetime
    rows: list[Observation]
    spans: list[tuple[Seen, IncidentKind | None]]
    waiting: dict[tuple[str, str | None], pauses.Pause]


class HealthRecorder:
    """`tick()` every few seconds; `on_event` listens to the guards; `restore_pauses` once at the start."""

    def __init__(
        self, desk: ProviderDesk, database: Database, *, clock: Clock, policy: RecorderPolicy | None = None
    ) -> None:
        self._desk = desk
        self._database = database
        self._clock = clock
        self._policy = policy or RecorderPolicy()
        self._known: dict[str, _Known] = {}
        self._pauses: dict[tuple[str, str | None], pauses.Pause] = {}
        self._adopted = False

    def on_event(self, event: Event) -> None:
        """Remember a dated pause until the next tick; quick, for it runs in the call's path."""
        if isinstance(event, PauseSet) and event.dated:
            pause = pauses.Pause(event.provider, event.endpoint, event.until, event.reason)
            self._pauses[event.provider, event.endpoint] = pause

    async def restore_pauses(self, registry: ProviderRegistry) -> int:
        """Hand the stored pauses that still hold to the guards; returns how many. Call before the first call."""
        now = self._clock.now()
        async with self._database.write() as connection:
            await pauses.drop_expired(connection, now)
            held = await pauses.current(connection, now)
        restored = 0
        for pause in held:
            guard = registry.entry(pause.provider).guard if pause.provider in registry else None
            if isinstance(guard, Guard):
                guard.restore([Pause(pause.endpoint, pause.until, pause.reason, dated=True)])
                restored += 1
        return restored

    async def tick(self) -> None:
        """Write what changed, in one transaction. Raises DatabaseUnavailable; the next tick then writes it all."""
        batch = self._gather(self._clock.now())
        if not (batch.rows or batch.spans or batch.waiting):
            return
        async with self._database.write() as connection:
            if not self._adopted:
                await self._end_abandoned(connection, batch.now)
            for row in batch.rows:
                await health.save(connection, row)
            for seen, kind in batch.spans:
                await self._write_span(connection, seen, kind)
            for pause in batch.waiting.values():
                await pauses.save(connection, pause)
            await pauses.drop_expired(connection, batch.now)
            known = await incidents.since(connection, self._desk.uptime_since())
        self._committed(batch)
        self._desk.learn_incidents(known)

    def _gather(self, now: datetime) -> _Batch:
        found = self._desk.all_seen()
        for seen in found:
            self._notice(seen, now)
        wanted = [(seen, self._wanted_span(self._known[seen.name], now)) for seen in found]
        return _Batch(
            now,
            rows=[row for seen in found if self._is_due(row := _observation(seen, now))],
            spans=[(seen, kind) for seen, kind in wanted if not self._is_settled(seen.name, kind)],
            waiting=dict(self._pauses),
        )

    async def _write_span(self, connection: AsyncConnection, seen: Seen, kind: IncidentKind | None) -> None:
        since = self._known[seen.name].since
        await incidents.end(
            connection, seen.name, kinds=[each for each in _KINDS if each is not kind], at=since
        )
        if kind is not None:
            detail = seen.condition.reason or ""
            await incidents.begin(connection, Incident(seen.name, kind, since, detail=detail))

    async def _end_abandoned(self, connection: AsyncConnection, now: datetime) -> None:
        """A former process died with spans open: nobody knows what came after it was last seen."""
        limit = now - timedelta(seconds=self._policy.abandoned_after_s)
        seen = await health.last(connection)
        for span in await incidents.open_spans(connection):
            last = seen.get(span.provider)
            if last is not None and last.observed_at < limit:
                at = max(last.observed_at, span.started_at)
                await incidents.end(connection, span.provider, kinds=[span.kind], at=at)

    def _notice(self, seen: Seen, now: datetime) -> None:
        status = seen.condition.status
        known = self._known.setdefault(seen.name, _Known(status, now))
        if known.status is not status:
            known.status, known.since = status, now

    def _wanted_span(self, known: _Known, now: datetime) -> IncidentKind | None:
        """The span that should be open. A young DEGRADED opens nothing, but ends what it improves on."""
        kind = _SPANS.get(known.status)
        young = (now - known.since).total_seconds() < self._policy.degraded_after_s
        return None if kind is IncidentKind.DEGRADED and young else kind

    def _is_settled(self, name: str, wanted: IncidentKind | None) -> bool:
        known = self._known[name]
        return known.settled and known.span is wanted

    def _is_due(self, row: Observation) -> bool:
        written = self._known[row.provider].written
        if written is None:
            return True
        if (row.observed_at - written.observed_at).total_seconds() >= self._policy.rewrite_after_s:
            return True
        return (row.status, row.breaker, row.trips) != (written.status, written.breaker, written.trips)

    def _committed(self, batch: _Batch) -> None:
        self._adopted = True
        for row in batch.rows:
            self._known[row.provider].written = row
        for seen, kind in batch.spans:
            known = self._known[seen.name]
            known.span, known.settled = kind, True
        for key, pause in batch.waiting.items():
            if self._pauses.get(key) is pause:
                del self._pauses[key]


def _observation(seen: Seen, now: datetime) -> Observation:
    view = seen.view
    return Observation(
        provider=seen.name,
        status=seen.condition.status,
        breaker=view.breaker.state if view else BreakerState.CLOSED,
        trips=view.breaker.trip_count if view else 0,
        observed_at=now,
        reason=seen.condition.reason,
        success_rate=view.window.success_rate if view else None,
        avg_response_ms=view.window.avg_response_time if view else None,
    )
