"""The short way to add a market, as the documentation shows it."""

from decimal import Decimal

import pytest

from aurora.domain.errors import MalformedAnswer, NotSupported, OfferGone, RateLimited
from aurora.domain.gpu import GpuModel
from aurora.domain.offer import PriceKind
from aurora.providers.adapter import OfferProvider
from aurora.providers.base import Cursor
from aurora.providers.registry import ProviderRegistry
from tests.unit.providers.loopback import START, SkippingClock, make_spec


class MyMarket(OfferProvider):
    name = "mymarket"
    rows = ({"id": 1, "gpu": "a100", "usd": 1.2}, {"id": 2, "gpu": "h100", "usd": "2.5"})

    async def fetch_gpus(self):
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows

    def normalize_gpu_data(self, raw):
        return self.offer(raw["id"], gpu=GpuModel(raw["gpu"]), usd_per_hour=raw["usd"], country="US")


def market(rows=None):
    provider = MyMarket(clock=SkippingClock())
    if rows is not None:
        provider.rows = rows
    return provider


async def test_two_methods_give_a_provider_that_can_be_registered_and_read():
    registry = ProviderRegistry()

    registry.register("mymarket", MyMarket)
    (provider,) = registry.get_all_healthy()
    page = await provider.offers_page(Cursor((await provider.catalogue_slices())[0]))

    assert [(offer.id, offer.price_per_hour) for offer in page.offers] == [
        ("mymarket:1", Decimal("1.2")),
        ("mymarket:2", Decimal("2.5")),
    ]
    assert provider.get_metrics().get_success_rate() == 1.0


async def test_offers_carry_the_time_of_the_read_and_an_estimated_price():
    page = await market().offers_page(Cursor("all"))

    assert {offer.seen_at for offer in page.offers} == {START}
    assert {offer.price_kind for offer in page.offers} == {PriceKind.ESTIMATE}
    assert page.offers[0].country == "US"
    assert page.read_at == START


async def test_an_odd_item_is_counted_and_does_not_lose_the_others():
    rows = ({"id": 1, "gpu": "a100", "usd": 1.2}, {}, None, {"id": 3, "gpu": "x", "usd": -1})

    page = await market(rows).offers_page(Cursor("all"))

    assert len(page.offers) == 1
    assert {each.reason: each.count for each in page.rejected} == {
        "KeyError": 1,
        "TypeError": 1,
        "ValueError": 1,
    }


@pytest.mark.parametrize(
    ("raised", "seen"), [(KeyError("x"), MalformedAnswer), (RateLimited("mymarket", "x"), RateLimited)]
)
async def test_a_failed_read_is_a_provider_error(raised, seen):
    provider = market(raised)

    with pytest.raises(seen):
        await provider.offers_page(Cursor("all"))

    assert provider.get_metrics().get_success_rate() == (0.0 if seen is MalformedAnswer else None)


async def test_a_quote_is_a_fresh_read():
    provider = market()

    assert (await provider.quote("2", gpu_count=1, disk_gb=0)).usd_per_hour == Decimal("2.5")
    with pytest.raises(OfferGone):
        await provider.quote("3", gpu_count=1, disk_gb=0)


async def test_health_is_a_read():
    report = await market().health()

    assert (report.ok, report.detail) == (True, "2 offers")


async def test_what_a_market_cannot_do_is_not_supported():
    provider = market()
    calls = [provider.create(make_spec()), provider.status("1"), provider.list_own(), provider.terminate("1")]

    for call in calls:
        with pytest.raises(NotSupported):
            await call
    with pytest.raises(NotSupported):
        provider.logs("1")
    assert provider.capabilities.deploy is False
    await provider.aclose()
