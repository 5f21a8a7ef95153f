"""io.net's catalogue and prices: both shapes of rows, what each is worth per GPU and hour, quotes."""

from decimal import Decimal

import pytest

from aurora.domain.errors import InvalidProviderRequest, MalformedAnswer, OfferGone
from aurora.domain.gpu_table import GpuTable
from aurora.domain.records import BEYOND_CAP
from aurora.domain.region import RegionTable
from aurora.providers.base import Cursor
from aurora.providers.ionet import normalise_base_url
from aurora.providers.ionet.hardware import hardware_list
from aurora.providers.ionet.offer_id import OfferId
from tests.unit.providers.ionet.ionet_booth import CAAS, OFFER, SKU, Booth, captured, ionet_at, refusal
from tests.unit.providers.loopback import Loopback, Reply, SkippingClock


@pytest.fixture
async def booth():
    return Booth()


@pytest.fixture
async def market(booth):
    async with Loopback(booth) as server:
        provider = ionet_at(server, clock=SkippingClock())
        provider.server = server
        yield provider
        await provider.aclose()


async def walk(provider):
    found, rejected = {}, []
    for key in await provider.catalogue_slices():
        cursor = Cursor(key)
        while cursor is not None:
            page = await provider.offers_page(cursor)
            found.update((each.external_id, each) for each in page.offers)
            rejected += page.rejected
            cursor = page.next
    return found, rejected


@pytest.mark.parametrize("wrapped", [False, True])
async def test_every_captured_row_is_an_offer_in_both_shapes(market, booth, wrapped):
    booth.wrapped = wrapped

    offers, rejected = await walk(market)

    assert rejected == []
    assert len(offers) == 14 + 4 * 2  # partners' machines; network hardware in two places
    assert (offers["net-12.3.1"].available, offers["net-46.3.1"].available) == (2, 0)


def test_every_captured_row_has_a_known_gpu_and_those_with_a_place_a_known_place():
    gpus, places = GpuTable.load(), RegionTable.load()
    rows = captured()

    assert all(gpus.identify(row["hardware_name"]).known for row in rows)
    assert all(places.place(row["location"]).regions for row in rows if row["location"])


async def test_rows_without_a_price_take_the_consoles_and_without_that_are_counted(market, booth):
    told = booth.override[("GET", "/v1/io-cloud/caas/hardware")] = []
    rows = [{"deploy_id": 12, "num_cards": 4, "price": 1.6, "vram_per_card": 24, "storage": 50}]
    told.append(Reply({"data": {"hardware": rows}}))
    for row in booth.hardware:
        del row["price"]

    offers, rejected = await walk(market)

    assert offers["net-12.3.1"].price_per_hour == Decimal("0.4")
    assert offers["net-12.3.1"].disk_max_gb == 50
    assert {each.reason for each in rejected} == {"no price"}
    assert sum(each.count for each in rejected) == 14 + 3


async def test_network_hardware_is_read_in_every_size_of_container(market, booth):
    booth.hardware = [
        {"hardware_id": 12, "hardware_name": "GeForce RTX 4090", "max_gpus_per_container": 6, "price": 0.3}
    ]

    offers, _ = await walk(market)

    assert {key for key in offers if ".17." in key} == {f"net-12.17.{size}" for size in (1, 2, 4, 6)}
    assert offers["net-12.17.6"].price_per_hour == Decimal("1.8")


async def test_the_console_may_fail_without_harm(market, booth):
    booth.override[("GET", "/v1/io-cloud/caas/hardware")] = [Reply("<html>", status=502)] * 50

    offers, _ = await walk(market)

    assert offers["net-12.3.1"].price_per_hour == Decimal("0.3")
    assert "x-api-key" not in next(
        asked.headers for asked in market.server.asked if not asked.path.startswith(CAAS)
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hardware_id": None}, "hardware_id is missing or odd"),
        ({"hardware_id": -1}, "hardware_id is missing or odd"),
        ({"hardware_id": "a b/c"}, "hardware_id is not usable"),
        ({"hardware_id": "sku", "location": None}, "a partner's hardware without a country"),
        ({"hardware_name": ""}, "hardware_name is missing"),
        ({"max_gpus_per_container": 0}, "max_gpus_per_container is out of range"),
        ({"price": "free"}, "price is not a number"),
        ({"price": -1}, "price is out of range"),
    ],
)
def test_odd_rows_are_counted_by_reason(change, reason):
    row = {**captured()[-1], **change}

    listed = hardware_list([row, "rubbish", captured()[0]])

    assert [each.reason for each in listed.rejected] == [reason, "the row is not an object"]
    assert len(listed.rows) == 1


async def test_a_catalogue_of_more_rows_than_are_read_is_not_complete(market, booth):
    sku = captured()[0]
    booth.hardware = [{**sku, "hardware_id": f"sku-{number}"} for number in range(12)]
    capped = ionet_at(market.server, clock=SkippingClock(), most_rows=10)

    page = await capped.offers_page(Cursor("partners"))
    await capped.aclose()

    assert (len(page.offers), page.complete, page.next) == (10, False, None)
    assert [(each.reason, each.count) for each in page.rejected] == [(BEYOND_CAP, 2)]


async def test_a_quote_asks_for_a_list_of_one_location_as_text(market):
    await market.quote(OFFER, gpu_count=1, disk_gb=10)
    await market.quote(SKU, gpu_count=2, disk_gb=10)

    asked = [each.query["location_ids"] for each in market.server.asked if each.path.endswith("/price")]
    assert asked == ["[3]", '["US"]']


@pytest.mark.parametrize("offer", [OFFER, SKU])
async def test_where_prices_are_refused_the_catalogues_price_stands_and_is_not_firm(market, booth, offer):
    booth.override[("GET", "/price")] = [refusal(422, "numeric ids are not supported")] * 2
    count = OfferId.parse("ionet", offer).gpus

    quote = await market.quote(offer, gpu_count=count, disk_gb=10)

    assert quote.firm is False
    assert quote.usd_per_hour == {OFFER: Decimal("0.3"), SKU: Decimal("1.365")}[offer]

    booth.hardware = []
    booth.override[("GET", "/price")] = [refusal(422, "numeric ids are not supported")]
    with pytest.raises(OfferGone):
        await market.quote(offer, gpu_count=count, disk_gb=10)


async def test_a_catalogue_that_is_none_is_malformed(market, booth):
    booth.override[("GET", "/hardware/max-gpus-per-container")] = [Reply({"data": None})]

    with pytest.raises(MalformedAnswer):
        await market.catalogue_slices()


@pytest.mark.parametrize(
    "text", ["", "12", "net-x.3.1", "net-12.US.1", "sku-a/b.US.1", "sku-a.usa.1", "net-1.2.0"]
)
def test_what_can_be_no_offer_of_this_market_is_refused(text):
    with pytest.raises(InvalidProviderRequest):
        OfferId.parse("ionet", text)


def test_ids_of_offers_can_be_read_back():
    for key in (OFFER, SKU, "sku-GPU-24vCPU-100RAM-1800DISK-GDC.T4-12.50GB_Ubuntu22-Delhi.IN.2"):
        assert str(OfferId.parse("ionet", key)) == key


def test_the_base_url_is_corrected_or_refused():
    real = "https://api.io.solutions/enterprise/v1/io-cloud/caas"
    for text in (real, f"{real}/", "https://api.io.solutions/enterprise/v1/io-cloud/vmaas"):
        assert normalise_base_url(text) == real
    with pytest.raises(ValueError, match=r"api\.io\.net is not"):
        normalise_base_url("https://api.io.net/v1")
