"""What a decision says would change it, also after a choice: single limits, else pairs."""

from decimal import Decimal

import pytest
from hypothesis import given, settings

from aurora.domain.request import ComputeRequest
from aurora.routing.candidate import Candidate
from aurora.routing.router import decide
from tests.unit.routing.market import NOW, candidate, decision, snapshot
from tests.unit.routing.strategies import markets, requests


def said(market: list[Candidate], **changes: object) -> list[str]:
    return [str(one) for one in decision(market, **changes).relaxations]


@pytest.mark.parametrize(
    ("changes", "limits", "says"),
    [
        ({"latency_ms": 350.2}, {}, "max_latency_ms 351 instead of 300"),
        ({"reputation": 65.5}, {}, "min_reputation 65 instead of 70"),
        ({"spot": True}, {"spot": False}, "spot true instead of false"),
        ({"g_score": 12.0}, {"min_g_score": 40.0}, "min_g_score 12 instead of 40"),
    ],
)
def test_a_choice_names_the_limit_that_keeps_a_cheaper_offer_out(changes, limits, says):
    market = [candidate("1", g_score=80.0), candidate("2", price="0.50", **{"g_score": 90.0, **changes})]

    assert said(market, **limits) == [f"{says} would give 1 cheaper offer"]


def test_dearer_offers_are_no_reason_to_change_anything():
    assert said([candidate("1"), candidate("2", price="1.50", reputation=60.0)]) == []


def test_two_limits_that_keep_a_cheaper_offer_out_are_named_where_none_alone_does():
    both = candidate("2", price="0.50", reputation=60.0, latency_ms=400.0)

    assert said([candidate("1"), both]) == [
        "max_latency_ms 400 instead of 300 and min_reputation 60 instead of 70 would give 1 cheaper offer"
    ]
    assert said([candidate("1"), both, candidate("3", price="0.90", reputation=65.0)]) == [
        "min_reputation 65 instead of 70 would give 1 cheaper offer"
    ]


@given(markets(), requests())
@settings(max_examples=100, deadline=None)
def test_taking_what_a_choice_names_really_gives_so_many_cheaper_offers(
    market: list[Candidate], asked: ComputeRequest
):
    found = decide(snapshot(market), asked, now=NOW)
    if found.chosen is None:
        return

    price = found.chosen.fit.effective_usd
    for one in found.relaxations:
        if one.request is not None:
            then = decide(snapshot(market), one.request, now=NOW, max_age_s=one.max_age_s)
            cheaper = [each for each in then.ranked if each.fit.effective_usd < price]
            assert len(cheaper) >= one.offers >= 1


def test_a_pair_is_priced_under_both_changes():
    """Two GPUs are asked for and one is on sale: what counts is its price per GPU."""
    assert said([candidate(price="2.00", reputation=60.0)], gpu_count=2, max_price=Decimal("1.00")) == []
    assert said([candidate(price="2.00")], gpu_count=2, max_price=Decimal("1.00")) == [
        "gpu_count 1 instead of 2 and max_price 2.00 instead of 1.00 would give 1 offer"
    ]


def test_of_many_pairs_the_three_nearest_are_told() -> None:
    dear, poor, spot, slow = {"price": "9"}, {"reputation": 10.0}, {"spot": True}, {"extra_latency_ms": 900.0}
    kinds = [dear | poor, dear | spot, dear | slow, poor | spot, poor | slow, spot | slow]

    found = decision([candidate(str(number), **kind) for number, kind in enumerate(kinds)], spot=False)

    assert [len(one.changes) for one in found.relaxations] == [2, 2, 2]
    assert [one.distance for one in found.relaxations] == sorted(one.distance for one in found.relaxations)
