"""The policies as this installation has them, and whose turn it is."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from aurora.domain.request import ComputeRequest, Weights
from aurora.routing.policies import policies_with
from aurora.routing.scoring import Policy
from aurora.routing.telemetry import Taste
from aurora.routing.turns import ROUND_ROBIN
from aurora.services.router_config import RouterConfig
from aurora.services.workload_templates import WorkloadTemplate, WorkloadTemplates

_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One policy for people."""

    name: str
    version: str
    description: str
    weights: Mapping[str, float]
    """By term: fixed, or what a request gets that names none. Empty: the policy has no weighted terms."""
    per_request: bool
    """A request's `weights` replace these."""
    default: bool


class PolicyDesk:
    """Policies with the preferences of `config/workloads.yaml`. Turns are kept in memory, per tenant."""

    def __init__(
        self,
        config: RouterConfig | None = None,
        templates: WorkloadTemplates | None = None,
        *,
        rng: random.Random | None = None,
        turns: Mapping[str, int] | None = None,
    ) -> None:
        """`rng` gives the seeds of draws. `turns`: how many each tenant has had (tests start in the middle)."""
        known = (templates or WorkloadTemplates()).by_type
        self._config = config or RouterConfig()
        self._policies = policies_with({kind: _taste(template) for kind, template in known.items()})
        self._rng = rng or random.Random()
        self._turns = dict(turns or {})

    @property
    def policies(self) -> Mapping[str, Policy]:
        """By name, as `decide` takes them."""
        return self._policies

    @property
    def default(self) -> str:
        return self._config.defaults.policy

    def lines(self) -> tuple[PolicyLine, ...]:
        """`GET /policies`."""
        return tuple(self._line(policy) for policy in self._policies.values())

    def in_turn(self, request: ComputeRequest, *, taken: bool) -> ComputeRequest:
        """The request with the seed of its turn or draw; one that names a seed, or needs none, stays as it is.

        `taken` False only looks: a dry run or a what-if does not take the turn from anybody.
        """
        policy = self._policies.get(request.policy)
        if policy is None or not policy.draws or request.seed:
            return request
        if policy.name != ROUND_ROBIN.name:
            return replace(request, seed=self._rng.randint(1, _LARGEST_SEED))
        turn = self._turns.get(request.tenant, 0)
        if taken:
            self._turns[request.tenant] = turn + 1
        return replace(request, seed=turn)

    def _line(self, policy: Policy) -> PolicyLine:
        given = policy.formula
        return PolicyLine(
            policy.name,
            policy.version,
            policy.description,
            _by_term(self._config.weights) if given is None else given,
            per_request=given is None,
            default=policy.name == self.default,
        )


def _taste(template: WorkloadTemplate) -> Taste:
    return Taste(frozenset(template.preferred_gpus), template.min_vram_gb)


def _by_term(weights: Weights) -> Mapping[str, float]:
    return asdict(weights)
