"""The router's answer, with everything that is needed to explain and to repeat it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import overload

import numpy as np

from aurora.domain.offer import PriceKind
from aurora.domain.request import ComputeRequest, Weights
from aurora.routing.candidate import Candidate
from aurora.routing.columns import Array, Indices
from aurora.routing.fit import Fit
from aurora.routing.sieve import Eliminations, Passed

_FIRST = 24
"""Ranks that are put in order at once: more than a record keeps."""
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


class Ranking(Sequence[RankedOffer]):
    """Offers that met every limit, best first. Each is made when it is looked at, and put in its place when somebody
    looks so far: most never are.
    """

    def __init__(
        self,
        passed: Passed,
        scores: Array,
        *,
        terms: Callable[[Fit], Mapping[str, float]],
        places: Mapping[str, int],
    ) -> None:
        """`scores` of each; `terms`: the parts of a score; `places` of the providers whose order decides between equal
        scores.
        """
        self._passed = passed
        self._scores = scores
        self._terms = terms
        self._places = places
        self._made: dict[int, RankedOffer] = {}
        limit = np.partition(scores, -_FIRST)[-_FIRST] if len(scores) > _FIRST else -np.inf
        self._order = self._in_order(np.flatnonzero(scores >= limit))
        self._limit = limit

    def __len__(self) -> int:
        return len(self._scores)

    def _in_order(self, which: Indices) -> Sequence[int]:
        """Equal scores by lower price, then as they come: by provider and id."""
        judged = self._passed.judged
        own = judged.passing.take(which)
        by = [judged.price.take(own), -self._scores.take(which)]
        if self._places:
            places = judged.of_providers(lambda name: self._places.get(name, 0))
            by.insert(1, places.take(own))
        order: list[int] = which[np.lexsort(by)].tolist()
        return order

    @overload
    def __getitem__(self, index: int) -> RankedOffer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RankedOffer]: ...
    def __getitem__(self, index: int | slice) -> RankedOffer | Sequence[RankedOffer]:
        if isinstance(index, slice):
            return tuple(self._one(place) for place in range(*index.indices(len(self))))
        return self._one(range(len(self))[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(one.offer_id for one in self))

    def _one(self, place: int) -> RankedOffer:
        made = self._made.get(place)
        if made is None:
            if place >= len(self._order):
                later = np.flatnonzero(self._scores < self._limit)
                self._order = [*self._order, *self._in_order(later)]
            index = self._order[place]
            fit = self._passed.one(index)
            made = self._made[place] = RankedOffer(fit, self._scores.item(index), self._terms(fit))
        return made


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
    ranked: Ranking
    """Best first."""
    eliminated: Eliminations
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
