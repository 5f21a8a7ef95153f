"""A decision as it is kept: counts, the top 20, the chosen, the capacity overlay, who was refused, what would change it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aurora.domain.request import ComputeRequest
from aurora.routing.decision import Decision, RankedOffer, Relaxation
from aurora.routing.filters import Elimination
from aurora.services.request_record import to_record

_KEPT = 20
_EXAMPLES = 3
"""Refused offers kept per reason."""


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What surrounds a decision: who asked, under which configuration, as which attempt."""

    id: str
    request_id: str | None
    config_version: str
    mode: str = "rule-based"
    attempt: int = 1
    parent_decision: str | None = None


def decision_record(
    decision: Decision,
    request: ComputeRequest,
    *,
    context: DecisionContext,
    holds: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """The columns of `decisions` (learning.md's decision log). `holds`: see `Market.held`."""
    chosen = decision.chosen
    return {
        "id": context.id,
        "request_id": context.request_id,
        "tenant": request.tenant,
        "at": decision.decided_at,
        "config_version": context.config_version,
        "mode": context.mode,
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "experiment": None,
        "arm": None,
        "unit": request.tenant,
        "bucket": None,
        "market": f"{request.region}/{request.gpu.name}",
        "snapshot_version": decision.snapshot_version,
        "request": to_record(request),
        "candidates": [ranked_record(one) for one in decision.ranked[:_KEPT]],
        "counts": {
            **{str(reason): number for reason, number in decision.counts.items()},
            "total": decision.total,
        },
        "eliminated": eliminated_record(decision),
        "holds": holds,
        "relaxations": [relaxation_record(one) for one in decision.relaxations],
        "chosen": None if chosen is None else chosen.offer_id,
        "rationale": decision.rationale,
        "propensity": decision.propensity,
        "propensities": None,
        "explore": False,
        "fallback_reason": None,
        "seed": decision.seed,
        "attempt": context.attempt,
        "parent_decision": context.parent_decision,
    }


def ranked_record(one: RankedOffer) -> dict[str, Any]:
    """One ranked offer with its score by term and the features that it was scored on."""
    fit, candidate = one.fit, one.fit.candidate
    offer = candidate.offer
    return {
        "offer": offer.id,
        "provider": offer.provider,
        "gpu_type": offer.gpu.name,
        "gpu_count": fit.gpus,
        "region": offer.region_raw,
        "regions": sorted(offer.regions),
        "usd_per_hour": str(fit.usd_per_hour),
        "usd_per_gpu_hour": str(fit.usd_per_gpu_hour),
        "price_kind": offer.price_kind.value,
        "seen_at": offer.seen_at.isoformat(),
        "latency_ms": fit.latency_ms,
        "reputation": candidate.reputation,
        "g_score": candidate.g_score,
        "free": candidate.free,
        "total": candidate.total,
        "score": _finite(one.score),
        "terms": dict(one.terms),
    }


def _finite(score: float) -> float:
    """Raises ValueError for a score that no JSON can say: it would be kept as if there were none."""
    if not math.isfinite(score):
        raise ValueError(f"the score is {score}")
    return score


def eliminated_record(decision: Decision) -> dict[str, Any]:
    """Per reason how many, and a few of them with their sentences: different ones first."""
    eliminated = decision.eliminated
    return {
        reason.value: {
            "count": count,
            "examples": [_example(entry) for entry in eliminated.examples(reason, _EXAMPLES)],
        }
        for reason, count in eliminated.counts.items()
    }


def _example(entry: Elimination) -> dict[str, str]:
    return {"offer": entry.offer_id, "detail": entry.detail}


def relaxation_record(one: Relaxation) -> dict[str, Any]:
    changes = [
        {"limit": change.limit, "asked": change.asked, "instead": change.instead} for change in one.changes
    ]
    return {"text": str(one), "changes": changes, "offers": one.offers}
