"""The policy `round-robin`: every healthy provider has its turn."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.health import ProviderStatus
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.decision import Decision
from aurora.routing.performance import Performance, Telemetry
from aurora.routing.router import decide
from tests.unit.routing.market import NOW, candidate, decision, request, snapshot


def of(provider: str, external_id: str = "1", **changes: object) -> Candidate:
    return candidate(external_id, state=ProviderState(provider), **changes)


MARKET = [of("vastai"), of("akash", price="2.90"), of("flux")]


def provider_at(turn: int, market: list[Candidate] | None = None) -> str:
    return chosen(decision(market or MARKET, policy="round-robin", seed=turn))


def chosen(found: Decision) -> str:
    assert found.chosen is not None
    return found.chosen.fit.offer.provider


def test_the_providers_take_turns_by_name():
    assert [provider_at(turn) for turn in range(5)] == ["akash", "flux", "vastai", "akash", "flux"]


@given(st.integers(0, 2**62), st.integers(1, 6))
def test_in_as_many_turns_as_there_are_providers_each_is_chosen_once(start: int, providers: int):
    market = [of(f"p{number}") for number in range(providers)]

    seen = Counter(provider_at(start + turn, market) for turn in range(providers))

    assert set(seen.values()) == {1}
    assert len(seen) == providers


def test_a_provider_without_an_offer_within_the_limits_has_no_turn():
    market = [*MARKET, of("aethir", price="9.00")]

    assert [provider_at(turn, market) for turn in range(3)] == ["akash", "flux", "vastai"]


def test_only_healthy_providers_take_part():
    states = {"akash": ProviderStatus.DEGRADED, "flux": ProviderStatus.UNAVAILABLE}
    telemetry = Telemetry({name: Performance(status=status) for name, status in states.items()})

    found = decide(
        replace(snapshot(MARKET), telemetry=telemetry), request(policy="round-robin", seed=1), now=NOW
    )

    assert chosen(found) == "vastai"
    assert {one.detail for one in found.eliminated} == {
        "akash is degraded, not healthy",
        "flux is unhealthy",
    }


def test_of_one_provider_the_best_g_score_comes_first_and_then_the_cheapest():
    market = [
        of("akash", "poor", g_score=20.0, price="0.10"),
        of("akash", "good", g_score=90.0),
        of("akash", "unknown", price="2.00"),
        of("akash", "same", price="1.50", g_score=50.0),
        of("vastai", "best", g_score=100.0),
    ]

    found = decision(market, policy="round-robin")

    assert [one.offer_id for one in found.ranked] == [
        "akash:good",
        "akash:same",
        "akash:unknown",
        "akash:poor",
        "vastai:best",
    ]


def test_the_score_is_the_sum_of_its_terms_and_the_seed_is_kept():
    found = decision(MARKET, policy="round-robin", seed=7)

    assert found.chosen is not None
    assert found.chosen.terms == {"turn": 1.0, "g_score": 0.5 / 6}
    assert (found.seed, found.policy_version, found.propensity) == (7, "round-robin/1", 1.0)
    assert found == decision(MARKET, policy="round-robin", seed=7)
