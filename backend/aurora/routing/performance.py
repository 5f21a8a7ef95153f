"""What was measured of providers lately: the figures that policies of the moment judge by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aurora.domain.health import ProviderStatus

STATIC = "static"
"""The figures of a provider that nobody has measured: what configuration says."""
CLI = "cli"
"""Figures that a person gave."""
OBSERVED = "telemetry"
"""Figures from our own launches."""

WINDOW_S = 3600.0
"""Launches of so many seconds make the figures."""


@dataclass(frozen=True, slots=True)
class Performance:
    """One provider. `runs_per_s` None: there is no telemetry."""

    source: str = STATIC
    status: ProviderStatus = ProviderStatus.HEALTHY
    runs_per_s: float | None = None
    """Attempts that reached running, per second over the window."""
    latency_ms: float | None = None
    """Mean of those attempts; None when none of them has a figure."""
    last_event_at: datetime | None = None
    """When the provider was last heard of."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """All providers at one moment, and how far tenants have used up their budgets."""

    providers: Mapping[str, Performance] = field(default_factory=dict)
    budget_used: Mapping[str, float] = field(default_factory=dict)
    """Spend / budget by tenant; a tenant without a budget is absent."""

    def of(self, provider: str) -> Performance:
        """A provider that is not measured has static figures."""
        return self.providers.get(provider) or Performance()
