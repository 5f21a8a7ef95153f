"""The policy `weighted`: a provider is drawn, by the G-Score of its best offer."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.routing.candidate import Candidate, ProviderState
from tests.unit.routing.market import candidate, decision


def of(provider: str, g_score: float | None, external_id: str = "1", **changes: object) -> Candidate:
    return candidate(external_id, state=ProviderState(provider), g_score=g_score, **changes)


MARKET = [of("vastai", 60.0), of("akash", 30.0), of("flux", 10.0)]


def draws(market: list[Candidate], number: int) -> Counter[str]:
    found = Counter[str]()
    for seed in range(1, number + 1):
        chosen = decision(market, policy="weighted", seed=seed).chosen
        assert chosen is not None
        found[chosen.fit.offer.provider] += 1
    return found


def test_providers_are_drawn_in_proportion_to_their_best_g_score():
    found = draws(MARKET, 2000)

    assert found["vastai"] / 2000 == pytest.approx(0.6, abs=0.04)
    assert found["akash"] / 2000 == pytest.approx(0.3, abs=0.04)
    assert found["flux"] / 2000 == pytest.approx(0.1, abs=0.03)


def test_many_offers_do_not_make_a_provider_likelier():
    crowd = [of("vastai", 50.0, str(number)) for number in range(40)]

    assert draws([*crowd, of("akash", 50.0)], 400)["akash"] / 400 == pytest.approx(0.5, abs=0.1)


def test_an_unknown_g_score_counts_as_the_middle_and_none_is_never_drawn_out():
    found = draws([of("vastai", None), of("akash", 0.0)], 1500)

    assert 0 < found["akash"] / 1500 < 0.06


@given(st.integers(0, 2**62))
def test_the_same_seed_draws_the_same(seed: int):
    assert decision(MARKET, policy="weighted", seed=seed) == decision(MARKET, policy="weighted", seed=seed)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_the_decision_keeps_the_probability_of_what_was_drawn(seed: int):
    found = decision(MARKET, policy="weighted", seed=seed)

    assert found.chosen is not None
    expected = {"vastai": 0.6, "akash": 0.3, "flux": 0.1}[found.chosen.fit.offer.provider]
    assert found.propensity == pytest.approx(expected)
    assert found.policy_version == "weighted/1"


def test_the_drawn_providers_best_offer_is_chosen():
    found = decision([of("vastai", 20.0, "a", price="0.50"), of("vastai", 70.0, "b")], policy="weighted")

    assert [one.offer_id for one in found.ranked] == ["vastai:b", "vastai:a"]
    assert list(found.ranked[0].terms) == ["draw", "g_score"]


def test_nothing_is_drawn_from_nothing():
    found = decision([], policy="weighted")

    assert (found.chosen, found.propensity) == (None, None)


def test_the_best_of_a_providers_offers_is_what_counts():
    market = [of("vastai", 60.0), of("vastai", 1.0, "2"), of("akash", 1.0), of("akash", 60.0, "2")]

    decided = decision(market, policy="weighted", seed=1)

    assert decided.propensity == pytest.approx(0.5)
