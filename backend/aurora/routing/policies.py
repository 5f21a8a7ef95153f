"""All policies by name."""

from collections.abc import Mapping
from types import MappingProxyType

from aurora.domain.request import WorkloadType
from aurora.routing.scoring import BALANCED, SEED_V1, Policy
from aurora.routing.telemetry import Taste, telemetry_policy
from aurora.routing.turns import ROUND_ROBIN, WEIGHTED


def policies_with(tastes: Mapping[WorkloadType, Taste]) -> Mapping[str, Policy]:
    """All policies; `telemetry` prefers these GPUs."""
    found = (BALANCED, SEED_V1, telemetry_policy(tastes), ROUND_ROBIN, WEIGHTED)
    return MappingProxyType({policy.name: policy for policy in found})


POLICIES = policies_with({})
"""As they are without configuration: `telemetry` prefers no GPU to another."""
