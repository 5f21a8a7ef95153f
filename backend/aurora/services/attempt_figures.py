"""What our own deployments look like from above: counted every few seconds, for alerts and metrics."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aurora.db.database import Database
from aurora.db.repositories import deployments, health, holds
from aurora.domain.clock import Clock
from aurora.domain.deployment import AttemptState
from aurora.domain.records import Attempt

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
            live = await deployments.live_attempts(connection)
            active = await deployments.active_counts(connection)
            held = await holds.present(connection, now=now)
            oldest_due = await health.oldest_due(connection)
        self._latest = Figures(
            active=active,
            spend_usd_per_hour=_spend(live),
            unconfirmed=Counter(each.provider for each in live if _is_unconfirmed(each, now)),
            price_drift=_drift(live),
            holds=Counter(each.provider for each in held),
            lag_s=max(0.0, (now - oldest_due).total_seconds()) if oldest_due else 0.0,
        )
        return self._latest


def _spend(live: Iterable[Attempt]) -> dict[str, float]:
    spent: dict[str, float] = {}
    for attempt in live:
        if attempt.state.may_cost:
            spent[attempt.provider] = spent.get(attempt.provider, 0.0) + float(attempt.usd_per_hour)
    return spent


def _is_unconfirmed(attempt: Attempt, now: datetime) -> bool:
    asked = attempt.terminate_asked_at
    if asked is None or attempt.state is not AttemptState.ENDING:
        return False
    return (now - asked).total_seconds() > UNCONFIRMED_S


def _drift(live: Iterable[Attempt]) -> dict[str, float]:
    worst: dict[str, float] = {}
    for attempt in live:
        charged, decided = attempt.charged_usd_per_hour, attempt.decided_usd_per_hour
        if charged is not None and decided:
            drift = float(charged / decided) - 1
            worst[attempt.provider] = max(drift, worst.get(attempt.provider, drift))
    return worst
