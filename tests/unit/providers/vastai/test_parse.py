"""Recorded and odd search rows into offers. Figures are those of the captured files."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.gpu_table import GpuTable
from aurora.domain.offer import PriceKind
from aurora.domain.region import RegionTable
from aurora.providers.fields import Fields, Odd
from aurora.providers.vastai import parse
from aurora.providers.vastai.parse import OfferReader
from aurora.providers.vastai.pricing import Price
from tests.unit.providers.loopback import START, fixture

READER = OfferReader("vastai", gpus=GpuTable.load(), places=RegionTable.load(), emulated=False)
A100 = fixture("bundles_a100_2026-06-03.json")["offers"]
RTX4090 = fixture("bundles_rtx4090_2024-07-30.json")["offers"]
CAPTURED = [(row, 5.0) for row in A100] + [(row, 5.0) for row in RTX4090]


def read(*rows, allocated_gb=5.0):
    return READER.offers(rows, slice_key="A100 SXM4", seen_at=START, allocated_gb=allocated_gb)


def test_every_captured_row_is_an_offer():
    assert len(read(*A100).offers) == 13
    assert len(read(*RTX4090).offers) == 1
    assert read(*A100).rejected == ()


def test_a_captured_row_is_read_field_by_field():
    offer = next(each for each in read(*A100).offers if each.external_id == "39209551")

    assert offer.id == "vastai:39209551"
    assert offer.gpu.name.startswith("a100-sxm")
    assert offer.gpu_raw == "A100 SXM4"
    assert (offer.gpu_count, offer.price_kind, offer.slice_key) == (1, PriceKind.FIRM, "A100 SXM4")
    assert offer.price_per_hour == Decimal("0.748844600")
    assert (offer.country, offer.region_raw) == ("NL", "The Netherlands, NL")
    assert offer.disk_included_gb == 0
    assert offer.disk_max_gb == 988.5
    assert (offer.max_ports, offer.available, offer.total) == (64, 1, None)
    assert offer.verified is True
    assert offer.spot is False
    assert offer.seen_at == START


@pytest.mark.parametrize(("row", "allocated_gb"), CAPTURED)
def test_the_price_arithmetic_holds_on_every_captured_row(row, allocated_gb):
    price = Price.of(Fields(row), allocated_gb=allocated_gb)

    base, storage = Decimal(repr(row["dph_base"])), Decimal(repr(row["storage_cost"]))
    assert price.base == base
    assert abs(base + storage * Decimal(str(allocated_gb)) / 720 - Decimal(repr(row["dph_total"]))) < Decimal(
        "1e-15"
    )
    assert abs(
        storage * Decimal(str(allocated_gb)) / 720 - Decimal(repr(row["storage_total_cost"]))
    ) < Decimal("1e-15")


@pytest.mark.parametrize(("row", "allocated_gb"), CAPTURED)
def test_an_offers_price_with_disk_is_base_and_storage_and_never_below(row, allocated_gb):
    offer = read(row, allocated_gb=allocated_gb).offers[0]
    exact = Decimal(repr(row["dph_base"])) + Decimal(repr(row["storage_cost"])) * 100 / 720

    assert exact <= offer.price_with_disk(100) < exact + Decimal("2e-7")


def test_the_quoted_price_is_exact_to_the_kept_scale():
    price = Price.of(Fields(A100[0]), allocated_gb=5.0)

    assert parse.quoted(price, disk_gb=100) == Decimal("0.730370370")


def test_a_disk_below_the_smallest_is_priced_as_the_smallest():
    price = Price.of(Fields(A100[0]), allocated_gb=5.0)

    assert parse.quoted(price, disk_gb=1) == parse.quoted(price, disk_gb=8)


def test_a_total_that_hides_a_fee_counts():
    row = {**A100[0], "dph_total": A100[0]["dph_total"] + 0.5}

    assert read(row).offers[0].price_per_hour == Decimal("1.193333333")


def test_overlapping_offers_share_physical_gpus():
    by_id = {offer.external_id: offer for offer in read(*A100).offers}

    assert by_id["37431797"].resources & by_id["37431796"].resources == {"gpu:193112"}
    assert by_id["37431797"].host == by_id["37431796"].host


@pytest.mark.parametrize("change", [{"rentable": False}, {"rented": True}])
def test_what_cannot_be_rented_has_nothing_available(change):
    assert read({**A100[0], **change}).offers[0].available == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "id is missing"),
        ({"id": "abc"}, "id is not a number"),
        ({"id": -5}, "id is out of range"),
        ({"id": 1.5}, "id is not a whole number"),
        ({"num_gpus": 0}, "num_gpus is out of range"),
        ({"num_gpus": None}, "num_gpus is missing"),
        ({"num_gpus": 100_000}, "num_gpus is out of range"),
        ({"gpu_name": ""}, "gpu_name is missing"),
        ({"gpu_name": 4090}, "gpu_name is missing"),
        ({"dph_base": None}, "dph_base is missing"),
        ({"dph_base": float("nan")}, "dph_base is not a number"),
        ({"dph_base": -0.1}, "dph_base is out of range"),
        ({"dph_base": 1e9}, "dph_base is out of range"),
        ({"dph_base": 0, "dph_total": 0}, "dph_base is zero"),
        ({"storage_cost": None}, "storage_cost is missing"),
        ({"storage_cost": -1}, "storage_cost is out of range"),
        ({"dph_total": None}, "dph_total is missing"),
        ({"is_bid": True}, "a bid price, not an on-demand one"),
    ],
)
def test_an_odd_row_is_rejected_with_its_reason_and_its_id(change, reason):
    row = {**A100[0], **change}

    found = read(row, A100[1])

    assert len(found.offers) == 1
    assert [(each.reason, each.count) for each in found.rejected] == [(reason, 1)]
    assert len(found.rejected[0].example) <= 120


@pytest.mark.parametrize("row", [None, 5, "row", [], [1]])
def test_a_row_that_is_no_object_is_rejected(row):
    assert read(row).rejected[0].reason == "the row is not an object"


def test_rejections_are_counted_by_reason():
    assert [each.count for each in read(None, 5, {**A100[0], "id": None}).rejected] == [2, 1]


def test_numbers_as_text_and_ints_as_floats_are_accepted():
    row = {**A100[0], "id": "39185351", "num_gpus": 1.0, "dph_base": "0.5", "dph_total": "0.5018518518"}

    offer = read(row).offers[0]

    assert (offer.external_id, offer.gpu_count, offer.price_per_hour) == ("39185351", 1, Decimal("0.5"))


def test_odd_optional_fields_become_unknown_and_do_not_cost_the_offer():
    change = {
        "reliability2": 7,
        "reliability": None,
        "gpu_ids": "x",
        "duration": -1,
        "cpu_ram": "much",
        "geolocation": None,
        "verification": None,
        "direct_port_count": -1,
        "disk_space": None,
        "host_id": None,
    }

    offer = read({**A100[0], **change}).offers[0]

    assert (offer.reliability, offer.resources, offer.max_duration_s, offer.memory_gb) == (
        None,
        frozenset(),
        None,
        None,
    )
    assert (offer.country, offer.regions, offer.verified, offer.max_ports) == (None, frozenset(), None, 0)
    assert (offer.disk_max_gb, offer.host) == (None, None)


def test_an_unknown_gpu_is_kept():
    offer = read({**A100[0], "gpu_name": "ZX 9999"}).offers[0]

    assert offer.gpu.known is False
    assert offer.gpu_raw == "ZX 9999"


def test_the_same_id_twice_is_one_offer():
    assert len(read(A100[0], A100[0]).offers) == 1


def test_offers_of_an_emulator_say_so():
    reader = OfferReader("vastai", gpus=GpuTable.load(), places=RegionTable.load(), emulated=True)

    assert reader.offer(A100[0], slice_key="x", seen_at=START, allocated_gb=5.0).emulated is True


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"gpu_names": ["RTX 4090", " A10 ", "RTX 4090", 5, None, ""]}, ("RTX 4090", "A10")),
        ({"gpu_names": None}, ()),
        ({}, ()),
        ([], ()),
        (None, ()),
    ],
)
def test_gpu_names_are_read_as_far_as_they_are_names(answer, names):
    assert parse.gpu_names(answer) == names


@pytest.mark.parametrize(
    ("answer", "credit"),
    [
        ({"credit": 12.5, "balance": 0}, Decimal("12.5")),
        ({"balance": 5}, None),
        ({"credit": "x"}, None),
        (None, None),
    ],
)
def test_spendable_money_is_the_credit(answer, credit):
    assert parse.credit_usd(answer) == credit


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(A100[0])), json_values, max_size=8))
def test_no_value_in_any_field_makes_reading_fail(changes):
    found = read({**A100[0], **changes}, A100[1])

    assert len(found.offers) + sum(each.count for each in found.rejected) in {1, 2}
    for offer in found.offers:
        assert offer.price_per_hour > 0
        assert offer.price_per_hour.is_finite()
        assert 1 <= offer.gpu_count <= 128


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_no_answer_makes_reading_fail(value):
    read(value)
    parse.gpu_names(value)
    parse.credit_usd(value)


def test_one_odd_row_raises_its_reason():
    with pytest.raises(Odd, match="num_gpus"):
        READER.offer({**A100[0], "num_gpus": 0}, slice_key="x", seen_at=START, allocated_gb=5.0)
