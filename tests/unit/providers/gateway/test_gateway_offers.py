"""Rows of `GET /gpus` into offers: units, money, places, and what is odd."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.offer import PriceKind
from aurora.providers.fields import Fields
from aurora.providers.gateway.offers import OfferReader, is_id
from tests.unit.providers.gateway.gateway_booth import GPUS, PLACES, row
from tests.unit.providers.loopback import START

READER = OfferReader("aethir", gpus=GPUS, places=PLACES, emulated=False)


def read(**changes):
    return READER.offer(Fields(row(**changes)), slice_key="all", seen_at=START)


def rejected(*rows):
    return [
        (each.reason, each.count) for each in READER.offers(rows, slice_key="all", seen_at=START).rejected
    ]


def test_an_offer_says_all_that_its_row_says():
    offer = read(min_billing_minutes=1440, available=4, spot=True)

    assert offer.id == "aethir:rtx4090-24.us-west"
    assert (offer.min_rental_minutes, offer.available, offer.spot) == (1440, 4, True)
    assert (offer.vcpus, offer.memory_gb, offer.disk_max_gb, offer.vram_gb) == (16, 64, 500, 24)
    assert offer.price_with_disk(40) == Decimal("0.354")
    assert (offer.price_kind, offer.max_ports) == (PriceKind.FIRM, 10)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (None, "firm"),
        ("firm", "firm"),
        ("estimate", "estimate"),
        ("ceiling", "ceiling"),
        ("auction", "estimate"),
    ],
)
def test_a_price_promises_no_more_than_the_gateway_says(said, kind):
    assert read(price_kind=said).price_kind == kind


def test_the_longer_of_two_minimum_terms_counts():
    billing = {"increment_seconds": 60, "min_minutes": 90, "starts": "running"}

    assert read(billing=billing).min_rental_minutes == 90


@pytest.mark.parametrize(
    ("region", "country", "found"),
    [
        ("us-west", "US", ("US", {"us-west"})),
        ("us-east-2", "US", ("US", {"us-east"})),
        ("uk-south", "GB", ("GB", {"eu-west"})),
        ("EU_GB", "GB", ("GB", {"eu-west"})),
        ("NA_US", "US", ("US", {"us-west", "us-central", "us-east"})),
        ("ap-1", "SG", ("SG", {"sea"})),
        ("eu-central", "SG", ("SG", {"sea"})),  # they contradict each other: the country is the fact
        (None, "JP", ("JP", {"jp-kr"})),
        ("eu-north-1", None, ("SE", {"eu-north"})),
        ("moon-1", None, (None, set())),
        (None, None, (None, set())),
        ("us-west", "us", ("US", {"us-west"})),
    ],
)
def test_the_country_is_the_fact_and_the_region_narrows_it(region, country, found):
    offer = read(region=region, country=country)

    assert (offer.country, set(offer.regions)) == found


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "id is missing"),
        ({"id": "a/b"}, "id is not an id"),
        ({"id": ".."}, "id is not an id"),
        ({"gpu_model": ""}, "gpu_model is missing"),
        ({"gpu_count": 0}, "gpu_count is out of range"),
        ({"gpu_count": 1.5}, "gpu_count is not a whole number"),
        ({"price_per_hour": "0"}, "price_per_hour is zero"),
        ({"price_per_hour": "-1"}, "price_per_hour is out of range"),
        ({"price_per_hour": "cheap"}, "price_per_hour is not a number"),
        ({"price_per_hour": None}, "price_per_hour is missing"),
        ({"disk_price_per_gb_hour": "x"}, "disk_price_per_gb_hour is not a number"),
        ({"min_billing_minutes": -1}, "min_billing_minutes is out of range"),
        ({"min_billing_minutes": "a while"}, "min_billing_minutes is not a number"),
        ({"currency": "EUR"}, "currency is not USD"),
    ],
)
def test_an_odd_row_is_counted_by_its_reason_and_loses_no_other(changes, reason):
    assert rejected(row(**changes), row("other")) == [(reason, 1)]


def test_what_is_no_row_at_all_is_counted_too():
    assert rejected(1, None, "x", []) == [("id is missing", 4)]


def test_a_number_is_as_good_as_a_decimal_text():
    assert read(price_per_hour=0.35).price_per_hour == Decimal("0.35")


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
)


@given(st.sampled_from(sorted(row())), ODD)
def test_no_value_of_any_field_breaks_the_reader(name, value):
    read = READER.offers(
        [row(**{name: value}) if name != "id" else {**row(), "id": value}], slice_key="all", seen_at=START
    )

    assert len(read.offers) + len(read.rejected) == 1


@given(st.text(max_size=140))
def test_what_is_an_id_is_safe_in_a_path(value):
    assert not is_id(value) or ("/" not in value and value not in {".", ".."} and value.isascii())
