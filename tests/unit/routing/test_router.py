"""The decision: everything is ranked or eliminated, the best is chosen, the same question has the same answer."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.request import ComputeRequest, Weights
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.filters import OFFER_FILTERS
from aurora.routing.fit import Asked
from aurora.routing.policies import POLICIES, policies_with
from aurora.routing.rack import Rack
from aurora.routing.router import decide, reference_price
from aurora.routing.scoring import total
from aurora.routing.snapshot import Aisle
from aurora.routing.telemetry import Taste
from tests.unit.routing.market import A100, NOW, REGIONS, candidate, decision, request, snapshot
from tests.unit.routing.strategies import markets, requests


@given(markets(), requests())
@settings(max_examples=60, deadline=None)
def test_every_candidate_is_ranked_or_eliminated_and_the_counts_sum_to_the_total(
    market: list[Candidate], asked: ComputeRequest
) -> None:
    found = decide(snapshot(market), asked, now=NOW)

    assert sum(found.counts.values()) == found.total == len(market)
    assert len(found.ranked) == found.counts["ranked"]
    ids = [entry.offer_id for entry in found.ranked] + [entry.offer_id for entry in found.eliminated]
    assert Counter(ids) == Counter(one.id for one in market)
    reasons = Counter(entry.reason.value for entry in found.eliminated)
    assert reasons == {reason: number for reason, number in found.counts.items() if reason != "ranked"}
    assert all(entry.detail for entry in found.eliminated)


@given(markets(), requests())
@settings(max_examples=60, deadline=None)
def test_whatever_is_ranked_meets_every_limit_and_scores_are_the_sum_of_their_parts_best_first(
    market: list[Candidate], asked: ComputeRequest
) -> None:
    found = decide(snapshot(market), asked, now=NOW)

    circumstances = Asked(asked, regions=REGIONS, now=NOW)
    for entry in found.ranked:
        assert asked.gpu.matches(entry.fit.offer.gpu)
        assert (
            asked.region == "global" or not entry.fit.offer.regions or asked.region in entry.fit.offer.regions
        )
        assert all(refuses(entry.fit, circumstances) is None for _, refuses in OFFER_FILTERS)
        assert entry.score == total(entry.terms)
    scores = [entry.score for entry in found.ranked]
    assert scores == sorted(scores, reverse=True)
    assert found.chosen == (found.ranked[0] if found.ranked else None)


@given(markets(), requests(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_in_which_offers_come_changes_nothing(
    market: list[Candidate], asked: ComputeRequest, chance: random.Random
) -> None:
    shuffled = list(market)
    chance.shuffle(shuffled)

    assert decide(snapshot(market), asked, now=NOW) == decide(snapshot(shuffled), asked, now=NOW)


@given(markets(), requests(), st.data())
@settings(max_examples=60, deadline=None)
def test_lowering_the_price_of_an_offer_never_lowers_its_rank(
    market: list[Candidate], asked: ComputeRequest, data: st.DataObject
) -> None:
    prices = {"a100": Decimal("1.50"), "rtx4090": Decimal("0.40"), "a100-80gb": Decimal("1.70")}
    before = decide(snapshot(market, prices), asked, now=NOW)
    if not before.ranked:
        return
    place = data.draw(st.integers(0, len(before.ranked) - 1))
    cut = data.draw(st.integers(1, 99)) / Decimal(100)
    one = before.ranked[place].candidate
    cheaper = replace(one, offer=replace(one.offer, price_per_hour=one.offer.price_per_hour * cut))

    market = [cheaper if other.id == one.id else other for other in market]
    after = decide(snapshot(market, prices), asked, now=NOW)

    assert [entry.offer_id for entry in after.ranked].index(one.id) <= place


def test_ties_go_to_the_lower_price_then_the_provider_then_the_offer() -> None:
    def other(provider: str, external_id: str, price: str) -> Candidate:
        return candidate(external_id, price=price, state=ProviderState(provider))

    market = [
        other("vastai", "1", "1.00"),
        other("akash", "9", "1.00"),
        other("akash", "2", "1.00"),
        other("vastai", "0", "0.90"),
    ]

    found = decision(market, weights=Weights(0, 0, 1, 0))

    assert [entry.offer_id for entry in found.ranked] == ["vastai:0", "akash:2", "akash:9", "vastai:1"]


def test_a_decision_carries_what_is_needed_to_repeat_it() -> None:
    later = NOW + timedelta(seconds=30)
    found = decide(snapshot([candidate()]), request(seed=7), now=later)

    assert (found.seed, found.snapshot_version, found.snapshot_age_s) == (7, "v1", 30.0)
    assert found.decided_at == later
    assert (found.policy, found.policy_version) == ("balanced", "balanced/1")
    assert found.relaxations == ()


def test_the_age_limit_is_an_argument() -> None:
    market = snapshot([candidate(age_s=60)])

    assert decide(market, request(), now=NOW, max_age_s=60).chosen is not None
    assert decide(market, request(), now=NOW, max_age_s=59).counts == {"stale": 1, "ranked": 0}


def test_counts_are_in_the_order_of_the_filters() -> None:
    market = [
        candidate("1", age_s=1000),
        candidate("2", price="9"),
        candidate("3", regions=frozenset({"af"})),
        candidate("4"),
    ]

    found = decision(market, region="us-west")

    assert list(found.counts.items()) == [("region", 1), ("price", 1), ("stale", 1), ("ranked", 1)]


def test_an_empty_market_is_an_answer() -> None:
    found = decision([])

    assert (found.chosen, found.total, found.counts) == (None, 0, {"ranked": 0})
    assert found.rationale == "No viable providers: no offers are loaded."


def test_one_snapshot_answers_many_requests_and_stays_as_it_is() -> None:
    market = snapshot([candidate("1"), candidate("2", price="2.00")])
    before = repr(market)

    first = decide(market, request(), now=NOW)
    decide(market, request(region="eu-west", policy="seed-v1"), now=NOW)

    assert decide(market, request(), now=NOW) == first
    assert repr(market) == before


def test_the_rationale_says_who_where_for_how_much_and_why() -> None:
    market = [
        candidate("1", region_raw="California, US"),
        candidate("2", price="2.00"),
        candidate("3", price="7"),
    ]

    text = decision(market, region="us-west").rationale

    assert text.startswith("Chose vastai (vastai:1): 1 x a100-sxm-80gb, California, US, $1.0000/h in all")
    assert "21 ms from us-west" in text
    assert "price " in text
    assert "availability " in text
    assert "Best of 2 that met every limit, of 3 offers; next vastai:2" in text
    assert text.endswith("Eliminated: price 1.")


def test_the_only_survivor_is_called_so() -> None:
    assert (
        "The only one of 2 offers that met every limit."
        in decision([candidate("1"), candidate("2", price="9")]).rationale
    )


@pytest.mark.parametrize("kind", ["firm", "estimate", "ceiling"])
def test_how_firm_the_price_is_comes_with_it(kind: str) -> None:
    found = decision([candidate(price_kind=kind)]).chosen

    assert found is not None
    assert found.price_kind == kind


@given(markets(), requests(), st.sampled_from(sorted(POLICIES)), st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_every_policy_ranks_by_the_sum_of_the_terms_that_it_names(
    market: list[Candidate], asked: ComputeRequest, policy: str, seed: int
) -> None:
    """Scores are worked out as a column, terms offer by offer."""
    scored = [replace(one, g_score=10.0 * place if place % 3 else None) for place, one in enumerate(market)]
    tastes = {asked.workload_type: Taste(frozenset({"rtx4090"}), 48.0)}

    found = decide(
        snapshot(scored), replace(asked, policy=policy, seed=seed), now=NOW, policies=policies_with(tastes)
    )

    assert [one.score for one in found.ranked] == [total(one.terms) for one in found.ranked]


def test_a_model_that_is_not_on_sale_any_more_has_no_say_in_the_reference_price() -> None:
    kept, gone = candidate("1", gpu=A100), candidate("2", gpu=GpuModel("a100", "pcie", 40))
    rack = Rack.of("a100", [kept, gone]).put([], gone=["2"])
    prices = {A100.name: Decimal(1), gone.offer.gpu.name: Decimal(9)}
    market = replace(snapshot([], prices), aisles=(Aisle.of([rack]),))

    assert reference_price(market, GpuQuery("a100")) == Decimal(1)
