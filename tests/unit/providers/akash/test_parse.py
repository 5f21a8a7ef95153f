"""Offers out of providers and price statistics: with the debug detail, without it, and from the chain."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.offer import PriceKind
from aurora.providers.akash import prices
from aurora.providers.akash.bids import bids
from aurora.providers.akash.deployments import Listing, deployment, own_name
from aurora.providers.akash.offer_id import OfferId
from aurora.providers.akash.parse import OfferReader
from aurora.providers.akash.prices import Cards, GpuPrice, PriceBook
from aurora.providers.akash.pricing import Shape, deposit_for, first_deposit, most_per_block, shape_for
from aurora.providers.fields import Fields, Odd
from tests.unit.providers.akash.booth import FAR, GPUS, NEAR, OFFER, PLACES
from tests.unit.providers.akash.samples import sample
from tests.unit.providers.loopback import START

DEBUG = sample("gpu-prices.debug.h100.2026-09-28.json")
PLAIN = {
    "models": [
        {
            "vendor": "nvidia",
            "model": "h100",
            "ram": "80Gi",
            "interface": "SXM5",
            "availability": {"total": 68, "available": 15},
            "price": {
                "currency": "USD",
                "min": 2.04,
                "max": 3.16,
                "avg": 2.58,
                "weightedAverage": 2.72,
                "med": 2.56,
            },
        }
    ]
}
H100 = {"vendor": "nvidia", "model": "h100", "ram": "80Gi", "interface": "SXM5"}
WITH_H100 = shape_for(80)


def provider(owner=NEAR, *, gpus=(H100,), **more):
    base = {
        "owner": owner,
        "isOnline": True,
        "isAudited": True,
        "gpuModels": list(gpus),
        "stats": {"gpu": {"active": 6, "available": 2, "pending": 0, "total": 8}},
        "uptime30d": 0.99,
        "attributes": [],
    }
    return {**base, **more}


def read(*rows, book=None):
    reader = OfferReader("akash", gpus=GPUS, places=PLACES, emulated=False)
    found = book if book is not None else prices.from_console(PLAIN)
    return reader.offers(rows, found, slice_key="all", seen_at=START)


def one(*rows, book=None):
    (offer,) = read(*rows, book=book).offers
    return offer


def test_a_providers_own_best_bid_is_its_price():
    book = prices.from_console(DEBUG)

    near = one(provider(), book=book)
    far = one(provider(FAR), book=book)

    # 4262.041502 uact per block are 2.557224902 USD/h, not the rounded 2.56, plus CPU and memory.
    assert near.price_per_hour == GpuPrice(Decimal("2.557224902")).all_in(WITH_H100)
    assert far.price_per_hour < near.price_per_hour


def test_the_detail_says_what_is_free_at_each_provider():
    book = prices.from_console(DEBUG)

    assert [
        (offer.available, offer.total) for offer in read(provider(), provider(FAR), book=book).offers
    ] == [
        (0, 8),
        (1, 5),
    ]


def test_without_the_detail_the_middle_of_all_providers_is_the_price():
    offer = one(provider())

    assert offer.price_per_hour == GpuPrice(Decimal("2.56")).all_in(WITH_H100)
    assert (offer.available, offer.total) == (2, 8)
    assert offer.price_kind is PriceKind.ESTIMATE


def test_cards_of_several_models_together_say_nothing_about_one():
    a100 = {"vendor": "nvidia", "model": "h100", "ram": "80Gi", "interface": "PCIe"}

    offers = read(
        provider(gpus=(H100, a100)), book=PriceBook(by_gpu=dict(prices.from_console(PLAIN).by_gpu))
    ).offers

    assert [offer.available for offer in offers] == [None]


def test_cpu_and_memory_that_the_bid_had_are_not_paid_for_twice():
    alone, with_some = GpuPrice(Decimal(2)), GpuPrice(Decimal(2), Shape(4, 32))

    assert with_some.all_in(WITH_H100) < alone.all_in(WITH_H100)
    assert GpuPrice(Decimal(2), Shape(64, 512)).all_in(WITH_H100) == 2


def test_the_whole_offer():
    offer = one(provider(ipRegion="North Carolina", ipCountryCode="US"))

    assert offer.external_id == OFFER
    assert (offer.gpu.name, offer.gpu_count, offer.vram_gb) == ("h100-sxm-80gb", 1, 80)
    assert (offer.country, offer.regions) == ("US", {"us-east"})
    assert (offer.host, offer.verified, offer.reliability) == (NEAR, True, 0.99)
    assert (offer.vcpus, offer.memory_gb) == (8, 64)
    assert offer.disk_price_gb_hour > 0


@pytest.mark.parametrize(
    ("said", "country", "regions"),
    [
        ({"ipRegion": "Texas", "ipCountryCode": "US"}, "US", {"us-central"}),
        ({"ipCountryCode": "NL"}, "NL", {"eu-west"}),
        ({"ipCountryCode": "US", "ipLon": "-122.3"}, "US", {"us-west"}),
        ({"ipCountryCode": "US", "ipLon": "-96.8"}, "US", {"us-central"}),
        ({"ipCountryCode": "US", "ipLon": "-77.0"}, "US", {"us-east"}),
        ({"ipCountryCode": "US", "locationRegion": "na-us-west"}, "US", {"us-west"}),
        ({"attributes": [{"key": "region", "value": "us-west"}]}, "US", {"us-west"}),
        ({"country": "US"}, "US", {"us-east", "us-west", "us-central"}),
        ({}, None, set()),
        ({"ipRegion": "Nowhere", "ipCountryCode": "??"}, None, set()),
    ],
)
def test_places(said, country, regions):
    offer = one(provider(**said))

    assert (offer.country, offer.regions) == (country, regions)


def test_what_is_left_out_is_counted_by_reason():
    amd = {"vendor": "amd", "model": "mi100", "ram": "32Gi", "interface": "PCIe"}
    t4 = {"vendor": "nvidia", "model": "t4", "ram": "16Gi", "interface": "PCIe"}

    found = read(
        provider(isOnline=False),
        provider(FAR, isOnline=False),
        provider(isAudited=False),
        provider(gpus=(amd, t4)),
        provider(owner=None),
        "nonsense",
    )

    assert found.offers == ()
    assert {each.reason: each.count for each in found.rejected} == {
        "offline": 2,
        "not audited": 1,
        "a GPU that is not nvidia's cannot be asked for": 1,
        "nobody has said a price for this GPU lately": 1,
        "the provider has no address": 1,
        "the provider is not an object": 1,
    }


def test_a_captured_offline_provider_is_left_out():
    captured = sample("console.live-probes.2026-07-17.json")["GET /v1/providers (one item, partial)"]

    assert [each.reason for each in read(captured).rejected] == ["offline"]


def test_the_chain_gives_providers_by_their_attributes_and_prices_by_bids():
    key = "capabilities/gpu/vendor/nvidia/model/h100/ram/80Gi/interface/sxm"
    row = {"owner": NEAR, "host_uri": "https://x:8443", "attributes": [{"key": key, "value": "true"}]}
    captured = [each["bestBid"]["data"] for each in DEBUG["models"][0]["providersWithBestBid"]]

    book = prices.from_bids([{"bid": each} for each in captured])

    assert one(row, book=book).price_per_hour == GpuPrice(Decimal("2.557224902")).all_in(WITH_H100)
    assert one(row, book=book).available is None
    assert one({**row, "owner": "akash1" + "q" * 38}, book=book).price_per_hour > 0


@pytest.mark.parametrize(
    "name", ["lcd.market.v1beta5.bids.list.json", "lcd.market.v1beta4.bids.2024-04.a.json"]
)
def test_bids_without_a_gpu_price_nothing(name):
    assert prices.from_bids(sample(name)["bids"]).by_gpu == {}


def test_a_captured_deployment_of_the_chain_is_read():
    row = Fields(sample("lcd.deployment.v1beta4.deployments.list.json")["deployments"][0])

    found = deployment(row)

    assert (found.dseq, found.state, found.name) == ("16122570", "active", "dcloud")
    assert found.made_at is None
    assert found.escrow.funds == {"uact": Decimal("292317.570000000000000000")}


def test_every_gpu_of_akashs_own_database_is_a_gpu_that_we_know():
    database = sample("gpus.json")
    devices = [each for vendor in database.values() for each in vendor["devices"].values()]

    for each in devices:
        wanted = OfferId.of(NEAR, each["name"], each["memory_size"], each["interface"])
        assert wanted is not None
        assert OfferId.parse("akash", str(wanted)) == wanted
        assert GPUS.identify(wanted.model, vram_gb=float(wanted.vram_gib), interface=wanted.interface).known


def test_figures_of_money():
    assert most_per_block(Decimal(6)) == 10_000
    assert most_per_block(Decimal("0.0005")) == 0
    assert first_deposit(Decimal("0.1"), seconds=3600) == Decimal("0.50")
    assert first_deposit(Decimal("2.501"), seconds=3600) == Decimal("2.51")
    assert deposit_for(Decimal("2.5"), seconds=0) == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "deployment",
    "id",
    "dseq",
    "owner",
    "leases",
    "state",
    "price",
    "denom",
    "amount",
    "status",
    "services",
    "forwarded_ports",
    "ips",
    "uris",
    "app",
    "host",
    "port",
    "externalPort",
    "escrow_account",
    "funds",
    "settled_at",
    "created_at",
    "reason",
    "reclamation",
    "deadline",
    "groups",
    "group_spec",
    "name",
    "bid",
    "provider",
    "gseq",
    "oseq",
    "resources_offer",
    "resources",
    "gpu",
    "attributes",
    "key",
    "units",
    "val",
    "count",
    "gpuModels",
    "vendor",
    "model",
    "ram",
    "interface",
    "isOnline",
    "stats",
    "available",
    "total",
    "storage",
    "ephemeral",
    "ipLon",
    "models",
    "providerAvailability",
    "providers",
    "providersWithBestBid",
    "bestBid",
    "data",
    "hourlyPrice",
    "cpuUnits",
    "memoryUnits",
    "settings",
]
documents = st.recursive(
    json_values
    | st.sampled_from(["nvidia", "h100", "80Gi", "SXM5", NEAR, "1785245500842", "active", "uact", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=24,
)


@settings(max_examples=150, deadline=None)
@given(documents)
def test_reading_never_raises_on_anything_but_odd(document):
    rows = document if isinstance(document, list) else [document]
    fields = Fields(document if isinstance(document, dict) else {})

    read(*rows, book=prices.from_console(document))
    prices.from_bids(rows)
    bids(rows, dseq="1785245500842")
    own_name(fields)
    for parse in (lambda: deployment(fields), lambda: Listing().add(rows)):
        with suppress(Odd):
            parse()


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["stats", "gpuModels", "attributes", "ipLon", "ipRegion", "isOnline"]), json_values
    )
)
def test_an_odd_provider_never_takes_the_others_along(odd):
    found = read({"owner": NEAR, **odd}, provider(FAR))

    assert FAR in {offer.host for offer in found.offers}


def test_cards_are_never_below_zero():
    told = {
        "models": [
            {
                **H100,
                "providerAvailability": {"providers": [{"owner": NEAR, "allocated": 9, "allocatable": 8}]},
            }
        ]
    }

    assert list(prices.from_console(told).cards.values()) == [Cards(0, 8)]
