"""What the router looks at: every offer with what must be known about its provider and host, at one moment."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from aurora.domain.billing import BillingRule
from aurora.domain.gpu import GpuModel
from aurora.domain.health import ProviderStatus
from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.routing.performance import Telemetry


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


@dataclass(frozen=True, slots=True)
class OfferGroup:
    """Offers of one GPU model in one place: region and GPU are judged once for all of them."""

    gpu: GpuModel
    regions: frozenset[str]
    candidates: tuple[Candidate, ...]
    ids: tuple[str, ...]
    """Of the candidates' offers."""
    list_prices: tuple[float, ...]
    """USD per GPU and hour with the included disk, one per candidate."""
    timed: bool = False
    """What one of them costs depends on how long it is rented (minimum rentals, prepaid hours, blocks)."""
    like: "OfferGroup | None" = None
    """The same offers as they were before `changed`; what was worked out for it holds for the others."""
    changed: tuple[int, ...] = ()
    """Places of the candidates that differ from `like`."""
    known: dict[Hashable, tuple[Any, ...]] = field(default_factory=dict, repr=False, compare=False)
    """What was worked out for the whole group before, by its circumstances. Only a memory: it changes no answer."""
    marks: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    """The same for whom the filters refuse (`routing.marks`)."""

    def with_candidates(self, changed: Mapping[int, Candidate]) -> "OfferGroup":
        """The same group with other capacity at these places; offers and what they cost stay as they are."""
        members = list(self.candidates)
        for place, candidate in changed.items():
            members[place] = candidate
        return replace(self, candidates=tuple(members), like=self, changed=tuple(changed), known={}, marks={})

    @classmethod
    def of(cls, gpu: GpuModel, regions: frozenset[str], members: Iterable[Candidate]) -> "OfferGroup":
        """The candidates in the order of their offers' ids."""
        named = sorted(((member.id, member) for member in members), key=itemgetter(0))
        ordered = tuple(member for _, member in named)
        return cls(
            gpu=gpu,
            regions=regions,
            candidates=ordered,
            ids=tuple(name for name, _ in named),
            list_prices=tuple(
                float(member.offer.price_per_hour) / member.offer.gpu_count for member in ordered
            ),
            timed=any(_timed(member) for member in ordered),
        )


def _timed(candidate: Candidate) -> bool:
    provider = candidate.provider
    return bool(
        candidate.offer.min_rental_minutes
        or provider.abilities.min_rental_minutes
        or provider.billing.minimum_s
        or provider.billing.quantum_s > 1
    )


@dataclass(frozen=True, slots=True)
class Aisle:
    """Groups by the GPU's family: a request looks at one family and only counts the others."""

    families: Mapping[str, tuple[OfferGroup, ...]]
    placed: Mapping[frozenset[str], int]
    """How many offers there are in each place, of all families."""

    @classmethod
    def of(cls, groups: Iterable[OfferGroup]) -> "Aisle":
        families: dict[str, list[OfferGroup]] = {}
        placed: dict[frozenset[str], int] = {}
        for group in groups:
            families.setdefault(group.gpu.family, []).append(group)
            placed[group.regions] = placed.get(group.regions, 0) + len(group.ids)
        return cls({name: tuple(members) for name, members in families.items()}, placed)


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """All candidates at one moment. Make it with `of`; it never changes, so requests share it."""

    aisles: tuple[Aisle, ...]
    reference_prices: Mapping[str, Decimal]
    """Trailing 7-day median list price in USD per GPU and hour, by `GpuModel.name` or family."""
    version: str
    taken_at: datetime
    regions: RegionTable
    total: int
    providers: tuple[str, ...] = ()
    """In the order in which their first candidates came."""
    states: Mapping[str, ProviderState] = field(default_factory=dict)
    """By name, where they are newer than what the candidates were made with."""
    telemetry: Telemetry = field(default_factory=Telemetry)

    @classmethod
    def of(
        cls,
        candidates: Iterable[Candidate],
        *,
        regions: RegionTable,
        taken_at: datetime,
        version: str = "",
        reference_prices: Mapping[str, Decimal] | None = None,
        telemetry: Telemetry | None = None,
    ) -> "MarketSnapshot":
        """Group the candidates, in the order of their offers' ids. (Of their own order only that of the providers
        is kept, for a policy that asks for it.)
        """
        grouped: dict[tuple[GpuModel, frozenset[str]], list[Candidate]] = {}
        given = list(candidates)
        for candidate in sorted(given, key=lambda candidate: candidate.id):
            grouped.setdefault((candidate.offer.gpu, candidate.offer.regions), []).append(candidate)
        return cls(
            aisles=(Aisle.of(OfferGroup.of(*place, members) for place, members in grouped.items()),),
            reference_prices=MappingProxyType(dict(reference_prices or {})),
            version=version,
            taken_at=taken_at,
            regions=regions,
            total=len(given),
            providers=tuple(dict.fromkeys(candidate.offer.provider for candidate in given)),
            telemetry=telemetry or Telemetry(),
        )

    def state(self, candidate: Candidate) -> ProviderState:
        """The candidate's provider as it is now."""
        return self.states.get(candidate.offer.provider, candidate.provider)

    @property
    def groups(self) -> Iterable[OfferGroup]:
        """Every group, family by family."""
        return (group for aisle in self.aisles for family in aisle.families.values() for group in family)

    def family(self, name: str) -> Sequence[OfferGroup]:
        """The groups of one GPU family."""
        return [group for aisle in self.aisles for group in aisle.families.get(name, ())]

    def besides(self, name: str) -> Iterable[OfferGroup]:
        """The groups of all other families."""
        return (
            group
            for aisle in self.aisles
            for family, members in aisle.families.items()
            if family != name
            for group in members
        )

    @property
    def candidates(self) -> Iterable[Candidate]:
        """Every candidate, group by group."""
        return (candidate for group in self.groups for candidate in group.candidates)
