"""How one candidate would meet one request: GPUs rented, money, distance, capacity taken."""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import NamedTuple

from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.domain.request import ComputeRequest
from aurora.routing.snapshot import Candidate, OfferGroup, ProviderState

DEFAULT_MAX_AGE_S = 900.0
"""Older offers are stale (requirements: OFFER_MAX_AGE)."""

_SECONDS_PER_MINUTE = 60
_WHOLE = Decimal(1)
_REMEMBERED = 32
"""Circumstances (GPU count, disk, origin) for which a group keeps what was worked out."""


class Fit(NamedTuple):
    """One candidate against one request. (A tuple: there are thousands per decision.)"""

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
    """`effective_usd` as scores take it: turning a Decimal into a float costs more than the rest of a score."""

    @property
    def offer(self) -> Offer:
        return self.candidate.offer

    @property
    def usd_per_gpu_hour(self) -> Decimal:
        """What a rented GPU costs per hour while it runs, all in."""
        return self.usd_per_hour / self.gpus

    @property
    def launches_free(self) -> float | None:
        """How many times the request would fit; None when the market does not say."""
        free = self.candidate.free
        return None if free is None else free / self.capacity_needed


class Cost(NamedTuple):
    """What one candidate costs for one size of request, wherever that comes from. See `Fit`."""

    gpus: int
    usd_per_hour: Decimal
    effective_usd: Decimal
    capacity_needed: float
    price: float


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
        self._sizes = tuple(
            (request.gpu_count, request.workload.disk_gb, seconds) for seconds in (None, self.seconds)
        )
        self._all_of_it = tuple((request.latency_origin, *size) for size in self._sizes)
        self._rtt: dict[frozenset[str], float] = {}
        self._surcharge: dict[tuple[str, int], Decimal] = {}
        self._rejects = rejects
        self._rejected: dict[str, str | None] = {}
        self._states = states or {}

    def with_request(self, request: ComputeRequest, *, max_age_s: float) -> "Asked":
        """The same circumstances for another request. (The only other policy that is ever tried has no limits.)"""
        rejects = self._rejects if request.policy == self.request.policy else None
        return Asked(
            request,
            regions=self.regions,
            now=self.now,
            max_age_s=max_age_s,
            rejects=rejects,
            states=self._states,
        )

    def state(self, candidate: Candidate) -> ProviderState:
        """The candidate's provider as it is now."""
        return self._states.get(candidate.offer.provider, candidate.provider)

    def rejection(self, provider: ProviderState) -> str | None:
        """Why the policy has nothing to do with this provider now; None: it has not said so."""
        if self._rejects is None:
            return None
        if provider.name not in self._rejected:
            self._rejected[provider.name] = self._rejects(provider)
        return self._rejected[provider.name]

    def fits(self, group: OfferGroup) -> Sequence[Fit]:
        """What each candidate of the group would give and cost, in their order.

        Most requests ask for the same few sizes: a group remembers what it came to, and a group that differs from
        another in one capacity works out only that one anew.
        """
        key = self.circumstances(group)
        known = group.known.get(key)
        if known is None:
            rtt, costs = self.rtt_to(group.regions), self.costs(group)
            if group.like is None:
                known = tuple(map(partial(self._fit, rtt=rtt), group.candidates, costs))
            else:
                changed = list(self.fits(group.like))
                for place in group.changed:
                    changed[place] = self._fit(group.candidates[place], costs[place], rtt=rtt)
                known = tuple(changed)
            _remember(group, key, known)
        return known

    def fit_at(self, group: OfferGroup, place: int) -> Fit:
        """What one candidate of the group would give and cost, when the others are not asked for."""
        return self._fit(group.candidates[place], self.costs(group)[place], rtt=self.rtt_to(group.regions))

    def costs(self, group: OfferGroup) -> Sequence[Cost]:
        """The part of the fits that does not depend on where the request comes from."""
        if group.like is not None:
            return self.costs(group.like)  # a hold changes what is free, never what it costs
        key = self.size(group)
        known = group.known.get(key)
        if known is None:
            known = tuple(map(self._cost, group.candidates))
            _remember(group, key, known)
        return known

    def cheaper(self, group: OfferGroup, below: Decimal) -> Sequence[int]:
        """Places of the candidates that cost less, cheapest first. (What is taken off a group changes no cost.)"""
        if group.like is not None:
            return self.cheaper(group.like, below)
        key = ("by price", *self.size(group))
        known = group.known.get(key)
        if known is None:
            prices = [cost.effective_usd for cost in self.costs(group)]
            places = sorted(range(len(prices)), key=prices.__getitem__)
            known = (tuple(places), tuple(prices[place] for place in places))
            _remember(group, key, known)
        places, prices = known
        cheaper: Sequence[int] = places[: bisect_left(prices, below)]
        return cheaper

    def circumstances(self, group: OfferGroup) -> Hashable:
        """All of the request that `fit` looks at."""
        return self._all_of_it[group.timed]

    def size(self, group: OfferGroup) -> tuple[Hashable, ...]:
        """All of the request that costs depend on."""
        return self._sizes[group.timed]

    def fit(self, candidate: Candidate) -> Fit:
        """What the candidate would give and cost."""
        return self._fit(candidate, self._cost(candidate), rtt=self.rtt_to(candidate.offer.regions))

    def _fit(self, candidate: Candidate, cost: Cost, *, rtt: float) -> Fit:
        own = candidate.latency_ms
        return Fit(
            candidate,
            cost.gpus,
            cost.usd_per_hour,
            cost.effective_usd,
            rtt + candidate.extra_latency_ms if own is None else own,
            cost.capacity_needed,
            cost.price,
        )

    def _cost(self, candidate: Candidate) -> Cost:
        offer, asked = candidate.offer, self.request.gpu_count
        cut = candidate.provider.abilities.custom_sizes and offer.gpu_count != asked
        gpus = asked if cut else offer.gpu_count
        usd_per_hour = offer.price_with_disk(self.request.workload.disk_gb)
        if cut:
            usd_per_hour += offer.price_per_hour * (asked - offer.gpu_count) / offer.gpu_count
        effective = usd_per_hour / min(asked, gpus)
        surcharge = self.surcharge(candidate.provider, offer.min_rental_minutes)
        if surcharge is not _WHOLE:
            effective *= surcharge
        size = candidate.launch_size
        return Cost(
            gpus, usd_per_hour, effective, size * asked / offer.gpu_count if cut else size, float(effective)
        )

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
        asked = Decimal(str(self.seconds))
        billed = max(asked, Decimal(minutes * _SECONDS_PER_MINUTE), Decimal(provider.billing.minimum_s))
        quantum = provider.billing.quantum_s
        if quantum > 1:
            billed = (billed / quantum).to_integral_value(rounding=ROUND_CEILING) * quantum
        return _WHOLE if asked <= 0 or billed <= asked else billed / asked

    def rtt_to(self, places: frozenset[str]) -> float:
        """Milliseconds from where the request measures to the nearest of these regions."""
        rtt = self._rtt.get(places)
        if rtt is None:
            rtt = self._rtt[places] = self.regions.latency_ms(self.request.latency_origin, places)
        return rtt


def _remember(group: OfferGroup, key: Hashable, found: tuple[object, ...]) -> None:
    if len(group.known) >= _REMEMBERED:
        group.known.clear()
    group.known[key] = found
