"""How one candidate would meet one request: GPUs rented, money, distance, capacity taken."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.domain.request import ComputeRequest
from aurora.routing.candidate import Candidate, ProviderState

DEFAULT_MAX_AGE_S = 900.0
"""Older offers are stale (requirements: OFFER_MAX_AGE)."""

MAX_AGE = "max_age_s"
"""What else than a field of the request can be changed (`Asked.changed`)."""
_SECONDS_PER_MINUTE = 60
_WHOLE = Decimal(1)


class Fit(NamedTuple):
    """One candidate against one request."""

    candidate: Candidate
    gpus: int
    """GPUs that would be rented: the number asked for, or the whole larger (or smaller) offer."""
    usd_per_hour: Decimal
    """The whole deployment, all in, with the disk asked for."""
    effective_usd: Decimal
    """USD per GPU and hour asked for: GPUs beyond the count and time below the minimum rental are paid for too."""
    latency_ms: float
    capacity_needed: float
    """In the units of the candidate's `free` and `total`."""
    price: float
    """`effective_usd` as scores take it."""

    @property
    def offer(self) -> Offer:
        return self.candidate.offer

    @property
    def usd_per_gpu_hour(self) -> Decimal:
        """What a rented GPU costs per hour while it runs, all in."""
        return self.usd_per_hour if self.gpus == 1 else self.usd_per_hour / self.gpus

    @property
    def launches_free(self) -> float | None:
        """How many times the request would fit; None when the market does not say."""
        free = self.candidate.free
        return None if free is None else free / self.capacity_needed


class Asked:
    """A request with the circumstances in which it is judged. Lives for one decision."""

    def __init__(
        self,
        request: ComputeRequest,
        *,
        regions: RegionTable,
        now: datetime,
        max_age_s: float = DEFAULT_MAX_AGE_S,
        rejects: Callable[[ProviderState], str | None] | None = None,
        states: Mapping[str, ProviderState] | None = None,
    ) -> None:
        """`rejects`: the policy's own hard limits on providers; `states`: newer ones than the candidates have."""
        self.request = request
        self.regions = regions
        self.now = now
        self.max_age_s = max_age_s
        self.gpu_hours = request.gpu_hours
        self.seconds = request.allowed_seconds
        self._exact_seconds = Decimal(str(self.seconds))
        self._count = request.gpu_count
        self._disk_gb = request.workload.disk_gb
        self.rtt_to = regions.from_(request.latency_origin)
        """Milliseconds from where the request measures to the nearest of these regions."""
        self._surcharge: dict[tuple[str, int], Decimal] = {}
        self._rejects = rejects
        self._rejected: dict[str, str | None] = {}
        self._states = states or {}

    def changed(self, fields: Mapping[str, Any]) -> "Asked":
        """The same circumstances with these fields of the request changed, or with another `MAX_AGE`.

        (The only other policy that is ever tried has no limits.)
        """
        request = replace(self.request, **{name: fields[name] for name in fields if name != MAX_AGE})
        return Asked(
            request,
            regions=self.regions,
            now=self.now,
            max_age_s=fields.get(MAX_AGE, self.max_age_s),
            rejects=self._rejects if request.policy == self.request.policy else None,
            states=self._states,
        )

    def state(self, provider: ProviderState) -> ProviderState:
        """The provider as it is now."""
        return self._states.get(provider.name, provider)

    def rejection(self, provider: ProviderState) -> str | None:
        """Why the policy has nothing to do with this provider now; None: it has not said so."""
        if self._rejects is None:
            return None
        if provider.name not in self._rejected:
            self._rejected[provider.name] = self._rejects(provider)
        return self._rejected[provider.name]

    def fit(self, candidate: Candidate) -> Fit:
        """What the candidate would give and cost."""
        offer, asked, size, gpus = (
            candidate.offer,
            self._count,
            candidate.launch_size,
            candidate.offer.gpu_count,
        )
        usd_per_hour = offer.price_with_disk(self._disk_gb)
        cut = gpus != asked and candidate.provider.abilities.custom_sizes
        if cut:
            usd_per_hour += offer.price_per_hour * (asked - gpus) / gpus
            size, gpus = size * asked / gpus, asked
        shared = min(asked, gpus)
        effective = usd_per_hour if shared == 1 else usd_per_hour / shared
        surcharge = self.surcharge(candidate.provider, offer.min_rental_minutes)
        if surcharge is not _WHOLE:
            effective *= surcharge
        own = candidate.latency_ms
        return Fit(
            candidate,
            gpus,
            usd_per_hour,
            effective,
            self.rtt_to[offer.regions] + candidate.extra_latency_ms if own is None else own,
            size,
            self._price(offer, gpus=gpus, shared=shared, surcharge=surcharge),
        )

    def _price(self, offer: Offer, *, gpus: int, shared: int, surcharge: Decimal) -> float:
        """`effective_usd` step by step as `judged.Judged` works it out for whole columns: bit for bit the same."""
        whole, extra = float(offer.price_per_hour), self._disk_gb - offer.disk_included_gb
        price = whole + float(offer.disk_price_gb_hour) * extra if extra > 0 else whole
        if gpus != offer.gpu_count:
            price += whole * (gpus - offer.gpu_count) / offer.gpu_count
        price /= shared
        return price if surcharge is _WHOLE else price * float(surcharge)

    def surcharge(self, provider: ProviderState, min_rental_minutes: int) -> Decimal:
        """Time billed over time asked for, 1 or more: minimum rentals, prepaid hours, blocks.

        Rounding up to a whole second is no surcharge.
        """
        key = (provider.name, min_rental_minutes)
        known = self._surcharge.get(key)
        if known is None:
            known = self._surcharge[key] = self._surcharge_of(provider, min_rental_minutes)
        return known

    def _surcharge_of(self, provider: ProviderState, min_rental_minutes: int) -> Decimal:
        minutes = max(min_rental_minutes, provider.abilities.min_rental_minutes)
        least = max(minutes * _SECONDS_PER_MINUTE, provider.billing.minimum_s)
        quantum = provider.billing.quantum_s
        asked = self._exact_seconds
        billed = asked if asked >= least else Decimal(least)
        if quantum > 1:
            billed = (billed / quantum).to_integral_value(rounding=ROUND_CEILING) * quantum
        return _WHOLE if asked <= 0 or billed <= asked else billed / asked
