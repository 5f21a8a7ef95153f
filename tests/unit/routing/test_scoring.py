"""Scores are sums of named parts, against references that do not depend on who else is there."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.errors import InvalidRequest
from aurora.domain.request import Weights
from aurora.routing.candidate import Candidate, ProviderAbilities, ProviderState
from aurora.routing.fit import Asked
from aurora.routing.router import decide, reference_price
from aurora.routing.scoring import BALANCED, POLICIES, SEED_V1, References, policy_named, total
from tests.unit.routing.market import A100, GPUS, NOW, REGIONS, candidate, decision, request, snapshot

WEIGHTS = st.floats(0, 10).map(lambda weight: round(weight, 3))


def terms(
    one: Candidate, policy: str = "balanced", *, price: str = "1.00", **changes: object
) -> dict[str, float]:
    asked = request(policy=policy, **changes)
    fit = Asked(asked, regions=REGIONS, now=NOW).fit(one)
    return policy_named(policy).scorer(References.of(asked, price_usd=Decimal(price)))(fit)


@given(
    price=st.integers(1, 10_000_000).map(lambda micros: Decimal(micros) / 1_000_000),
    latency=st.floats(0, 2000),
    reputation=st.floats(0, 100),
    free=st.none() | st.integers(1, 50),
    known=st.none() | st.integers(1, 50),
    weights=st.tuples(WEIGHTS, WEIGHTS, WEIGHTS, WEIGHTS),
)
@settings(max_examples=150)
def test_seed_v1_is_byte_equal_to_the_formula_as_written(
    price: Decimal,
    latency: float,
    reputation: float,
    free: int | None,
    known: int | None,
    weights: tuple[float, float, float, float],
) -> None:
    one = candidate(price=str(price), latency_ms=latency, reputation=reputation, free=free, total=known)
    w_price, w_latency, w_reputation, w_availability = weights

    score = total(terms(one, "seed-v1", weights=Weights(*weights)))

    usd, ms = float(price), max(1.0, latency)
    known_share = None if free is None or known is None else w_availability * free / known
    share = w_availability * 0.5 if known_share is None else known_share
    assert score == w_price * 1 / usd + w_latency * 1 / ms + w_reputation * reputation / 100 + share


def test_seed_v1_does_not_normalise_weights_and_balanced_does() -> None:
    one = candidate(latency_ms=100.0, free=5, total=10)
    once, thrice = Weights(0.4, 0.3, 0.2, 0.1), Weights(1.2, 0.9, 0.6, 0.3)

    assert total(terms(one, "seed-v1", weights=thrice)) == pytest.approx(
        3 * total(terms(one, "seed-v1", weights=once))
    )
    assert total(terms(one, weights=thrice)) == pytest.approx(total(terms(one, weights=once)))


def test_a_free_offer_and_one_next_door_have_finite_scores() -> None:
    found = terms(candidate(price="0", latency_ms=0.0), "seed-v1", weights=Weights(1, 1, 0, 0))

    assert (found["price"], found["latency"]) == (1 / 1e-6, 1.0)
    assert terms(candidate(price="0"), "seed-v1", weights=Weights(0, 1, 0, 0))["price"] == 0.0


def test_balanced_terms_are_those_of_the_documented_formula() -> None:
    one = candidate(price="1.50", latency_ms=60.0, reputation=90.0, free=2, time_to_running_s=150.0)
    weights = Weights(0.4, 0.2, 0.2, 0.1, 0.1)

    found = terms(one, price="2.00", weights=weights, max_latency_ms=200.0)

    assert found == pytest.approx(
        {
            "price": 0.4 * (1 - 1.5 / 4),
            "latency": 0.2 * (1 - 60 / 400),
            "reputation": 0.2 * 0.9,
            "availability": 0.1 * 2 / 5,
            "time_to_running": 0.1 * (1 - 150 / 600),
        }
    )


def test_what_nobody_states_scores_a_half() -> None:
    found = terms(candidate(), weights=Weights(0, 0, 0, 1, 1))

    assert found["availability"] == 0.25
    assert found["time_to_running"] == 0.25
    assert terms(candidate(free=1), "seed-v1", weights=Weights(0, 0, 0, 1))["availability"] == 0.5


def test_without_a_latency_limit_330_ms_is_the_reference() -> None:
    found = terms(candidate(latency_ms=330.0), weights=Weights(0, 1, 0, 0), max_latency_ms=float("inf"))

    assert found["latency"] == 0.5


@given(
    price=st.floats(0.01, 4.0),
    latency=st.floats(0, 600),
    reputation=st.floats(0, 100),
    free=st.none() | st.integers(1, 100),
    ttr=st.none() | st.floats(0, 600),
)
@settings(max_examples=100)
def test_balanced_terms_stay_between_nothing_and_their_weight_up_to_twice_the_reference(
    price: float, latency: float, reputation: float, free: int | None, ttr: float | None
) -> None:
    weights = Weights(3, 2, 1, 1, 1)
    one = candidate(
        price=str(price), latency_ms=latency, reputation=reputation, free=free, time_to_running_s=ttr
    )

    found = terms(one, price="2.00", weights=weights, max_latency_ms=300.0)

    shares = {
        "price": 3 / 8,
        "latency": 2 / 8,
        "reputation": 1 / 8,
        "availability": 1 / 8,
        "time_to_running": 1 / 8,
    }
    assert all(-1e-12 <= found[name] <= share + 1e-12 for name, share in shares.items())


def test_capacity_of_the_simulator_is_counted_in_gpu_hours() -> None:
    one = candidate(free=20.0, total=100.0, launch_size=8.0)

    assert terms(one, weights=Weights(0, 0, 0, 1))["availability"] == 20 / 8 / 5
    assert terms(one, "seed-v1", weights=Weights(0, 0, 0, 1))["availability"] == 0.2


def test_capacity_of_cut_sizes_is_counted_in_launches_of_the_asked_size() -> None:
    cutting = ProviderState("akash", abilities=ProviderAbilities(custom_sizes=True))
    one = candidate(free=8, total=16, state=cutting)

    assert terms(one, weights=Weights(0, 0, 0, 1), gpu_count=4)["availability"] == 2 / 5


def test_the_reference_price_is_that_of_the_query_then_of_its_models_then_of_the_catalogue() -> None:
    market = [candidate("1", price="1.00"), candidate("2", price="2.00"), candidate("3", price="4.00")]
    by_family = {"a100": Decimal("1.10"), A100.name: Decimal("1.20")}

    query = GPUS.parse_query("a100")
    assert reference_price(snapshot(market, by_family), query) == Decimal("1.10")
    assert reference_price(snapshot(market, {A100.name: Decimal("1.20")}), query) == Decimal("1.20")
    assert reference_price(snapshot(market), query) == Decimal(2)
    assert reference_price(snapshot(market), GPUS.parse_query("h100")) is None


def test_a_decision_names_the_reference_and_the_weights_that_it_used() -> None:
    weights = Weights(1, 0, 0, 0)
    found = decide(
        snapshot([candidate(price="1.00")], {"a100": Decimal("2.00")}), request(weights=weights), now=NOW
    )

    assert found.reference_prices == {"a100": Decimal("2.00")}
    assert found.weights == weights
    assert found.chosen is not None
    assert found.chosen.terms["price"] == 0.75


def test_prices_near_the_reference_and_latency_both_move_the_choice() -> None:
    """In raw units latency decided nothing (learning.md section 3); in `balanced` it does."""
    near = candidate("near", price="1.10", latency_ms=20.0)
    far = candidate("far", price="1.00", latency_ms=280.0)
    weights = Weights(0.4, 0.4, 0.1, 0.1)

    assert decision([near, far], weights=weights).ranked[0].offer_id == "vastai:near"
    assert decision([near, far], weights=weights, policy="seed-v1").ranked[0].offer_id == "vastai:far"


def test_policies_are_known_by_name_and_version() -> None:
    assert dict(POLICIES) == {"balanced": BALANCED, "seed-v1": SEED_V1}
    found = decision([candidate()], policy="seed-v1")
    assert (found.policy, found.policy_version) == ("seed-v1", "seed-v1/1")


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="balanced, seed-v1") as refused:
        decision([candidate()], policy="astrology")

    assert refused.value.field == "policy"
