"""How rules score offers. A score is the sum of named parts, added in their order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import isfinite
from types import MappingProxyType

import numpy as np

from aurora.domain.errors import InvalidRequest
from aurora.domain.request import ComputeRequest, Weights, WorkloadType
from aurora.routing.candidate import ProviderState
from aurora.routing.columns import Array
from aurora.routing.decision import RankedOffer
from aurora.routing.fit import Fit
from aurora.routing.judged import Judged
from aurora.routing.performance import Performance, Telemetry
from aurora.routing.sieve import Eliminations

REFERENCE_LATENCY_MS = 330.0
"""For a request without a latency limit: the mean of the original simulator."""
REFERENCE_TTR_S = 300.0
"""Create to running."""
PLENTY = 5.0
"""Free launches of the asked size from which availability is full."""
UNKNOWN = 0.5
"""The term for capacity or time to running that nobody states."""
FASTEST_MS = 1.0
"""`seed-v1`: latency below counts as this."""
CHEAPEST_USD = 1e-6
"""`seed-v1`: a price below counts as this, so that a free offer has a finite score."""


@dataclass(frozen=True, slots=True)
class References:
    """What the terms are measured against: fixed per request, never taken from the offers being compared."""

    weights: Weights
    price_usd: Decimal | None
    """Usual USD per GPU and hour of the GPU asked for; None when nobody offers it."""
    latency_ms: float
    ttr_s: float = REFERENCE_TTR_S
    workload_type: WorkloadType = WorkloadType.GENERAL
    telemetry: Telemetry = field(default_factory=Telemetry)
    budget_used: float | None = None
    """The tenant's spend / budget; None without a budget."""
    seed: int = 0
    contenders: Mapping[str, float] = field(default_factory=dict)
    """For policies that draw: providers with an offer within the limits, and the best G-Score among those."""

    @classmethod
    def of(
        cls,
        request: ComputeRequest,
        *,
        price_usd: Decimal | None,
        telemetry: Telemetry | None = None,
        contenders: Mapping[str, float] | None = None,
    ) -> "References":
        limit, measured = request.max_latency_ms, telemetry or Telemetry()
        usable = isfinite(limit) and limit > 0
        return cls(
            request.weights,
            price_usd,
            limit if usable else REFERENCE_LATENCY_MS,
            workload_type=request.workload_type,
            telemetry=measured,
            budget_used=measured.budget_used.get(request.tenant),
            seed=request.seed,
            contenders=contenders or {},
        )


Terms = dict[str, float]
Scorer = Callable[[Fit], Terms]
Rejection = Callable[[ProviderState, Performance, datetime], str | None]
"""Says why a policy has nothing to do with a provider now, or stays silent."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A named, versioned way to score. `scorer` prepares one request's constants and returns the terms per offer."""

    name: str
    version: str
    scorer: Callable[[References], Scorer]
    scores: Callable[[References], Callable[[Judged], Array]]
    """The same sums, bit for bit, as a column: of the thousands of offers a handful is looked at."""
    description: str = ""
    formula: Mapping[str, float] | None = None
    """Fixed weights by term; None: the request's own."""
    rejects: Rejection | None = None
    rationale: Callable[[Sequence[RankedOffer], Eliminations, Telemetry], str] | None = None
    """Its own sentence; None: the router's."""
    input_order: bool = False
    """Equal scores keep the order in which the providers came, instead of lower price, provider, offer id."""
    draws: bool = False
    """The seed decides."""
    chance: Callable[[References, str], float] | None = None
    """With which probability it chooses this provider; None: it is certain."""


def total(terms: Mapping[str, float]) -> float:
    """The score: added left to right (`sum` rounds differently from Python 3.12 on)."""
    score = 0.0
    for part in terms.values():
        score += part
    return score


def _balanced(references: References) -> Scorer:
    """`w * term / sum of weights`, each term in about [0, 1]: 0.5 at the reference, 1 at nothing, 0 at twice."""
    weights = references.weights
    share = 1.0 / weights.total
    price_scale = 2.0 * float(references.price_usd) if references.price_usd else None
    latency_scale, ttr_scale = 2.0 * references.latency_ms, 2.0 * references.ttr_s
    w_price, w_latency = weights.price * share, weights.latency * share
    w_reputation, w_availability = weights.reputation * share, weights.availability * share
    w_ttr = weights.time_to_running * share

    def terms(fit: Fit) -> Terms:
        candidate, free = fit.candidate, fit.launches_free
        parts = {
            "price": w_price * (1.0 - fit.price / price_scale if price_scale else UNKNOWN),
            "latency": w_latency * (1.0 - fit.latency_ms / latency_scale),
            "reputation": w_reputation * (candidate.reputation / 100.0),
            "availability": w_availability * (UNKNOWN if free is None else min(1.0, free / PLENTY)),
        }
        if w_ttr:
            ttr = candidate.time_to_running_s
            parts["time_to_running"] = w_ttr * (UNKNOWN if ttr is None else 1.0 - ttr / ttr_scale)
        return parts

    return terms


def _balanced_scores(references: References) -> Callable[[Judged], Array]:
    """Each line as in `_balanced`, added in the same order."""
    weights = references.weights
    share = 1.0 / weights.total
    price_scale = 2.0 * float(references.price_usd) if references.price_usd else None
    latency_scale, ttr_scale = 2.0 * references.latency_ms, 2.0 * references.ttr_s
    w_price, w_latency = weights.price * share, weights.latency * share
    w_reputation, w_availability = weights.reputation * share, weights.availability * share
    w_ttr = weights.time_to_running * share

    def scores(judged: Judged) -> Array:
        which, rows = judged.passing, judged.rack.rows.take(judged.passing)
        free = judged.rack.room["free"][which] / judged.needed[which]
        price = 1.0 - judged.price[which] / price_scale if price_scale else np.full(len(which), UNKNOWN)
        score = w_price * price
        score += w_latency * (1.0 - judged.latency_ms[which] / latency_scale)
        score += w_reputation * (rows["reputation"] / 100.0)
        score += w_availability * _or_unknown(np.minimum(1.0, free / PLENTY))
        if w_ttr:
            score += w_ttr * _or_unknown(1.0 - rows["ttr_s"] / ttr_scale)
        return score

    return scores


def _or_unknown(figures: Array) -> Array:
    return np.where(np.isnan(figures), UNKNOWN, figures)


def _seed_v1(references: References) -> Scorer:
    """The original formula in raw units, evaluated in the order in which requirements section 4 writes it."""
    weights = references.weights

    def terms(fit: Fit) -> Terms:
        candidate = fit.candidate
        price, latency_ms = max(CHEAPEST_USD, fit.price), max(FASTEST_MS, fit.latency_ms)
        free, known = candidate.free, candidate.total
        return {
            "price": weights.price * 1 / price,
            "latency": weights.latency * 1 / latency_ms,
            "reputation": weights.reputation * candidate.reputation / 100,
            "availability": weights.availability * free / known
            if free is not None and known
            else weights.availability * UNKNOWN,
        }

    return terms


def _seed_v1_scores(references: References) -> Callable[[Judged], Array]:
    weights = references.weights

    def scores(judged: Judged) -> Array:
        which, rows = judged.passing, judged.rack.rows.take(judged.passing)
        free, known = judged.rack.room["free"][which], rows["total"]
        stated = ~np.isnan(free) & (known > 0)
        score = weights.price * 1 / np.maximum(CHEAPEST_USD, judged.price[which])
        score += weights.latency * 1 / np.maximum(FASTEST_MS, judged.latency_ms[which])
        score += weights.reputation * rows["reputation"] / 100
        unknown = np.full(len(which), weights.availability * UNKNOWN)
        score += np.divide(weights.availability * free, known, out=unknown, where=stated)
        return score

    return scores


BALANCED = Policy(
    "balanced",
    "balanced/1",
    _balanced,
    _balanced_scores,
    "Price, latency, reputation and availability, each against a fixed reference; weights divided by their sum.",
)
SEED_V1 = Policy(
    "seed-v1",
    "seed-v1/1",
    _seed_v1,
    _seed_v1_scores,
    "The original formula in raw units: w/price + w/latency + w*reputation/100 + w*free/total.",
)
POLICIES: Mapping[str, Policy] = MappingProxyType({policy.name: policy for policy in (BALANCED, SEED_V1)})
"""Those that score by the request's weights; `policies.POLICIES` has all."""


def policy_named(name: str, policies: Mapping[str, Policy] = POLICIES) -> Policy:
    """The policy of that name. Raises InvalidRequest("policy", ...)."""
    found = policies.get(name)
    if found is None:
        raise InvalidRequest("policy", f"unknown policy {name[:64]!r}; there is {', '.join(policies)}")
    return found
