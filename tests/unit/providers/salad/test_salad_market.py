"""SaladCloud's classes as offers: prices by priority, what is asked with them, quotes, names."""

from decimal import Decimal

import pytest

from aurora.domain.errors import InvalidProviderRequest, MalformedAnswer, Misconfigured, OfferGone
from aurora.domain.gpu_table import GpuTable
from aurora.providers.base import Cursor
from aurora.providers.salad import normalise_base_url
from aurora.providers.salad.classes import class_list
from aurora.providers.salad.limits import ACCOUNT, CREATE, REAL
from aurora.providers.salad.names import OfferId, Place
from tests.unit.providers.loopback import Loopback, Reply, SkippingClock
from tests.unit.providers.salad.salad_booth import (
    A100X8,
    ORGANIZATION,
    RTX4090,
    Booth,
    problem,
    salad_at,
    sample,
)


@pytest.fixture
async def market():
    clock = SkippingClock()
    booth = Booth(clock)
    async with Loopback(booth) as server:
        provider = salad_at(server, clock=clock)
        provider.booth, provider.server = booth, server
        yield provider
        await provider.aclose()


async def walk(provider):
    pages = [await provider.offers_page(Cursor(key)) for key in await provider.catalogue_slices()]
    return {each.external_id: each for page in pages for each in page.offers}, [
        each for page in pages for each in page.rejected
    ]


async def test_every_class_is_an_offer_per_priority(market):
    offers, rejected = await walk(market)

    assert len(offers) == 36 * 4
    assert [(each.reason, each.count, each.example) for each in rejected] == [
        ("a mix of GPUs", 1, "Stable Diffusion Compatible")
    ]


async def test_priorities_say_what_may_be_taken_away_and_what_is_free(market):
    offers, _ = await walk(market)

    mine = {key.rpartition(".")[2]: offers[key] for key in offers if key.startswith(RTX4090)}
    assert {key: each.spot for key, each in mine.items()} == {
        "high": False,
        "medium": True,
        "low": True,
        "batch": True,
    }
    assert {key: each.available for key, each in mine.items()} == market.booth.free
    assert len({each.slice_key for each in mine.values()}) == 1


async def test_a_secure_class_is_eight_gpus_with_bounds_of_its_own(market):
    offers, _ = await walk(market)

    offer = offers[f"{A100X8}.low"]
    assert (offer.gpu.name, offer.gpu_count, offer.vram_gb) == ("a100-pcie-40gb", 8, 40.0)
    assert (offer.vcpus, offer.memory_gb, round(offer.disk_max_gb)) == (32, 256, 537)


@pytest.mark.parametrize("name", ["gpu-classes_2025-09-22.json", "gpu-classes_2024-11-14.json"])
def test_every_captured_class_has_a_known_gpu_but_the_mix(name):
    gpus = GpuTable.load()
    rows = sample(name)["items"]

    unknown = [row["name"] for row in rows if not gpus.identify(row["name"]).known]

    assert unknown == ["Stable Diffusion Compatible"]
    assert len(class_list(rows).rows) == len(rows) - 1


def test_prices_are_taken_by_name_not_by_place_and_odd_classes_are_counted():
    prices = [{"priority": "batch", "price": "0.1"}, {"priority": "high", "price": 0.2}]
    good = {"id": RTX4090, "name": "RTX 4090 (24 GB)", "prices": [*prices, {"priority": "odd", "price": "x"}]}
    odd = [{**good, "id": "?"}, {**good, "name": " "}, {**good, "prices": []}, {**good, "prices": None}, 7]

    listed = class_list([*odd, good])

    assert listed.rows[0].prices == {"batch": Decimal("0.1"), "high": Decimal("0.2")}
    assert {each.reason: each.count for each in listed.rejected} == {
        "id is not an id": 1,
        "name is missing": 1,
        "no price": 2,
        "the row is not an object": 1,
    }


async def test_a_quote_asks_for_nodes_with_this_disk_and_says_when_there_are_none(market):
    await market.quote(f"{RTX4090}.high", gpu_count=1, disk_gb=50)

    assert market.server.asked[-1].body == {
        "gpu_classes": [RTX4090],
        "cpu": 4,
        "memory": 8192,
        "storage_amount": 50_000_000_000,
    }
    with pytest.raises(OfferGone, match="no free node"):
        await market.quote(f"{RTX4090}.low", gpu_count=1, disk_gb=1)
    with pytest.raises(OfferGone, match="not listed"):
        await market.quote(f"{'0' * 8}-0000.low", gpu_count=1, disk_gb=1)
    with pytest.raises(OfferGone, match="8 GPUs"):
        await market.quote(f"{A100X8}.high", gpu_count=1, disk_gb=1)


async def test_a_price_that_changed_is_the_quotes_price(market):
    await walk(market)
    next(row for row in market.booth.classes if row["id"] == RTX4090)["prices"][0]["price"] = "0.35"

    assert (await market.quote(f"{RTX4090}.high", gpu_count=1, disk_gb=1)).usd_per_hour == Decimal("0.35")


async def test_a_catalogue_that_is_none_is_malformed_and_html_is_not_believed(market):
    path = ("GET", f"{ORGANIZATION}/gpu-classes")
    market.booth.override[path] = [
        Reply({"items": None}),
        Reply("<html>ok</html>"),
        problem(404, "Not Found"),
    ]

    for meaning in (MalformedAnswer, MalformedAnswer, Misconfigured):
        with pytest.raises(meaning):
            await market.catalogue_slices()


def test_what_can_be_no_offer_of_this_market_is_refused():
    for text in ("", "1", RTX4090, f"{RTX4090}.urgent", "a/b.high"):
        with pytest.raises(InvalidProviderRequest):
            OfferId.parse("salad", text)
    assert str(OfferId.parse("salad", f"{RTX4090}.low")) == f"{RTX4090}.low"


def test_whose_account_it_is_has_to_be_said_in_live_mode_and_may_be_made_up_in_emulated():
    assert Place.of("salad", {}, emulated=True) == Place("aurora", "default")
    assert Place.of("salad", {"PROJECT": "mine"}, emulated=True).project == "mine"
    for names in ({}, {"ORGANIZATION": "acme"}, {"ORGANIZATION": "acme", "PROJECT": "A"}):
        with pytest.raises(Misconfigured, match="SALAD_PROJECT"):
            Place.of("salad", names, emulated=False)


def test_the_base_url_is_corrected_or_refused():
    real = "https://api.salad.com/api/public"
    for text in (real, f"{real}/", "https://api.salad.com", "https://api.salad.com/api"):
        assert normalise_base_url(text) == real
    with pytest.raises(ValueError, match="is a website"):
        normalise_base_url("https://portal.salad.com")


def test_real_limits_stay_below_240_a_minute_for_all_calls_together():
    assert sum(each.per_period for each in REAL.endpoints.values()) == 240
    assert set(REAL.endpoints) == {ACCOUNT, CREATE}
    assert all(each.strict for each in REAL.endpoints.values())
