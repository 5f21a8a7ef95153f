"""The router's answer, with everything that is needed to explain and to repeat it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aurora.domain.offer import PriceKind
from aurora.domain.request import ComputeRequest, Weights
from aurora.routing.filters import Elimination
from aurora.routing.fit import Fit
from aurora.routing.snapshot import Candidate

RANKED = "ranked"
"""The key of `Decision.counts` for offers that no filter refused."""


@dataclass(frozen=True, slots=True)
class RankedOffer:
    """An offer that met every limit, and what it scored."""

    fit: Fit
    score: float
    terms: Mapping[str, float]
    """The parts whose sum, in this order, is the score."""

    @property
    def candidate(self) -> Candidate:
        return self.fit.candidate

    @property
    def offer_id(self) -> str:
        return self.fit.candidate.id

    @property
    def price_usd_per_hour(self) -> Decimal:
        """The whole deployment, all in."""
        return self.fit.usd_per_hour

    @property
    def price_usd_per_gpu_hour(self) -> Decimal:
        """Per rented GPU, all in."""
        return self.fit.usd_per_gpu_hour

    @property
    def price_kind(self) -> PriceKind:
        return self.fit.offer.price_kind

    @property
    def estimated_latency_ms(self) -> float:
        return self.fit.latency_ms


@dataclass(frozen=True, slots=True)
class Change:
    """One limit that would have to give."""

    limit: str
    """The request's field, or what else stands in the way."""
    asked: str
    instead: str


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The nearest change that would give an offer. `offers` counts those that only these limits keep out."""

    changes: tuple[Change, ...]
    offers: int
    request: ComputeRequest | None
    """The request with the change made; None where no request can make it (a provider's pause)."""
    max_age_s: float
    distance: float
    """How far the change goes, without unit: relaxations are listed nearest first."""
    better: str = ""
    """What these offers are beside the one that was found (`cheaper`); empty when none was."""

    def __str__(self) -> str:
        what = " and ".join(
            f"{change.limit} {change.instead} instead of {change.asked}" for change in self.changes
        )
        kind = f"{self.better} offer" if self.better else "offer"
        return f"{what} would give {self.offers} {kind}{'' if self.offers == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Decision:
    """Every candidate is either ranked or eliminated: `counts` sums to `total`."""

    chosen: RankedOffer | None
    ranked: tuple[RankedOffer, ...]
    """Best first."""
    eliminated: tuple[Elimination, ...]
    counts: Mapping[str, int]
    """Eliminated offers by reason in the filters' order, and `ranked`."""
    total: int
    rationale: str
    relaxations: tuple[Relaxation, ...]
    """When nothing was found: what would give offers; else what would give cheaper ones than the chosen."""
    policy: str
    policy_version: str
    weights: Weights
    reference_prices: Mapping[str, Decimal]
    """USD per GPU and hour that the price term was measured against, by the name of the query."""
    seed: int
    snapshot_version: str
    snapshot_age_s: float
    decided_at: datetime
    reason: str = ""
    """When nothing was found: which filter removed how many, and what would change it."""
    propensity: float | None = None
    """The probability with which the policy chooses the chosen provider; 1 unless it draws."""
