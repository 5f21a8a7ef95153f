"""How much of the time a provider could be used, from its recorded incidents. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora.db.repositories.incidents import Incident, IncidentKind

LONGEST_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Uptime:
    """Over the window that begins at `since`. `ratio` None: nothing has been observed yet."""

    since: datetime
    ratio: float | None
    """Share of the time in which the provider was not UNAVAILABLE, 0 to 1."""
    unavailable_s: float
    degraded_s: float
    incidents: int
    """UNAVAILABLE spans that touch the window."""


def window_start(now: datetime, *, observed_since: datetime) -> datetime:
    """The last 24 hours, or as long as somebody has been looking."""
    return max(now - LONGEST_WINDOW, observed_since)


def measure(incidents: Iterable[Incident], *, since: datetime, now: datetime) -> Uptime:
    """The uptime of one provider between `since` and `now`."""
    spans = list(incidents)
    down = [span for span in spans if span.kind is IncidentKind.UNAVAILABLE]
    slow = [span for span in spans if span.kind is IncidentKind.DEGRADED]
    seconds = (now - since).total_seconds()
    unavailable = min(seconds, _covered(down, since=since, now=now))
    return Uptime(
        since=since,
        ratio=1 - unavailable / seconds if seconds > 0 else None,
        unavailable_s=unavailable,
        degraded_s=min(seconds, _covered(slow, since=since, now=now)),
        incidents=len(down),
    )


def _covered(spans: Iterable[Incident], *, since: datetime, now: datetime) -> float:
    """Seconds of the window inside any of the spans; overlaps (two replicas) count once."""
    total = 0.0
    reached = since
    for span in sorted(spans, key=lambda each: each.started_at):
        begin, end = max(span.started_at, reached), min(span.ended_at or now, now)
        if end > begin:
            total += (end - begin).total_seconds()
            reached = end
    return total
