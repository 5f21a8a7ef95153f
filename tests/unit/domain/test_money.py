"""Money is exact to one billionth of a dollar."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.money import USD_STEP, usd, usd_text, usd_up

AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=12)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        ("1e-9", "0.000000001"),
        (Decimal("0.0000000005"), "0"),  # half goes to the even neighbour
        (Decimal("0.0000000015"), "0.000000002"),
        (3, "3"),
        (" 2.50 ", "2.5"),
        (-1.25, "-1.25"),
    ],
)
def test_an_amount_is_rounded_to_what_is_kept(given, kept):
    assert usd(given) == Decimal(kept)


@pytest.mark.parametrize(
    "rubbish", ["", "abc", "1,5", "nan", float("nan"), float("inf"), Decimal("-Infinity"), "1e40", True, None]
)
def test_what_is_no_amount_is_refused(rubbish):
    with pytest.raises(ValueError, match="amount"):
        usd(rubbish)


@given(AMOUNTS)
def test_rounding_again_changes_nothing_and_never_moves_more_than_half_a_step(amount):
    rounded = usd(amount)

    assert usd(rounded) == rounded
    assert abs(rounded - amount) <= USD_STEP / 2


@given(AMOUNTS)
def test_a_reservation_is_rounded_up_by_less_than_a_step(amount):
    assert 0 <= usd_up(amount) - amount < USD_STEP


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.6609569200", "0.660957"),
        ("1.25", "1.25"),
        ("3", "3.00"),
        ("0.5000000", "0.50"),
        ("12.345", "12.345"),
    ],
)
def test_an_amount_is_shown_with_two_to_six_decimals(amount, text):
    assert usd_text(Decimal(amount)) == text
