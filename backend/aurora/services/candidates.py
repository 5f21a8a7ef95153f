"""Routing again for a deployment whose attempt was refused, failed or was interrupted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aurora.db.repositories.holds import Hold
from aurora.domain.clock import Clock
from aurora.domain.deployment import EndReason
from aurora.domain.records import Attempt, Deployment
from aurora.domain.request import ComputeRequest, Workload
from aurora.routing.policies import POLICIES
from aurora.routing.router import decide
from aurora.routing.scoring import Policy
from aurora.services.capacity import CapacityOverlay
from aurora.services.decision_record import DecisionContext, decision_record
from aurora.services.intent import attempt_on, hold_for, new_id
from aurora.services.market import Market
from aurora.services.request_record import from_record
from aurora.services.sealing import Sealer

_OFFERS_FAULT = frozenset(
    {
        "offer_gone",
        "no_capacity",
        EndReason.NOT_CREATED,
        EndReason.START_FAILED,
        EndReason.START_TIMEOUT,
        EndReason.PRICE_ABOVE_CEILING,
        EndReason.INTERRUPTED,
        EndReason.VANISHED,
    }
)
"""Ends that speak about one offer; any other speaks about the provider, which is then left out."""


@dataclass(frozen=True, slots=True)
class ChosenAttempt:
    """The next attempt and the decision it rests on."""

    attempt: Attempt
    decision: dict[str, Any]
    hold: Hold
    knew: Callable[[Hold], bool] = lambda _hold: True
    """Did the decision know of this hold?"""


@dataclass(frozen=True, slots=True)
class RoutingIdentity:
    """What decisions and names carry of this installation."""

    installation: str
    config_version: str
    offer_max_age_s: float


class Candidates:
    """Decides on the present market, leaving out what this deployment has tried."""

    def __init__(
        self,
        market: Market,
        overlay: CapacityOverlay,
        *,
        sealer: Sealer,
        identity: RoutingIdentity,
        clock: Clock,
        policies: Mapping[str, Policy] = POLICIES,
    ) -> None:
        self._policies = policies
        self._market = market
        self._overlay = overlay
        self._sealer = sealer
        self._identity = identity
        self._clock = clock

    def workload(self, deployment: Deployment) -> Workload:
        """Image, command and the unsealed env. Raises SealBroken."""
        request = from_record(deployment.request)
        return self._sealer.open(deployment.sealed_workload, request.workload)

    def choose(
        self, deployment: Deployment, attempts: Sequence[Attempt], *, avoid_provider: str | None = None
    ) -> ChosenAttempt | None:
        """The next attempt, or None when nothing fits now. With `avoid_provider` it only asks and holds nothing."""
        request = self._request(deployment, attempts, avoid_provider)
        now = self._clock.now()
        decision = decide(
            self._market.snapshot(),
            request,
            now=now,
            max_age_s=self._identity.offer_max_age_s,
            policies=self._policies,
        )
        tried = {attempt.offer_id for attempt in attempts}
        chosen = next((one for one in decision.ranked if one.offer_id not in tried), None)
        if chosen is None:
            return None
        number = max((attempt.number for attempt in attempts), default=0) + 1
        attempt = attempt_on(
            chosen,
            request,
            deployment_id=deployment.id,
            number=number,
            installation=self._identity.installation,
            now=now,
        )
        hold = hold_for(attempt, chosen)
        knew = self._overlay.knowledge()
        if avoid_provider is None:
            self._overlay.take(hold)
        context = DecisionContext(
            id=new_id("dec"),
            request_id=None,
            config_version=self._identity.config_version,
            attempt=number,
            parent_decision=deployment.decision_id,
        )
        record = decision_record(decision, request, context=context, holds=self._market.held(request.gpu))
        return ChosenAttempt(attempt, {**record, "chosen": chosen.offer_id}, hold, knew)

    def _request(
        self, deployment: Deployment, attempts: Sequence[Attempt], avoid_provider: str | None
    ) -> ComputeRequest:
        request = from_record(deployment.request)
        unwell = {
            attempt.provider
            for attempt in attempts
            if attempt.end_reason is not None and attempt.end_reason not in _OFFERS_FAULT
        }
        if avoid_provider is not None:
            unwell.add(avoid_provider)
        return replace(request, exclude_providers=request.exclude_providers | unwell)
