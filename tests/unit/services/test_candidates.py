"""The next attempt: what was tried is left out, and so is a provider that was itself the trouble."""

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest

from aurora.domain.deployment import AttemptState, EndReason
from aurora.domain.naming import InstanceName
from aurora.domain.offer import Offer
from aurora.domain.records import Attempt, Deployment
from aurora.domain.request import ComputeRequest
from aurora.services.candidates import Candidates, RoutingIdentity
from aurora.services.request_record import to_record
from aurora.services.sealing import SealBroken, Sealer
from tests.integration.db.deployment_rows import a_deployment, an_attempt
from tests.unit.lifecycle.world import offer, request
from tests.unit.services.test_market import Stall

SEALER = Sealer("test secret")


class Choice:
    """What a deployment has tried, and the choice that is left."""

    def __init__(self, *listed: Offer, asked: ComputeRequest | None = None) -> None:
        self.stall = Stall(*listed)
        self.request = asked or request()
        self.candidates = Candidates(
            self.stall.market,
            self.stall.overlay,
            sealer=SEALER,
            identity=RoutingIdentity("abc123", "config-1", math.inf),
            clock=self.stall.clock,
        )
        self.deployment: Deployment = a_deployment(
            1, request=to_record(self.request), sealed_workload=SEALER.seal(self.request.workload)
        )

    def tried(self, *ends: tuple[str, str | None]) -> list[Attempt]:
        """Attempts on these offers with these ends; None is still alive."""
        return [
            an_attempt(
                self.deployment,
                number,
                offer_id=offer_id,
                provider=offer_id.partition(":")[0],
                end_reason=reason,
                state=AttemptState.ENDED if reason else AttemptState.RUNNING,
            )
            for number, (offer_id, reason) in enumerate(ends, start=1)
        ]

    def next(self, *ends: tuple[str, str | None], avoid: str | None = None) -> str | None:
        found = self.candidates.choose(self.deployment, self.tried(*ends), avoid_provider=avoid)
        return None if found is None else found.attempt.offer_id


def shelf() -> Iterable[Offer]:
    """Cheapest first: two of one provider, one of another."""
    return offer("1", usd="1.00"), offer("2", usd="1.10"), offer("3", usd="2.00", provider="other")


def test_the_best_offer_is_chosen_first():
    assert Choice(*shelf()).next() == "fake:1"


@pytest.mark.parametrize(
    "reason",
    ["offer_gone", "no_capacity", "not_created", "start_failed", "start_timeout", "price_above_ceiling",
     "interrupted", "vanished"],
)  # fmt: skip
def test_an_end_that_speaks_about_the_offer_leaves_out_that_offer_only(reason):
    assert Choice(*shelf()).next(("fake:1", reason)) == "fake:2"


@pytest.mark.parametrize(
    "reason",
    ["credential_refused", "payment_required", "provider_unavailable", "provider_timeout", "circuit_open",
     "provider_rejected_request", "provider_rate_limited", "something new"],
)  # fmt: skip
def test_any_other_end_leaves_out_the_whole_provider(reason):
    assert Choice(*shelf()).next(("fake:1", reason)) == "other:3"


def test_an_attempt_that_lives_leaves_out_its_offer_only():
    assert Choice(*shelf()).next(("fake:1", None)) == "fake:2"


def test_nothing_is_chosen_once_everything_was_tried():
    ends = [(one, EndReason.START_FAILED.value) for one in ("fake:1", "fake:2", "other:3")]

    assert Choice(*shelf()).next(*ends) is None


def test_the_limits_of_the_request_still_hold():
    asked = request(exclude_providers=frozenset({"other"}))

    assert Choice(*shelf(), asked=asked).next(("fake:1", "credential_refused")) is None


def test_asking_for_an_alternative_elsewhere_takes_nothing():
    choice = Choice(*shelf())

    assert choice.next(("fake:1", None), avoid="fake") == "other:3"
    assert choice.stall.market.holds() == ()
    assert Choice(offer("1"), offer("2")).next(("fake:1", None), avoid="fake") is None


def test_a_choice_takes_its_capacity_at_once():
    choice = Choice(offer("1"))

    assert choice.next() == "fake:1"
    assert choice.next() is None


def test_the_next_attempt_carries_its_number_name_hold_and_decision():
    choice = Choice(offer("1", resources=["gpu-7"]))

    found = choice.candidates.choose(choice.deployment, [])
    second = Choice(*shelf()).candidates.choose(choice.deployment, choice.tried(("fake:1", "offer_gone")))

    assert found is not None
    assert second is not None
    assert found.attempt.number == 1
    assert InstanceName.parse(second.attempt.name) == InstanceName(
        "abc123", choice.deployment.id.removeprefix("dep-"), 2
    )
    assert second.attempt.state is AttemptState.INTENT
    assert (found.hold.resources, found.hold.attempt) == (frozenset({"gpu-7"}), 1)
    assert (second.decision["attempt"], second.decision["parent_decision"]) == (2, "dec-1")
    assert second.decision["chosen"] == second.attempt.offer_id == "fake:2"


def test_the_workload_is_unsealed_only_with_the_key_it_was_sealed_with():
    choice = Choice(offer("1"))

    assert choice.candidates.workload(choice.deployment) == choice.request.workload
    foreign = replace(choice.deployment, sealed_workload=Sealer("another").seal(choice.request.workload))
    with pytest.raises(SealBroken):
        choice.candidates.workload(foreign)
