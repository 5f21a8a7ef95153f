from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.providers import fields
from aurora.providers.fields import Fields, Odd


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (3, Decimal(3)),
        (0.1, Decimal("0.1")),
        (Decimal("0.25"), Decimal("0.25")),
        ("2.5", Decimal("2.5")),
        (" 8 ", Decimal(8)),
        ("1e-3", Decimal("0.001")),
        (True, None),
        (None, None),
        ("", None),
        ("1_000", None),
        ("NaN", None),
        ("Infinity", None),
        ("12 GB", None),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("NaN"), None),
        (Decimal("1E+999999"), None),
        (10**400, None),
        ([1], None),
        ({}, None),
    ],
)
def test_a_number_is_read_only_where_it_is_unambiguous(value, read):
    assert fields.number(value) == read


@pytest.mark.parametrize(("value", "read"), [(8.0, 8), ("8", 8), ("8.0", 8), (8.5, None), (False, None)])
def test_whole_numbers_may_come_as_floats_or_text(value, read):
    assert fields.integer(value) == read


def test_text_is_trimmed_cut_and_free_of_what_a_database_refuses():
    assert fields.text("  a\x00b\ud800 ") == "a b"
    assert fields.text("x" * 600) == "x" * 500
    assert fields.text("   ") is None
    assert fields.text(5) is None


def test_epoch_seconds_become_utc_and_absurd_dates_nothing():
    assert fields.moment(1668804745.1223178) == datetime(2022, 11, 18, 20, 52, 25, 122318, tzinfo=UTC)
    assert fields.moment(-1) is None
    assert fields.moment(1e17) is None
    assert fields.moment("soon") is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "price is missing"),
        ({"price": None}, "price is missing"),
        ({"price": "cheap"}, "price is not a number"),
        ({"price": -1}, "price is out of range"),
        ({"price": 11}, "price is out of range"),
    ],
)
def test_a_required_number_says_what_is_odd_about_it(row, reason):
    with pytest.raises(Odd) as caught:
        Fields(row).need_number("price", low=Decimal(0), high=Decimal(10))

    assert caught.value.reason == reason


def test_a_required_whole_number_must_be_whole():
    with pytest.raises(Odd, match="n is not a whole number"):
        Fields({"n": 1.5}).need_integer("n", low=0, high=9)


def test_a_required_text_must_not_be_empty():
    with pytest.raises(Odd, match="name is missing"):
        Fields({"name": " "}).need_text("name")


def test_optional_readers_answer_none_for_what_is_odd():
    row = Fields({"share": 1.2, "on": "yes", "inner": []})

    assert row.within("share", 0, 1) is None
    assert row.flag("on") is None
    assert "share" not in row.object("inner")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_no_value_makes_a_reader_fail(value):
    row = Fields({"x": value})

    number = row.number("x")
    assert number is None or abs(number) <= fields.LARGEST
    assert row.integer("x") is None or isinstance(row.integer("x"), int)
    text = row.text("x")
    assert text is None or text.encode()
    assert row.moment("x") is None or row.moment("x").tzinfo is UTC
    assert row.within("x", 0, 1) is None or 0 <= row.within("x", 0, 1) <= 1
