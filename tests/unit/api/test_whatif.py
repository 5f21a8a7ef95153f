from decimal import Decimal

import pytest

from aurora.api.schemas.offers import OfferListOut
from aurora.api.schemas.whatif import WhatIfOut
from aurora.domain.region import RegionTable
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.g_score import GScore
from aurora.routing.snapshot import MarketSnapshot
from tests.fakes.clock import START
from tests.unit.api.fakes import offer

BODY = {"gpu_type": "a100", "region": "us-west", "max_price": 2.0, "min_reputation": 80}


@pytest.fixture
def market(aurora):
    def put(*candidates: Candidate) -> None:
        aurora.whatif.market = MarketSnapshot.of(candidates, regions=RegionTable.load(), taken_at=START)

    return put


def candidate(external_id: str, price: str, **changes: object) -> Candidate:
    return Candidate(offer(external_id, price_per_hour=Decimal(price)), ProviderState("vastai"), **changes)


async def asked(client, **changes: object) -> dict:
    async with client.post("/route/whatif", json={**BODY, **changes}) as reply:
        assert reply.status == 200, await reply.text()
        answer = await reply.json()
    WhatIfOut.model_validate(answer)
    return answer


async def test_a_better_offer_is_answered_with_its_price_and_what_it_saves(client, market):
    market(candidate("now", "1.50", reputation=90.0), candidate("low", "0.90", reputation=76.5))

    answer = await asked(client)

    assert answer["policy"] == "balanced"
    assert answer["emulated"] is True
    score, rationale = answer["baseline"].pop("score"), answer["baseline"].pop("rationale")
    assert answer["baseline"] == {
        "chosen": "vastai:now",
        "provider": "vastai",
        "price_usd_per_hour": 1.5,
        "price_usd_per_gpu_hour": 1.5,
        "price_kind": "firm",
        "estimated_latency_ms": 21.2,
        "candidates": 1,
    }
    assert 0 < score < 1
    assert rationale.startswith("Chose vastai (vastai:now)")
    [change] = answer["changes"]
    assert change["changes"] == [{"limit": "min_reputation", "asked": "80", "instead": "76"}]
    assert change["offers"] == 1
    assert change["saves_usd_per_hour"] == 0.6
    assert change["best"]["offer_id"] == "vastai:low"
    assert change["best"]["price_usd_per_hour"] == change["best"]["price_usd_per_gpu_hour"] == 0.9
    assert change["best"]["price_kind"] == "firm"
    assert set(change["best"]) == {
        "offer_id",
        "provider",
        "price_usd_per_hour",
        "price_usd_per_gpu_hour",
        "price_kind",
        "estimated_latency_ms",
        "score",
    }
    assert "min_reputation 76 instead of 80 would give 1 more offer" in change["text"]


async def test_without_any_offer_the_baseline_is_null_and_the_reason_is_there(client, market):
    market(candidate("dear", "2.50", reputation=90.0))

    answer = await asked(client)

    assert answer["baseline"]["chosen"] is None
    assert answer["baseline"]["price_usd_per_hour"] is None
    assert answer["baseline"]["rationale"].startswith("No viable providers")
    [change] = answer["changes"]
    assert (change["saves_usd_per_hour"], change["better"]) == (None, [])
    assert change["changes"][0]["instead"] == "2.50"


async def test_nothing_is_deployed_whatever_the_body_says(client, aurora, market):
    market(candidate("now", "1.50", reputation=90.0))

    await asked(client, dry_run=False, wait=5)

    assert aurora.routing.asked == []
    [request] = aurora.whatif.asked
    assert (request.gpu.name, request.max_price, request.tenant) == ("a100", Decimal("2.0"), "default")


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "gpu_type"), ({"gpu_type": "a100", "policy": "luck"}, "policy"), ({"nonsense": 1}, "nonsense")],
)
async def test_a_wrong_body_is_refused_as_by_route(client, body, field):
    async with client.post("/route/whatif", json=body) as reply:
        problem = await reply.json()

    assert reply.status == 422
    assert field in {error["field"] for error in problem["errors"]}


async def test_a_body_without_content_type_is_understood(client, market):
    market()

    async with client.post(
        "/route/whatif", data=b'{"gpu_type": "a100"}', headers={"Content-Type": "text/plain"}
    ) as reply:
        assert reply.status == 200


async def listed(client, query: str = "") -> list[dict]:
    async with client.get(f"/offers?{query}") as reply:
        answer = await reply.json()
    OfferListOut.model_validate(answer)
    return answer["offers"]


async def test_offers_show_their_g_score_with_the_missing_parts_as_null(client, aurora):
    aurora.g_scores.by_offer["vastai:1"] = GScore(
        71.2345, {"price": 0.5, "network": 0.65432}, ("reliability", "launches")
    )

    [row] = await listed(client)

    assert row["g_score"] == 71.2
    assert row["g_score_parts"] == {
        "price": 0.5,
        "reliability": None,
        "network": 0.6543,
        "launches": None,
    }


async def test_offers_are_sorted_by_g_score_and_those_without_one_come_last(client, aurora):
    aurora.catalogue.on_sale = [offer(name) for name in ("none", "poor", "good")]
    aurora.g_scores.by_offer = {"vastai:poor": GScore(10.0, {}, ()), "vastai:good": GScore(90.0, {}, ())}

    rising = [row["id"] for row in await listed(client, "sort=g_score")]
    falling = [row["id"] for row in await listed(client, "sort=-g_score")]

    assert rising == ["vastai:poor", "vastai:good", "vastai:none"]
    assert falling == ["vastai:good", "vastai:poor", "vastai:none"]
