from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.api.schemas.offers import OfferListOut
from aurora.domain.gpu import GpuModel
from tests.fakes.clock import START
from tests.unit.api.fakes import offer


def usd(text: str) -> Decimal:
    return Decimal(text)


@pytest.fixture
def on_sale(aurora):
    aurora.catalogue.on_sale = [
        offer("cheap", price_per_hour=usd("0.30"), gpu=GpuModel("t4", None, 16), vram_gb=16.0),
        offer("pair", price_per_hour=usd("3.00"), gpu_count=2, available=0),
        offer("mid", price_per_hour=usd("1.20"), regions=frozenset({"us-east"})),
        offer("nowhere", price_per_hour=usd("1.30"), regions=frozenset(), country=None, available=None),
        offer("spot", price_per_hour=usd("0.60"), spot=True, seen_at=START - timedelta(seconds=90)),
        offer("akash", provider="akash", price_per_hour=usd("2.00"), host="h1"),
    ]


async def listed(client, query: str) -> dict:
    async with client.get(f"/offers?{query}") as reply:
        assert reply.status == 200, await reply.text()
        answer = await reply.json()
    OfferListOut.model_validate(answer)
    return answer


async def ids(client, query: str) -> list[str]:
    return [row["id"].partition(":")[2] for row in (await listed(client, query))["offers"]]


async def test_an_offer_has_the_documented_fields(client):
    [row] = (await listed(client, ""))["offers"]

    assert row == {
        "id": "vastai:1",
        "provider": "vastai",
        "model": "A100 SXM4",
        "gpu_type": "a100-sxm-80gb",
        "gpu_family": "a100",
        "vram_gb": 80.0,
        "gpu_count": 1,
        "price_per_hour": 1.5,
        "price_usd_per_gpu_hour": 1.5,
        "price_kind": "firm",
        "region": "us-west",
        "regions": ["us-west"],
        "country": "US",
        "spot": False,
        "available": 1,
        "g_score": None,
        "g_score_parts": {"price": None, "reliability": None, "network": None, "launches": None},
        "reputation": 86.0,
        "seen_at": "2026-01-15T11:59:30.000Z",
        "age_seconds": 30.0,
        "emulated": True,
    }


async def test_the_list_says_how_complete_it_is(client):
    answer = await listed(client, "gpu_type=h100")

    assert (answer["offers"], answer["total"], answer["next_cursor"]) == ([], 0, None)
    assert answer["providers"]["akash"] == {
        "completeness": None,
        "age_seconds": None,
        "last_error": "never answered",
        "last_sync": None,
        "offers": 0,
    }
    assert answer["emulated"] is True


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("gpu_type=T4", ["cheap"]),
        ("gpu_type=a100-80gb&gpu_count=2", ["pair"]),
        ("provider=akash", ["akash"]),
        ("provider=akash,vastai&gpu_type=t4", ["cheap"]),
        ("region=us-east-1", ["mid", "nowhere"]),
        ("region=global&max_price=0.6", ["cheap", "spot"]),
        ("min_vram_gb=24&max_price=1.2", ["spot", "mid"]),
        ("spot=true", ["spot"]),
        ("spot=false&max_price=1.25", ["cheap", "mid"]),
        ("available=false", ["pair"]),
        ("available=true&gpu_count=1&max_price=1.3", ["cheap", "spot", "mid", "nowhere"]),
        ("sort=-price&limit=2", ["akash", "pair"]),
        ("sort=price_per_hour&limit=2", ["cheap", "spot"]),
        ("sort=-gpu_count&limit=1", ["pair"]),
        ("sort=seen_at&limit=1", ["spot"]),
        ("sort=reputation&limit=1", ["akash"]),
        ("sort=vram_gb&limit=1", ["cheap"]),
        ("sort=-available&limit=1", ["cheap"]),
        ("sort=available&limit=6", ["pair", "cheap", "spot", "mid", "akash", "nowhere"]),
        ("sort=g_score&limit=2", ["cheap", "spot"]),
        ("colour=green&limit=1", ["cheap"]),
    ],
)
@pytest.mark.usefixtures("on_sale")
async def test_offers_are_filtered_and_sorted(client, query, expected):
    assert await ids(client, query) == expected


@pytest.mark.usefixtures("on_sale")
@pytest.mark.parametrize("sort", ["price", "-price", "available", "-seen_at"])
async def test_pages_follow_each_other_without_gap_or_repeat(client, sort):
    whole = await ids(client, f"sort={sort}")
    found, cursor = [], ""
    while cursor is not None:
        answer = await listed(client, f"sort={sort}&limit=2" + (f"&cursor={cursor}" if cursor else ""))
        found += [row["id"].partition(":")[2] for row in answer["offers"]]
        cursor = answer["next_cursor"]
        assert answer["total"] == 6

    assert found == whole
    assert len(found) == 6


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("gpu_type=zx9000", "gpu_type"),
        ("gpu_type=a100%27%3B+DROP+TABLE+offers", "gpu_type"),
        ("provider=amazon", "provider"),
        ("region=atlantis", "region"),
        ("max_price=-1", "max_price"),
        ("max_price=nan", "max_price"),
        ("min_vram_gb=inf", "min_vram_gb"),
        ("gpu_count=0", "gpu_count"),
        ("spot=perhaps", "spot"),
        ("sort=beauty", "sort"),
        ("sort=id;--", "sort"),
        ("limit=1001", "limit"),
        ("cursor=rubbish", "cursor"),
        ("cursor=WzFd", "cursor"),
        ("cursor=%C3%A9", "cursor"),
    ],
)
async def test_a_wrong_filter_is_refused_by_name(client, query, field):
    async with client.get(f"/offers?{query}") as reply:
        problem = await reply.json()

    assert reply.status == 422
    assert [each["field"] for each in problem["errors"]] == [field]


@pytest.mark.usefixtures("on_sale")
async def test_a_cursor_belongs_to_its_order(client):
    cursor = (await listed(client, "sort=price&limit=1"))["next_cursor"]

    async with client.get(f"/offers?sort=-price&cursor={cursor}") as reply:
        assert reply.status == 422
