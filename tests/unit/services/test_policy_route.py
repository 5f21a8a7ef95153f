"""Policies on the way from a request to its record, and what the record explains."""

from dataclasses import replace

import pytest

from aurora.db.repositories import decisions
from aurora.domain.records import RouteAnswer
from aurora.domain.request import ComputeRequest
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.decision import Decision
from aurora.routing.router import decide
from aurora.services.decision_record import DecisionContext, decision_record
from aurora.services.route_answer import decided_answer
from tests.unit.lifecycle.world import CALLER, Setting, World, offer, request, setting
from tests.unit.routing import market as pure

CONTEXT = DecisionContext("dec-1", None, "test")


def recorded(market: list[Candidate], **changes: object) -> dict:
    asked = pure.request(**changes)
    decision = decide(pure.snapshot(market), asked, now=pure.NOW)
    return decision_record(decision, asked, context=CONTEXT, holds=())


async def stored(world: World, answer: RouteAnswer) -> dict:
    assert answer.decision_id is not None
    async with world.database.read() as connection:
        found = await decisions.find(connection, answer.decision_id, tenant=None)
    assert found is not None
    return found


def two_providers() -> list:
    return [offer("1", available=9), offer("2", provider="other", available=9, usd="1.50")]


async def route(stage: Setting, *requests: ComputeRequest, dry_run: bool = False) -> list[RouteAnswer]:
    world = await stage.boot()
    return [await world.routing.route(one, caller=CALLER, dry_run=dry_run) for one in requests]


async def test_deployments_take_turns_and_dry_runs_do_not(sqlite_database):
    wanted = request(policy="round-robin")
    async with setting(sqlite_database, offers=two_providers()) as stage:
        world = await stage.boot()
        looks = [await world.routing.route(wanted, caller=CALLER, dry_run=True) for _ in range(2)]
        taken = [await world.routing.route(wanted, caller=CALLER) for _ in range(3)]
        kept = [await stored(world, answer) for answer in taken]

    assert [answer.provider for answer in looks] == ["fake", "fake"]
    assert [answer.provider for answer in taken] == ["fake", "other", "fake"]
    assert [(row["policy"], row["seed"]) for row in kept] == [("round-robin", turn) for turn in range(3)]
    assert [row["request"]["seed"] for row in kept] == [0, 1, 2]


async def test_a_draw_keeps_its_seed_and_its_probability(sqlite_database):
    async with setting(sqlite_database, offers=two_providers()) as stage:
        world = await stage.boot()
        answer = await world.routing.route(request(policy="weighted"), caller=CALLER)
        row = await stored(world, answer)

    assert row["seed"] > 0
    assert row["propensity"] == pytest.approx(0.5)


async def test_a_failover_under_a_policy_stays_with_that_policy(sqlite_database):
    async with setting(sqlite_database, offers=two_providers()) as stage:
        world = await stage.boot()
        answer = await world.routing.route(request(policy="telemetry"), caller=CALLER)
        view = await world.view(answer.deployment_id or "")
        chosen = world.context.candidates.choose(view.deployment, view.attempts)

    assert answer.rationale == "Selected fake (source: static, score: 0.675)"
    assert chosen is not None
    assert chosen.decision["policy"] == "telemetry"
    assert chosen.attempt.provider == "other"


@pytest.mark.parametrize("usd", ["1.00", "9.00"])
async def test_the_stored_decision_names_examples_for_every_reason_chosen_or_not(sqlite_database, usd):
    offers = [offer("1", usd=usd), *(offer(f"dear-{n}", usd=f"{n}.00", available=1) for n in range(10, 18))]
    async with setting(sqlite_database, offers=offers) as stage:
        world = await stage.boot()
        answer = await world.routing.route(request(), caller=CALLER)
        row = await stored(world, answer)

    price = row["eliminated"]["price"]
    assert price["count"] == row["counts"]["price"] == (8 if usd == "1.00" else 9)
    assert len(price["examples"]) == 3
    assert all(
        one["offer"].startswith("fake:") and "per GPU-hour" in one["detail"] for one in price["examples"]
    )


def test_examples_are_as_different_as_there_are_sentences():
    same = [pure.candidate(str(number), free=0) for number in range(7)]
    market = [*same, pure.candidate("x", free=0.5)]

    kept = recorded(market)["eliminated"]["capacity"]

    assert kept["count"] == 8
    assert [one["detail"] for one in kept["examples"]] == [
        "nothing is free",
        "0.5 free where 1 is needed",
        "nothing is free",
    ]
    assert len({one["offer"] for one in kept["examples"]}) == 3


def test_every_reason_has_its_examples_and_the_counts_agree():
    market = [
        pure.candidate("1"),
        pure.candidate("2", price="9.00"),
        pure.candidate("3", reputation=10.0),
        pure.candidate("4", state=ProviderState("akash", create_breaker_open=True)),
    ]

    row = recorded(market)

    assert {reason: kept["count"] for reason, kept in row["eliminated"].items()} == {
        reason: number for reason, number in row["counts"].items() if reason not in {"ranked", "total"}
    }
    assert row["eliminated"]["provider"]["examples"] == [
        {"offer": "akash:4", "detail": "akash's circuit breaker for creates is open"}
    ]


def test_a_choice_keeps_what_would_be_cheaper_and_a_refusal_its_pairs():
    cheaper = pure.candidate("2", price="0.50", reputation=60.0)

    chosen = recorded([pure.candidate("1"), cheaper])
    refused = recorded([replace(cheaper, latency_ms=999.0)])

    assert [one["text"] for one in chosen["relaxations"]] == [
        "min_reputation 60 instead of 70 would give 1 cheaper offer"
    ]
    assert [change["limit"] for change in refused["relaxations"][0]["changes"]] == [
        "max_latency_ms",
        "min_reputation",
    ]


def test_a_ranked_record_has_its_terms_and_its_g_score():
    [row] = recorded([pure.candidate("1", g_score=71.5)])["candidates"]

    assert row["g_score"] == 71.5
    assert row["score"] == pytest.approx(sum(row["terms"].values()))


def test_the_answer_of_a_refusal_gives_the_filters_reason_under_any_policy():
    asked = pure.request(policy="telemetry")
    decision: Decision = decide(pure.snapshot([pure.candidate(price="9.00")]), asked, now=pure.NOW)

    answer = decided_answer(decision, decision_id=None)

    assert answer.rationale == "No candidates available"
    assert answer.reason is not None
    assert answer.reason.startswith("No viable providers for 1 x a100")


def test_the_answer_of_a_choice_says_what_would_be_cheaper():
    market = [pure.candidate("1"), pure.candidate("2", price="0.50", reputation=60.0)]

    answer = decided_answer(pure.decision(market), decision_id=None)

    assert answer.relaxations == ("min_reputation 60 instead of 70 would give 1 cheaper offer",)
