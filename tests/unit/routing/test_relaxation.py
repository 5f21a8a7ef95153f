"""What would change a refusal, and that it really would."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.health import ProviderStatus
from aurora.domain.request import ComputeRequest, Workload
from aurora.routing.candidate import Candidate, ProviderAbilities, ProviderState
from aurora.routing.decision import Decision
from aurora.routing.router import decide
from tests.unit.routing.market import NOW, candidate, decision, request, snapshot
from tests.unit.routing.strategies import markets, requests


def said(found: Decision) -> list[str]:
    return [str(relaxation) for relaxation in found.relaxations]


@given(markets(), requests())
@settings(max_examples=150, deadline=None)
def test_taking_a_relaxation_gives_at_least_as_many_offers_as_it_promises(
    market: list[Candidate], asked: ComputeRequest
) -> None:
    found = decide(snapshot(market), asked, now=NOW)

    for relaxation in found.relaxations:
        assert relaxation.offers >= 1
        if relaxation.request is not None:
            then = decide(snapshot(market), relaxation.request, now=NOW, max_age_s=relaxation.max_age_s)
            assert len(then.ranked) >= relaxation.offers


@given(markets(), requests())
@settings(max_examples=60, deadline=None)
def test_an_offer_that_one_price_keeps_out_is_always_found(
    market: list[Candidate], asked: ComputeRequest
) -> None:
    found = decide(snapshot(market), asked, now=NOW)
    rich = decide(snapshot(market), request_with_money(asked), now=NOW)

    if not found.ranked and rich.ranked:
        assert any(change.limit.startswith("max_") for one in found.relaxations for change in one.changes)


def request_with_money(asked: ComputeRequest) -> ComputeRequest:
    return replace(asked, max_price=Decimal(10**6), max_total_cost=None)


def test_the_nearest_price_is_named_with_how_many_offers_it_would_give() -> None:
    market = [
        candidate(str(number), price=price) for number, price in enumerate(["2.095", "2.10", "2.10", "2.60"])
    ]

    found = decision(market, max_price=Decimal("1.50"))

    assert said(found) == ["max_price 2.10 instead of 1.50 would give 3 offers"]
    assert found.rationale == (
        "No viable providers for 1 x a100: of 4 offers the filters removed price 4. "
        "Nearest: max_price 2.10 instead of 1.50 would give 3 offers."
    )


@pytest.mark.parametrize(
    ("changes", "limits", "says"),
    [
        ({"latency_ms": 350.2}, {}, "max_latency_ms 351 instead of 300"),
        ({"reputation": 65.5}, {}, "min_reputation 65 instead of 70"),
        (
            {"regions": frozenset({"us-central"})},
            {"region": "us-east"},
            "region us-central instead of us-east",
        ),
        ({"gpu_count": 4}, {}, "allow_larger true instead of false"),
        ({}, {"gpu_count": 2}, "gpu_count 1 instead of 2"),
        ({"vram_gb": 40.0}, {"min_vram_gb": 48.0}, "min_vram_gb 40 instead of 48"),
        ({"spot": True}, {"spot": False}, "spot true instead of false"),
        (
            {},
            {"exclude_providers": frozenset({"vastai", "akash"})},
            "exclude_providers akash instead of akash, vastai",
        ),
        ({}, {"providers": frozenset({"akash"})}, "providers akash, vastai instead of akash"),
        ({"age_s": 1200.0}, {}, "offer_max_age 1200 s instead of 900 s"),
        ({"g_score": 41.7}, {"min_g_score": 50.0}, "min_g_score 41 instead of 50"),
        ({"price": "1.00"}, {"max_total_cost": Decimal("1.5")}, "max_total_cost 2.00 instead of 1.50"),
        (
            {"gpu": GpuModel("a100", "pcie", 40)},
            {"gpu": GpuQuery("a100", None, 80)},
            "gpu_type a100 instead of a100-80gb",
        ),
    ],
)
def test_each_limit_alone_can_be_what_gives(
    changes: dict[str, Any], limits: dict[str, Any], says: str
) -> None:
    found = decision([candidate(**changes)], **limits)

    assert said(found) == [f"{says} would give 1 offer"]
    relaxation = found.relaxations[0]
    assert relaxation.request is not None
    assert decide(
        snapshot([candidate(**changes)]), relaxation.request, now=NOW, max_age_s=relaxation.max_age_s
    ).chosen


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (ProviderState("vastai", status=ProviderStatus.DISABLED), "vastai enabled instead of disabled"),
        (
            ProviderState("vastai", credential_refused=True),
            "vastai with a valid credential instead of refusing the credential",
        ),
        (
            ProviderState("vastai", quota_until=NOW + timedelta(hours=2)),
            "vastai after 2026-06-03 14:00 UTC instead of at its quota",
        ),
        (
            ProviderState("vastai", create_breaker_open=True),
            "vastai recovered instead of with its circuit breaker open",
        ),
    ],
)
def test_a_providers_state_can_only_be_waited_for(state: ProviderState, says: str) -> None:
    found = decision([candidate("1", state=state), candidate("2", state=state)])

    assert said(found) == [f"{says} would give 2 offers"]
    assert found.relaxations[0].request is None


def test_several_limits_that_would_each_help_are_listed_nearest_first() -> None:
    market = [
        candidate("1", price="9.00"),
        candidate("2", reputation=69.0),
        candidate("3", latency_ms=310.0),
    ]

    assert said(decision(market)) == [
        "min_reputation 69 instead of 70 would give 1 offer",
        "max_latency_ms 310 instead of 300 would give 1 offer",
        "max_price 9.00 instead of 3.00 would give 1 offer",
    ]


def test_two_limits_together_are_named_only_when_no_single_one_helps() -> None:
    both = candidate("1", price="3.30", reputation=60.0)

    assert said(decision([both])) == [
        "min_reputation 60 instead of 70 and max_price 3.30 instead of 3.00 would give 1 offer"
    ]
    assert said(decision([both, candidate("2", price="5.00")])) == [
        "max_price 5.00 instead of 3.00 would give 1 offer"
    ]


def test_another_region_is_judged_with_the_latency_from_there() -> None:
    """From us-west the offer is 140 ms away; a request for eu-west measures from eu-west."""
    far = candidate(regions=frozenset({"eu-west"}))

    found = decision([far], region="us-west", max_latency_ms=50.0)

    assert said(found) == ["region eu-west instead of us-west would give 1 offer"]


def test_another_family_a_full_machine_or_a_missing_ability_is_no_relaxation() -> None:
    unable = ProviderState("vastai", abilities=ProviderAbilities(command=False))
    market = [
        candidate("1", gpu=GpuModel("h100")),
        candidate("2", free=0),
        candidate("3", state=unable),
    ]

    found = decision(market, workload=Workload("busybox", command=("true",)))

    assert found.relaxations == ()
    assert found.rationale.endswith("No change of one or two limits would help.")


def test_the_reason_of_a_refused_provider_is_in_the_sentence() -> None:
    state = ProviderState("vastai", quota_until=NOW + timedelta(hours=2))

    text = decision([candidate(state=state)]).rationale

    assert "removed provider 1 (vastai's quota is reached until 2026-06-03 14:00:00 UTC)" in text


def test_a_price_limit_below_a_cent_is_shown_in_full() -> None:
    assert said(decision([candidate()], max_price=Decimal("0.0025"))) == [
        "max_price 1.00 instead of 0.0025 would give 1 offer"
    ]


def test_the_default_request_is_left_alone() -> None:
    asked = request(max_price=Decimal("0.10"))

    found = decision([candidate()], asked)

    assert asked.max_price == Decimal("0.10")
    assert found.relaxations[0].request == request(max_price=Decimal("1.00"))


def test_the_nearer_place_is_told_whichever_offer_comes_first() -> None:
    far, near = candidate("1", regions=frozenset({"eu-west"})), candidate("2", regions=frozenset({"us-east"}))

    found = decision([far, near], region="us-west")

    assert said(found)[0].startswith("region us-east instead of us-west")


def test_a_larger_and_a_smaller_offer_are_two_ways_out() -> None:
    found = decision([candidate("1", gpu_count=8), candidate("2", gpu_count=2)], gpu_count=4)

    assert {one.changes[0].limit for one in found.relaxations} == {"allow_larger", "gpu_count"}


def test_another_form_of_the_same_size_is_nearer_than_another_size() -> None:
    other_size = candidate("1", gpu=GpuModel("a100", "pcie", 40))
    same_size = candidate("2", gpu=GpuModel("a100", "pcie", 80))

    found = decision([other_size, same_size], gpu=GpuQuery("a100", "sxm", 80))

    assert [change.instead for change in found.relaxations[0].changes] == ["a100-80gb"]


def test_providers_that_are_kept_out_for_different_reasons_are_different_ways_out() -> None:
    paused = ProviderState("flux", status=ProviderStatus.DISABLED)
    market = [candidate("1", state=paused), candidate("2", state=ProviderState("akash"))]

    found = decision(market, exclude_providers=frozenset({"akash"}))

    assert {one.changes[0].limit for one in found.relaxations} == {"flux", "exclude_providers"}


def test_of_like_offers_the_nearest_is_told_whichever_comes_first() -> None:
    found = decision([candidate("1", price="9"), candidate("2", price="2")], max_price=Decimal("1.50"))

    assert said(found) == ["max_price 2.00 instead of 1.50 would give 1 offer"]


def test_an_offer_that_costs_the_same_is_not_a_cheaper_one() -> None:
    chosen, same = (
        candidate("1", gpu_count=3, price="1"),
        candidate("2", gpu_count=3, price="1", reputation=10),
    )
    cheaper = candidate("3", gpu_count=3, price="0.9", reputation=20)

    assert decision([chosen, same], gpu_count=3).relaxations == ()
    assert said(decision([chosen, same, cheaper], gpu_count=3)) == [
        "min_reputation 20 instead of 70 would give 1 cheaper offer"
    ]


def test_a_change_after_which_something_else_refuses_the_offer_is_no_way_out() -> None:
    """With fewer GPUs the same GPU-hours take longer than the offer may be kept."""
    short, long = (
        candidate(name, gpu_count=2, max_duration_s=s) for name, s in (("1", 3000.0), ("2", 9000.0))
    )
    asked = {"gpu_count": 4, "gpu_hours": Decimal(2)}

    assert said(decision([short], **asked)) == []
    assert said(decision([short, long], **asked)) == ["gpu_count 2 instead of 4 would give 1 offer"]
