"""What our own deployments look like from above: counted every few seconds, for alerts and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from aurora.db.database import Database
from aurora.db.repositories import figures as counted
from aurora.domain.clock import Clock

UNCONFIRMED_S = 300.0
"""A terminate that is not confirmed after so long needs a person's eye (it goes on meanwhile)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All by provider."""

    active: Mapping[str, int] = field(default_factory=dict)
    """Deployments that have not ended."""
    spend_usd_per_hour: Mapping[str, float] = field(default_factory=dict)
    """Of all attempts that may cost money now."""
    unconfirmed: Mapping[str, int] = field(default_factory=dict)
    """Instances whose terminate was asked for more than UNCONFIRMED_S ago."""
    price_drift: Mapping[str, float] = field(default_factory=dict)
    """The worst of the live attempts, charged / decided - 1; absent where nothing is charged yet."""
    holds: Mapping[str, int] = field(default_factory=dict)
    """Launches' worth of capacity that is held."""
    lag_s: float = 0.0
    """How long the most overdue deployment waits to be looked at."""


class AttemptFigures:
    """Reads the database in `refresh()`, answers from memory."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._latest = Figures()

    @property
    def latest(self) -> Figures:
        """As of the last refresh; empty before the first."""
        return self._latest

    async def refresh(self) -> Figures:
        """Count anew. Raises DatabaseUnavailable; the figures before then stand."""
        now = self._clock.now()
        async with self._database.read() as connection:
            live = await counted.live_attempts(
                connection, asked_before=now - timedelta(seconds=UNCONFIRMED_S)
            )
            active = await counted.active(connection)
            held = await counted.held(connection, now=now)
            oldest_due = await counted.oldest_due(connection)
        self._latest = Figures(
            active=active,
            spend_usd_per_hour={
                name: float(one.spend_usd_per_hour)
                for name, one in live.items()
                if one.spend_usd_per_hour is not None
            },
            unconfirmed={name: one.unconfirmed for name, one in live.items() if one.unconfirmed},
            price_drift={name: one.dearest - 1 for name, one in live.items() if one.dearest is not None},
            holds=held,
            lag_s=max(0.0, (now - oldest_due).total_seconds()) if oldest_due else 0.0,
        )
        return self._latest
