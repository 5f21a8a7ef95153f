"""What counts as a change of an offer."""

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.domain.offer import Offer, PriceKind
from aurora.services.offer_diff import OfferDiff, compare, missing, same
from tests.markets import H100, an_offer

FULL = an_offer(
    1,
    reliability=0.98,
    max_duration_s=864_000.0,
    inet_down_mbps=1000.0,
    inet_up_mbps=500.0,
    disk_max_gb=1000.0,
    disk_price_gb_hour=Decimal("0.0001"),
)

OTHER_VALUES = {
    "provider": "elsewhere",
    "external_id": "2",
    "gpu": H100,
    "gpu_count": 2,
    "price_per_hour": Decimal("1.51"),
    "price_kind": PriceKind.ESTIMATE,
    "slice_key": "other",
    "gpu_raw": "A100X",
    "vram_gb": 80.0,
    "disk_included_gb": 8.0,
    "disk_price_gb_hour": Decimal("0.0002"),
    "country": "CZ",
    "regions": frozenset({"eu-central"}),
    "region_raw": "Czechia, CZ",
    "spot": True,
    "available": 3,
    "total": 4,
    "host": "h-1",
    "resources": frozenset({"gpu-1"}),
    "max_ports": 5,
    "min_rental_minutes": 60,
    "vcpus": 8.0,
    "memory_gb": 64.0,
    "verified": True,
    "emulated": True,
}
VOLATILE = {"seen_at", "max_duration_s", "reliability", "inet_down_mbps", "inet_up_mbps", "disk_max_gb"}


def later(offer: Offer, seconds: float = 300, **changes) -> Offer:
    return replace(offer, seen_at=offer.seen_at + timedelta(seconds=seconds), **changes)


def test_every_field_is_either_compared_or_named_as_volatile():
    assert {field.name for field in fields(Offer) if field.init} == OTHER_VALUES.keys() | VOLATILE


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_another_value_of_a_field_is_a_change(name):
    assert not same(FULL, replace(FULL, **{name: OTHER_VALUES[name]}))


def test_being_seen_again_is_no_change():
    assert same(FULL, later(FULL, max_duration_s=863_700.0))


def test_money_is_compared_at_the_nine_decimals_that_are_kept():
    assert same(FULL, replace(FULL, price_per_hour=Decimal("1.5000000000004")))
    assert not same(FULL, replace(FULL, price_per_hour=Decimal("1.500000001")))


def test_a_counted_down_duration_is_no_change():
    assert same(FULL, later(FULL, 86_400, max_duration_s=864_000.0 - 86_400))


def test_an_end_that_moved_by_more_than_an_hour_and_five_percent_is_a_change():
    assert same(FULL, later(FULL, 0, max_duration_s=864_000.0 - 40_000))
    assert not same(FULL, later(FULL, 0, max_duration_s=864_000.0 - 50_000))
    short = replace(FULL, max_duration_s=7_200.0)
    assert same(short, later(short, 0, max_duration_s=3_700.0))
    assert not same(short, later(short, 0, max_duration_s=3_500.0))


def test_an_end_that_appears_or_disappears_is_a_change():
    assert not same(FULL, replace(FULL, max_duration_s=None))
    assert not same(replace(FULL, max_duration_s=None), FULL)


@pytest.mark.parametrize(
    ("name", "near", "far"),
    [
        ("reliability", 0.984, 0.986),
        ("inet_down_mbps", 1199.0, 1201.0),
        ("inet_up_mbps", 401.0, 399.0),
        ("disk_max_gb", 981.0, 979.0),
    ],
)
def test_figures_that_move_by_themselves_count_from_a_distance(name, near, far):
    assert same(FULL, replace(FULL, **{name: near}))
    assert not same(FULL, replace(FULL, **{name: far}))
    assert not same(FULL, replace(FULL, **{name: None}))


def test_a_figure_that_was_zero_and_is_not_any_more_is_a_change():
    silent = replace(FULL, inet_up_mbps=0.0)

    assert same(silent, silent)
    assert not same(silent, replace(silent, inet_up_mbps=1.0))


def test_offers_are_told_apart_as_new_changed_and_unchanged():
    old, repriced, moved = an_offer(1), an_offer(2), an_offer(3)
    written = {offer.id: offer for offer in (old, repriced, moved)}
    dearer, elsewhere, new = (
        replace(repriced, price_per_hour=Decimal(2)),
        replace(moved, country="NO"),
        an_offer(4),
    )

    diff = compare(written, [later(old), dearer, elsewhere, new])

    assert diff == OfferDiff(
        new=(new,), changed=(dearer, elsewhere), unchanged=(later(old),), repriced=(dearer, new)
    )


def test_portions_add_up_to_the_whole():
    first, second = an_offer(1), an_offer(2)

    assert compare({}, [first]) + compare({}, [second]) == compare({}, [first, second])


def test_missing_are_the_known_offers_of_a_read_slice_that_were_seen_nowhere():
    here, gone, moved = (an_offer(number, slice_key="a") for number in (1, 2, 3))
    unread = an_offer(4, slice_key="b")
    known = {offer.id: offer for offer in (here, gone, moved, unread)}

    assert missing(known, read={"a": {here.id}}, seen={here.id, moved.id}) == {"a": {gone.id}}
