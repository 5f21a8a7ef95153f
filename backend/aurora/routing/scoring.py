"""How rules score offers. A score is the sum of named parts, added in their order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from types import MappingProxyType

from aurora.domain.errors import InvalidRequest
from aurora.domain.request import ComputeRequest, Weights
from aurora.routing.fit import Fit

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

    @classmethod
    def of(cls, request: ComputeRequest, *, price_usd: Decimal | None) -> "References":
        limit = request.max_latency_ms
        usable = isfinite(limit) and limit > 0
        return cls(request.weights, price_usd, limit if usable else REFERENCE_LATENCY_MS)


Terms = dict[str, float]
Scorer = Callable[[Fit], Terms]


@dataclass(frozen=True, slots=True)
class Policy:
    """A named, versioned way to score. `scorer` prepares one request's constants and returns the terms per offer."""

    name: str
    version: str
    scorer: Callable[[References], Scorer]


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
            "price": w_price * (1.0 - float(fit.effective_usd) / price_scale if price_scale else UNKNOWN),
            "latency": w_latency * (1.0 - fit.latency_ms / latency_scale),
            "reputation": w_reputation * (candidate.reputation / 100.0),
            "availability": w_availability * (UNKNOWN if free is None else min(1.0, free / PLENTY)),
        }
        if w_ttr:
            ttr = candidate.time_to_running_s
            parts["time_to_running"] = w_ttr * (UNKNOWN if ttr is None else 1.0 - ttr / ttr_scale)
        return parts

    return terms


def _seed_v1(references: References) -> Scorer:
    """The original formula in raw units, evaluated in the order in which requirements section 4 writes it."""
    weights = references.weights

    def terms(fit: Fit) -> Terms:
        candidate = fit.candidate
        price, latency_ms = max(CHEAPEST_USD, float(fit.effective_usd)), max(FASTEST_MS, fit.latency_ms)
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


BALANCED = Policy("balanced", "balanced/1", _balanced)
SEED_V1 = Policy("seed-v1", "seed-v1/1", _seed_v1)
POLICIES: Mapping[str, Policy] = MappingProxyType({policy.name: policy for policy in (BALANCED, SEED_V1)})


def policy_named(name: str, policies: Mapping[str, Policy] = POLICIES) -> Policy:
    """The policy of that name. Raises InvalidRequest("policy", ...)."""
    found = policies.get(name)
    if found is None:
        raise InvalidRequest("policy", f"unknown policy {name[:64]!r}; there is {', '.join(policies)}")
    return found
