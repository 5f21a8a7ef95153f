"""`POST /route/whatif`: what a request would get under other limits. Decides, writes nothing, takes nothing."""

from aurora.domain.clock import Clock
from aurora.domain.request import ComputeRequest
from aurora.routing.whatif import WhatIf, what_if
from aurora.services.market import Market
from aurora.services.policy_desk import PolicyDesk


class WhatIfDesk:
    """Asks the pure router about the present market."""

    def __init__(self, market: Market, policies: PolicyDesk, *, clock: Clock, offer_max_age_s: float) -> None:
        self._market = market
        self._policies = policies
        self._clock = clock
        self._max_age_s = offer_max_age_s

    def ask(self, request: ComputeRequest) -> WhatIf:
        """The answer now, and the changes that would better it. Raises InvalidRequest."""
        return what_if(
            self._market.snapshot(),
            self._policies.in_turn(request, taken=False),
            now=self._clock.now(),
            max_age_s=self._max_age_s,
            policies=self._policies.policies,
        )
