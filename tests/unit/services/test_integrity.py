"""Which readings of a catalogue are believed at once, and which only when they repeat."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from aurora.domain.gpu import GpuModel
from aurora.services.integrity import (
    ContentReading,
    SliceReading,
    Suspicion,
    doubtful_absence,
    doubtful_content,
    gather_prices,
    unsound,
    weigh,
)
from tests.markets import A100, H100, an_offer


def content(*, known=(), seen=(), rejected=0) -> ContentReading:
    reading = ContentReading("a100", known=len(known), seen=len(seen), rejected=rejected)
    gather_prices(reading.before, known)
    gather_prices(reading.after, seen)
    return reading


def priced(*amounts, gpu=A100, **more):
    return [an_offer(number, usd=amount, gpu=gpu, **more) for number, amount in enumerate(amounts)]


def test_a_first_reading_is_never_doubtful():
    assert doubtful_content(content(seen=priced(1, 2, 3))) is None
    assert doubtful_absence([SliceReading("a100", known=0, missing=0, seen=500)]) == {}


def test_rows_that_are_all_rejected_are_doubtful_only_when_something_is_known():
    assert doubtful_content(content(known=priced(1), rejected=5)).kind is Suspicion.REJECTED
    assert doubtful_content(content(rejected=5)) is None
    assert doubtful_content(content(known=priced(1), seen=priced(1), rejected=5)) is None


@pytest.mark.parametrize(("amounts", "way"), [((110, 120, 130), "up"), ((0.01, 0.02, 0.03), "down")])
def test_a_median_that_moves_tenfold_is_doubtful(amounts, way):
    sight = doubtful_content(content(known=priced(1, 2, 3), seen=priced(*amounts)))

    assert sight.kind is Suspicion.PRICES
    assert sight.evidence == (f"a100-sxm-80gb {way}",)
    assert "a100-sxm-80gb" in sight.sentence


def test_a_median_that_moves_less_than_tenfold_is_daily_life():
    assert doubtful_content(content(known=priced(1, 2, 3), seen=priced(10, 20, 30))) is None


def test_one_absurd_price_is_no_shift_of_the_market():
    assert doubtful_content(content(known=priced(1, 2, 3), seen=priced(1, 2, 9999))) is None


def test_two_offers_of_a_model_have_no_median_to_speak_of():
    assert doubtful_content(content(known=priced(1, 1), seen=priced(99, 99))) is None


def test_models_are_judged_apart_and_per_gpu():
    known = priced(1, 1, 1) + priced(2, 2, 2, gpu=H100)
    seen = priced(8, 8, 8, gpu_count=8) + priced(2, 2, 2, gpu=H100)

    assert doubtful_content(content(known=known, seen=seen)) is None


@pytest.mark.parametrize(("missing", "doubtful"), [(16, False), (17, True), (20, True)])
def test_more_than_four_fifths_of_twenty_known_offers_vanishing_is_a_collapse(missing, doubtful):
    found = doubtful_absence([SliceReading("a100", known=20, missing=missing, seen=21 - missing)])

    assert [sight.kind for sight in found.values()] == [Suspicion.COLLAPSE] * doubtful


def test_few_known_offers_may_vanish_while_the_market_has_others():
    readings = [
        SliceReading("t4", known=3, missing=3, seen=0),
        SliceReading("a100", known=9, missing=0, seen=9),
    ]

    assert doubtful_absence(readings) == {}


def test_an_empty_market_is_doubtful_however_small_it_was():
    found = doubtful_absence([SliceReading("all", known=3, missing=3, seen=0)])

    assert found["all"].kind is Suspicion.EMPTY
    assert "3 of 3" in found["all"].sentence


def test_an_empty_answer_for_a_large_slice_is_doubtful_though_others_answer():
    readings = [
        SliceReading("4090", known=20, missing=20, seen=0),
        SliceReading("t4", known=9, missing=0, seen=9),
    ]

    assert doubtful_absence(readings)["4090"].kind is Suspicion.EMPTY


def test_a_market_that_collapses_over_many_small_slices_is_doubtful_in_each():
    readings = [SliceReading(f"gpu {number}", known=5, missing=5, seen=1) for number in range(5)]

    assert {sight.kind for sight in doubtful_absence(readings).values()} == {Suspicion.COLLAPSE}
    assert len(doubtful_absence(readings)) == 5


def test_a_sight_is_believed_when_the_run_before_saw_the_like():
    sight = doubtful_absence([SliceReading("all", known=30, missing=30, seen=0)])["all"]
    again = doubtful_absence([SliceReading("all", known=29, missing=29, seen=0)])["all"]

    first, second = weigh(sight, before=None), weigh(again, before=sight)

    assert (first.accepted, second.accepted) == (False, True)
    assert "must repeat" in first.sentence
    assert "second sight" in second.sentence


def test_another_suspicion_is_no_repetition():
    empty = doubtful_absence([SliceReading("all", known=30, missing=30, seen=0)])["all"]
    collapse = doubtful_absence([SliceReading("all", known=30, missing=28, seen=2)])["all"]

    assert not weigh(collapse, before=empty).accepted


def test_prices_that_shift_the_other_way_are_no_repetition():
    up = doubtful_content(content(known=priced(1, 2, 3), seen=priced(110, 120, 130)))
    down = doubtful_content(content(known=priced(1, 2, 3), seen=priced(0.01, 0.02, 0.03)))

    assert not weigh(down, before=up).accepted


def test_nothing_suspicious_is_accepted():
    assert weigh(None, before=None).accepted


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("another provider's offer", {"provider": "elsewhere"}),
        ("price not positive", {"price_per_hour": Decimal(0)}),
        ("price not positive", {"price_per_hour": Decimal(-1)}),
        ("price not positive", {"price_per_hour": Decimal("NaN")}),
        ("price not positive", {"price_per_hour": Decimal("Infinity")}),
        ("price not positive", {"price_per_hour": Decimal(10) ** 12}),
        ("disk price negative", {"disk_price_gb_hour": Decimal(-1)}),
        ("no GPU", {"gpu_count": 0}),
        ("time without zone", {"seen_at": datetime(2026, 1, 1)}),  # noqa: DTZ001 - that is the case
        ("no id", {"external_id": ""}),
        ("text too long", {"host": "h" * 65}),
        ("text too long", {"country": "CZE"}),
        ("text too long", {"gpu": GpuModel("x" * 65)}),
        ("unprintable text", {"region_raw": "a\x00b"}),
        ("unprintable text", {"resources": frozenset({"\x00"})}),
        ("regions cannot be kept", {"regions": frozenset({"us-west,us-east"})}),
        ("regions cannot be kept", {"regions": frozenset("r" * 20 + str(number) for number in range(9))}),
        ("number not finite", {"reliability": float("nan")}),
        ("number not finite", {"max_duration_s": float("inf")}),
        ("number out of range", {"available": -1}),
        ("number out of range", {"total": 2**31}),
    ],
)
def test_an_offer_that_cannot_be_kept_has_a_reason(reason, changes):
    assert unsound(replace(an_offer(), **changes), provider="market") == reason


def test_an_offer_with_all_its_fields_can_be_kept():
    full = an_offer(
        host="h",
        country="CZ",
        regions=frozenset({"eu-central", "us-west"}),
        resources=frozenset({"1", "2"}),
        reliability=0.5,
        available=0,
        total=4,
    )

    assert unsound(full, provider="market") is None
    assert unsound(an_offer(), provider="market") is None
