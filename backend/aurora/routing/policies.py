"""All policies by name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from aurora.domain.request import WorkloadType
from aurora.routing.fit import Fit
from aurora.routing.scoring import BALANCED, SEED_V1, Policy
from aurora.routing.telemetry import Taste, telemetry_policy
from aurora.routing.turns import ROUND_ROBIN, WEIGHTED, g_score_of


def policies_with(tastes: Mapping[WorkloadType, Taste]) -> Mapping[str, Policy]:
    """All policies; `telemetry` prefers these GPUs."""
    found = (BALANCED, SEED_V1, telemetry_policy(tastes), ROUND_ROBIN, WEIGHTED)
    return MappingProxyType({policy.name: policy for policy in found})


POLICIES = policies_with({})
"""As they are without configuration: `telemetry` prefers no GPU to another."""


def contenders(fits: Iterable[Fit]) -> Mapping[str, float]:
    """The providers of these fits, with the best G-Score of each."""
    best: dict[str, float] = {}
    for fit in fits:
        name = fit.offer.provider
        best[name] = max(g_score_of(fit), best.get(name, 0.0))
    return best
