"""An offer with what must be known about its provider and host to judge it."""

from dataclasses import dataclass, field
from datetime import datetime

from aurora.domain.billing import BillingRule
from aurora.domain.health import ProviderStatus
from aurora.domain.offer import Offer


@dataclass(frozen=True, slots=True)
class ProviderAbilities:
    """What a provider can do, as far as an offer's fitness depends on it."""

    deploy: bool = True
    """False: offers can be read, nothing can be rented."""
    command: bool = True
    ports: bool = True
    udp_ports: bool = True
    disk: bool = True
    """Disk beyond what an offer includes can be asked for."""
    private_registry: bool = True
    custom_sizes: bool = False
    """Any GPU count can be cut, at the offer's price per GPU."""
    min_rental_minutes: int = 0
    """Paid for even when ended earlier, by every offer of this provider."""


@dataclass(frozen=True, slots=True)
class ProviderState:
    """One provider as the router sees it. Only what is listed here keeps its offers from being chosen."""

    name: str
    status: ProviderStatus = ProviderStatus.HEALTHY
    reason: str = ""
    """Why it is disabled, in a few words."""
    create_breaker_open: bool = False
    quota_until: datetime | None = None
    """The provider's own dated pause: nothing can be bought before."""
    credential_refused: bool = False
    abilities: ProviderAbilities = field(default_factory=ProviderAbilities)
    billing: BillingRule = field(default_factory=BillingRule)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer with all that a decision needs to know about it.

    Capacity is counted in launches of the offer's own size, after the overlay of live attempts. (The simulator counts
    in GPU-hours and says with `launch_size` how many of them one launch takes.)
    """

    offer: Offer
    provider: ProviderState
    reputation: float = 80.0
    """0..100, of the host where hosts are named, else of the provider."""
    extra_latency_ms: float = 0.0
    """Measured on top of the round trip between regions."""
    latency_ms: float | None = None
    """The whole latency, where it is known otherwise than through regions; replaces the table's."""
    free: float | None = None
    """None: the market does not say, which counts as free."""
    total: float | None = None
    launch_size: float = 1.0
    held_until: datetime | None = None
    """A launch was refused for want of capacity: not offered again before."""
    time_to_running_s: float | None = None
    """Expected seconds from create to running; None: not observed."""
    g_score: float | None = None
    """0..100 (docs/scoring.md)."""

    @property
    def id(self) -> str:
        return self.offer.id

    def seen_again(self, offer: Offer) -> "Candidate":
        """The same with the offer as it was seen later. (`replace` takes three times as long, for whole catalogues.)"""
        return Candidate(
            offer, self.provider, self.reputation, self.extra_latency_ms, self.latency_ms, self.free, self.total,
            self.launch_size, self.held_until, self.time_to_running_s, self.g_score,
        )  # fmt: skip
