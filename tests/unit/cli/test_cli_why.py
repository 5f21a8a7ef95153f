"""`aurora why`: the whole story in one command."""

import pytest

from tests.unit.cli.cli_answers import (
    DECISION,
    DEPLOYMENT,
    decision,
    deployment,
    events,
    failed_over,
    ranked,
    refusal,
)
from tests.unit.cli.cli_standin import StandIn


def tell(standin: StandIn, found: dict) -> None:
    standin.on(f"GET /deployments/{DEPLOYMENT}", found)
    standin.on(f"GET /deployments/{DEPLOYMENT}/events", events())
    standin.on(f"GET /decisions/{DECISION}", decision())


def test_the_story_has_request_eliminations_ranking_attempts_and_cost(aurora, standin):
    tell(standin, failed_over())

    done = aurora("why", DEPLOYMENT, width=120)

    assert done.code == 0
    told = " ".join(done.out.split())
    for said in (
        f"{DEPLOYMENT} is running on akash after 2 attempts (emulated)",
        "llm_inference, 4 GPU-hours: 2 h of running",
        "at most $3 per GPU-hour; $7.20 in all; 500 ms; reputation 70 or better; 40 GB per GPU or more",
        "not salad; nothing that may be taken away",
        "variables TOKEN",
        "not in us-west",
        "not 2 GPUs",
        "salad is excluded by the request",
        "score = price + latency + reputation + availability",
        "Ahead of the next by 0.100: price +0.100.",
        "vastai refused: somebody else took it",
        "Attempt 1: vastai:8133742, nothing was created: ended (refused)",
        "Attempt 2: akash:akash1",
        "In all $0.3000 of at most $7.20",
    ):
        assert said in told, said


def test_every_offer_is_accounted_for(aurora, standin):
    tell(standin, deployment())

    done = aurora("why", DEPLOYMENT)

    counted = decision()["counts"]
    assert sum(value for name, value in counts(done.out).items()) == counted["total"]


def counts(text: str) -> dict[str, int]:
    names = ("region", "gpu", "count", "provider", "ranked")
    rows = [line.split() for line in text.splitlines()]
    return {row[1]: int(row[0].replace(",", "")) for row in rows if len(row) > 2 and row[1] in names}


def test_a_decision_that_found_nothing_says_what_would_help(aurora, standin):
    standin.on(f"GET /decisions/{DECISION}", refusal())

    done = aurora("why", DECISION)

    assert f"{DECISION} found no offer" in done.out
    assert "above $3 per GPU-hour" in done.out
    assert "max_price 0.66 instead of 0.10 would give 7 offers" in done.out
    assert "aurora whatif --gpu a100 --region us-west" in done.out


def test_a_tie_and_a_single_offer_are_explained_too(aurora, standin):
    standin.on(
        f"GET /decisions/{DECISION}", decision(candidates=[ranked("vastai:1", 0.2), ranked("vastai:2", 0.2)])
    )
    assert "Equal scores are decided by the lower price" in aurora("why", DECISION).out

    standin.on(f"GET /decisions/{DECISION}", decision(candidates=[ranked("vastai:1", 0.2)]))
    assert "It was the only one." in aurora("why", DECISION).out


def test_the_chosen_and_the_tried_offers_are_shown_however_far_down_they_are(aurora, standin):
    many = [ranked(f"vastai:{number}", 0.2) for number in range(10)]
    standin.on(f"GET /decisions/{DECISION}", decision(candidates=many, chosen="vastai:8"))

    done = aurora("why", DECISION, "--top", "2")

    assert "vastai:8 " in done.out
    assert "chosen" in done.out
    assert "vastai:5 " not in done.out


def test_a_deployment_whose_decision_is_gone_still_has_a_story(aurora, standin):
    standin.on(f"GET /deployments/{DEPLOYMENT}", deployment(status="terminated", reason="user"))
    standin.on(f"GET /deployments/{DEPLOYMENT}/events", events())

    done = aurora("why", DEPLOYMENT)

    assert done.code == 0
    assert "not stored any more" in done.out
    assert "What it cost" in done.out


def test_json_is_one_document_with_all_three_answers(aurora, standin):
    tell(standin, deployment())

    found = aurora("why", DEPLOYMENT, "--json").json

    assert found == {"deployment": deployment(), "decision": decision(), "events": events()["events"]}


def test_an_unknown_id_is_not_found(aurora):
    assert aurora("why", "dep-unknown").code == 5
    assert aurora("why", "dec-unknown").code == 5


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_longer_than_the_screen(aurora, standin, width):
    tell(standin, failed_over())

    assert aurora("why", DEPLOYMENT, width=width).longest() <= width
