"""The policy `telemetry`: how well a task fits a GPU, and what was measured of the provider lately."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

import numpy as np

from aurora.domain.health import ProviderStatus
from aurora.domain.request import WorkloadType
from aurora.routing.candidate import ProviderState
from aurora.routing.columns import Array
from aurora.routing.decision import RankedOffer
from aurora.routing.filters import Reason, vram_gb
from aurora.routing.fit import Fit
from aurora.routing.judged import Judged
from aurora.routing.performance import CLI, STATIC, Performance, Telemetry
from aurora.routing.scoring import Policy, References, Scorer, Terms
from aurora.routing.sieve import Eliminations

FORMULA: Mapping[str, float] = MappingProxyType(
    {"task_fit": 0.35, "throughput": 0.25, "latency": 0.20, "consumption": 0.20}
)
SLOWEST_MS = 5000.0
"""From here on the latency term is 0."""
STALE_AFTER_S = 600.0
"""A provider that was not heard of for longer is not judged by what it did before."""

_UNKNOWN = 0.5
_UNMEASURED = (STATIC, CLI)
"""Sources that nobody measures: neither blamed for having no telemetry nor for its age."""


@dataclass(frozen=True, slots=True)
class Taste:
    """Which GPUs suit one workload type."""

    preferred: frozenset[str] = frozenset()
    """Families; empty: any."""
    min_vram_gb: float | None = None
    """Per GPU."""


def telemetry_policy(tastes: Mapping[WorkloadType, Taste] | None = None) -> Policy:
    """`tastes` by workload type; a type without one prefers any GPU."""
    by_type = dict(tastes or {})

    def scorer(references: References) -> Scorer:
        return _scorer(references, by_type.get(references.workload_type, Taste()))

    def scores(references: References) -> Callable[[Judged], Array]:
        return _scores(references, by_type.get(references.workload_type, Taste()))

    return Policy(
        "telemetry",
        "telemetry/1",
        scorer,
        scores,
        description="Task fit, and the provider's launches of the last hour: throughput, latency, budget consumption.",
        formula=FORMULA,
        rejects=rejection,
        rationale=rationale,
        input_order=True,
    )


def task_fit(fit: Fit, taste: Taste) -> float:
    """1 for a preferred GPU, 0.5 for one whose memory is enough, else 0."""
    if not taste.preferred or fit.offer.gpu.family in taste.preferred:
        return 1.0
    has = vram_gb(fit)
    return 0.5 if has is not None and has >= (taste.min_vram_gb or 0.0) else 0.0


def figures(performance: Performance, budget_used: float | None) -> tuple[float, float, float]:
    """Throughput, latency and consumption, each from 0 to 1."""
    if performance.runs_per_s is None:
        unmeasured = performance.source in _UNMEASURED
        return (_UNKNOWN, _UNKNOWN, _UNKNOWN) if unmeasured else (0.0, 0.0, _UNKNOWN)
    consumption = _UNKNOWN if budget_used is None else max(0.0, 1.0 - budget_used)
    return min(1.0, performance.runs_per_s), _latency(performance.latency_ms), consumption


def rejection(state: ProviderState, performance: Performance, now: datetime) -> str | None:
    """The hard rejects, in their order."""
    if state.quota_until is not None and state.quota_until > now:
        return f"subscription limit reached for {state.name}"
    if is_unhealthy(state, performance):
        return f"{state.name} is unhealthy"
    return _staleness(state.name, performance, now)


def is_unhealthy(state: ProviderState, performance: Performance) -> bool:
    """Nothing can be bought there now. A degraded provider still sells: its figures say how well."""
    unusable = {ProviderStatus.UNAVAILABLE, ProviderStatus.DISABLED}
    return (
        state.create_breaker_open
        or state.credential_refused
        or not unusable.isdisjoint({state.status, performance.status})
    )


def rationale(ranked: Sequence[RankedOffer], eliminated: Eliminations, telemetry: Telemetry) -> str:
    """`Selected X (source: S, score: 0.123). Rejected 1: a: reason`, by provider.

    A provider counts as rejected when its offers met the tenant's limits but it may not be used itself.
    """
    rejected: dict[str, str] = {}
    for entry in eliminated.by(Reason.PROVIDER):
        rejected.setdefault(entry.offer_id.partition(":")[0], entry.detail)
    reasons = "; ".join(f"{name}: {detail}" for name, detail in rejected.items())
    if not ranked:
        return f"All candidates rejected: {reasons}" if rejected else "No candidates available"
    best = ranked[0]
    name = best.fit.offer.provider
    said = f"Selected {name} (source: {telemetry.of(name).source}, score: {best.score:.3f})"
    return f"{said}. Rejected {len(rejected)}: {reasons}" if rejected else said


def _scorer(references: References, taste: Taste) -> Scorer:
    known: dict[str, tuple[float, float, float]] = {}

    def terms(fit: Fit) -> Terms:
        name = fit.offer.provider
        if name not in known:
            known[name] = figures(references.telemetry.of(name), references.budget_used)
        parts = (task_fit(fit, taste), *known[name])
        return {term: weight * part for (term, weight), part in zip(FORMULA.items(), parts, strict=True)}

    return terms


def _scores(references: References, taste: Taste) -> Callable[[Judged], Array]:
    """The sums of `_scorer`'s terms, added in the same order."""
    of_task, *of_provider = FORMULA.values()

    def scores(judged: Judged) -> Array:
        which = judged.passing
        score = of_task * _task_fits(judged, taste)[which]
        for place, weight in enumerate(of_provider):
            score += weight * judged.of_providers(partial(_figure, references, place))[which]
        return score

    return scores


def _task_fits(judged: Judged, taste: Taste) -> Array:
    """`task_fit`."""
    rack = judged.rack
    if not taste.preferred or rack.family in taste.preferred:
        return np.ones(len(rack))
    return np.where(rack.rows["vram"] >= (taste.min_vram_gb or 0.0), 0.5, 0.0)


def _figure(references: References, place: int, provider: str) -> float:
    return figures(references.telemetry.of(provider), references.budget_used)[place]


def _latency(ms: float | None) -> float:
    """No attempt ran: as bad as the slowest."""
    return 0.0 if ms is None else min(1.0, max(0.0, 1.0 - ms / SLOWEST_MS))


def _staleness(name: str, performance: Performance, now: datetime) -> str | None:
    if performance.source in _UNMEASURED:
        return None
    last = performance.last_event_at
    if last is None:
        return f"stale performance data for {name} (last event: never)"
    if (now - last).total_seconds() <= STALE_AFTER_S:
        return None
    return f"stale performance data for {name} (last event: {last.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"
