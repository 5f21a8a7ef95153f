from collections import Counter
from decimal import Decimal

import pytest

from tests.emulators.gateway.conftest import BRANDS


async def walked(gateway, **query):
    """All pages with their number."""
    rows, pages = [], 0
    while True:
        body = await gateway.get("/gpus", **query)
        rows += body["data"]
        pages += 1
        if body["next_cursor"] is None:
            return rows, pages
        query["cursor"] = body["next_cursor"]


async def test_a_walk_meets_every_offer_once_the_cheapest_first(each):
    rows, pages = await walked(each, limit=70, available="false")

    places = [(Decimal(row["price_per_hour"]), row["id"]) for row in rows]
    assert (len(rows), pages) == (300, 5)
    assert places == sorted(places)
    assert len({row["id"] for row in rows}) == 300


async def test_what_is_sold_out_is_shown_only_when_asked_for(each):
    shown = await each.get("/gpus", limit=1)
    all_of_it = await each.get("/gpus", limit=1, available="false")
    rows, _ = await walked(each, limit=200)

    assert 0 < shown["total"] < all_of_it["total"] == 300
    assert all(row["available"] > 0 for row in rows)
    assert len(rows) == shown["total"]


async def test_an_offer_that_sells_out_during_a_walk_skips_no_other(gateway):
    first = await gateway.get("/gpus", limit=20)
    gone = first["data"][5]
    for _ in range(gone["available"]):
        await gateway.rent(gone)

    rest, _ = await walked(gateway, limit=200, cursor=first["next_cursor"])

    assert len(first["data"]) + len(rest) == first["total"]


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"gpu_model": "rtx 4090"}, lambda row: "RTX 4090" in row["gpu_model"]),
        ({"min_vram_gb": 80}, lambda row: row["vram_gb"] >= 80),
        ({"gpu_count": 2}, lambda row: row["gpu_count"] == 2),
        ({"region": "us-west"}, lambda row: row["region"] == "us-west"),
        ({"country": "de"}, lambda row: row["country"] == "DE"),
        ({"max_price_per_hour": "0.5"}, lambda row: Decimal(row["price_per_hour"]) <= Decimal("0.5")),
        ({"spot": "true"}, lambda row: row["spot"]),
        ({"spot": "false"}, lambda row: not row["spot"]),
    ],
)
async def test_filters_leave_what_fits_and_nothing_else(gateway, query, holds):
    every, _ = await walked(gateway, limit=200)

    found, _ = await walked(gateway, limit=200, **query)

    assert found == [row for row in every if holds(row)]
    assert 0 < len(found) < len(every)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 201}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"min_vram_gb": -1}, "min_vram_gb"),
        ({"gpu_count": "two"}, "gpu_count"),
        ({"spot": "perhaps"}, "spot"),
        ({"max_price_per_hour": "nan"}, "max_price_per_hour"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_named(gateway, query, field):
    answer = await gateway.ask("GET", "/gpus", params=query)

    assert (answer.status, answer.fields) == (422, [field])


@pytest.mark.parametrize("cursor", ["x", "e30", "bm9uZQ", "eyJwIjoieCIsImkiOiJhIn0"])
async def test_a_strange_cursor_is_refused(gateway, cursor):
    answer = await gateway.ask("GET", "/gpus", params={"cursor": cursor})

    assert (answer.status, answer.code) == (400, "invalid_cursor")


async def test_a_quote_works_out_disk_and_minimum(start):
    flux = await start("flux")
    offer = await flux.an_offer()
    price = Decimal(offer["price_per_hour"])

    short = (await flux.get(f"/gpus/{offer['id']}", disk_gb=40, duration_minutes=15))["quote"]
    long = (await flux.get(f"/gpus/{offer['id']}", disk_gb=40, duration_minutes=90))["quote"]

    hourly = price + Decimal("0.0001") * 40
    assert Decimal(short["price_per_hour"]) == hourly
    assert (short["billed_minutes"], Decimal(short["total"])) == (60, hourly)
    assert (long["billed_minutes"], Decimal(long["total"])) == (90, hourly * Decimal("1.5"))
    assert (await flux.calls())["quote"] == 2


async def test_a_quote_is_given_for_what_is_sold_out_too(each):
    sold_out = next(row for row in await each.offers(available="false") if row["available"] == 0)

    assert (await each.get(f"/gpus/{sold_out['id']}"))["available"] == 0
    assert (await each.create(sold_out)).code == "no_capacity"


async def test_the_same_seed_makes_the_same_market_and_another_another(start):
    def sold(rows):
        return [(row["id"], row["price_per_hour"], row["available"]) for row in rows]

    one, same, other = [await start("flux", seed=seed) for seed in (1, 1, 2)]

    assert sold(await one.offers()) == sold(await same.offers())
    assert sold(await one.offers()) != sold(await other.offers())


async def test_the_number_of_offers_follows_the_option(start):
    few, many = await start(offers=80), await start(offers=8000)

    assert (await few.get("/gpus", available="false"))["total"] == 10
    assert (await many.get("/gpus", available="false"))["total"] == 1000


async def test_the_brands_sell_what_their_documents_say(start):
    markets = {brand: await start(brand) for brand in BRANDS}
    rows = {
        brand: (await walked(market, limit=200, available="false"))[0] for brand, market in markets.items()
    }
    terms = {brand: Counter(row["min_billing_minutes"] for row in found) for brand, found in rows.items()}
    whole = sum(row["gpu_count"] == 8 for row in rows["aethir"])

    assert set(terms["aethir"]) == {60, 1440, 43_200}
    assert set(terms["render"]) == set(terms["flux"]) == {60}
    assert whole > 200
    assert not any(row["spot"] for row in rows["aethir"])
    for brand, found in rows.items():
        assert len({row["gpu_model"] for row in found}) >= 8, brand
        assert len({row["country"] for row in found}) >= 8, brand
        assert {"emulated", "synthetic"} <= found[0].keys()
    assert any(row["region"] is None and row["country"] is None for row in rows["flux"])


async def test_prices_keep_to_the_figures_they_come_from(start):
    render = await start()
    rows = await render.offers(available="false", spot="false", gpu_count=1)

    def prices(model):
        return [Decimal(row["price_per_hour"]) for row in rows if row["gpu_model"] == model]

    low, high = min(prices("NVIDIA RTX 5090")), max(prices("NVIDIA RTX 5090"))
    assert Decimal("0.45") <= low < high <= Decimal("0.69")  # RNP-019
    assert all(abs(price - Decimal("0.35")) < Decimal("0.05") for price in prices("NVIDIA RTX 4090"))
