"""The price walk against a simulated market that answers like Vast.ai: ordered, filtered, cut at a cap."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.providers.vastai.limits import ROWS_SEEN
from aurora.providers.vastai.walk import Row, Walk


def market(*prices, machine=None):
    return [
        {"id": 1000 + n, "dph_total": price, "machine_id": 1 + n // 8 if machine is None else machine}
        for n, price in enumerate(prices)
    ]


def passes(row, filters):
    checks = {"gte": lambda a, b: a >= b, "gt": lambda a, b: a > b, "lte": lambda a, b: a <= b}
    return all(checks[op](row[name], bound) for name, ops in filters.items() for op, bound in ops.items())


def walk_through(rows, *, cap=ROWS_SEEN, most_pages=500):
    """Every row that the walk delivers, its pages, and whether it called itself complete."""
    found, pages, walk = [], 0, Walk()
    while True:
        column = walk.order()[0][0]
        page = sorted(
            (row for row in rows if passes(row, walk.filters())), key=lambda row: (row[column], -row["id"])
        )
        page = page[:cap]
        found += [row["id"] for row in page if row["id"] not in walk.seen]
        pages += 1
        step = walk.after([Row.of(row) for row in page])
        if step.next is None:
            return found, pages, step.complete
        assert pages < most_pages
        walk = Walk.decode(step.next.encode())


def test_fewer_rows_than_the_cap_are_all_there_is():
    rows = market(0.1, 0.2, 0.3)

    assert walk_through(rows) == ([1000, 1001, 1002], 1, True)


def test_an_empty_slice_is_complete():
    assert walk_through([]) == ([], 1, True)


def test_the_window_moves_along_the_price_and_overlap_is_delivered_once():
    rows = market(*(round(0.1 + n * 0.01, 2) for n in range(300)))

    found, pages, complete = walk_through(rows)

    assert sorted(found) == [row["id"] for row in rows]
    assert (pages, complete) == (5, True)


def test_equal_prices_at_the_boundary_are_not_lost():
    rows = market(*([0.1] * 60 + [0.2] * 40 + [0.3] * 5))

    found, _, complete = walk_through(rows)

    assert sorted(found) == [row["id"] for row in rows]
    assert complete


def test_a_price_that_fills_an_answer_is_read_machine_by_machine():
    rows = market(*([0.05] * 3 + [0.1] * 400 + [0.2] * 10))

    found, _, complete = walk_through(rows)

    assert set(found) == {row["id"] for row in rows}
    assert complete


def test_one_machine_with_more_equal_offers_than_an_answer_holds_is_called_incomplete_and_walked_past():
    rows = [*market(*([0.1] * 100), machine=7), {"id": 5000, "dph_total": 0.4, "machine_id": 9}]

    found, _, complete = walk_through(rows)

    assert 5000 in found
    assert complete is False


def test_a_server_without_a_cap_is_read_in_one_more_page():
    rows = market(*(round(0.1 + n * 0.01, 2) for n in range(300)))

    found, pages, complete = walk_through(rows, cap=512)

    assert sorted(found) == [row["id"] for row in rows]
    assert (pages, complete) == (2, True)


def test_a_cut_answer_in_no_order_cannot_be_walked_on():
    step = Walk().after([Row(n, Decimal(100 - n), 1) for n in range(64)])

    assert (step.next, step.complete) == (None, False)
    assert "not ordered" in step.rejections[0].reason


def test_a_server_that_ignores_the_bound_cannot_keep_us_going():
    rows = [Row(n, Decimal(n + 1), n) for n in range(64)]

    step = Walk(floor=Decimal(64)).after(rows)

    assert (step.next, step.complete) == (None, False)


def test_a_cut_answer_without_prices_cannot_be_walked_on():
    assert Walk().after([Row(n, None, None) for n in range(64)]).complete is False


def test_a_tie_that_a_bound_does_not_find_again_is_a_hole():
    step = Walk(floor=Decimal("0.1"), machine=0).after([])

    assert step.next == Walk(floor=Decimal("0.1"), above=True, holes=True)


def test_bounds_are_sent_as_the_very_number_that_was_received():
    assert Walk(floor=Decimal("0.7493075629629633")).filters() == {"dph_total": {"gte": 0.7493075629629633}}


def test_a_position_survives_its_journey_in_a_cursor():
    walk = Walk(floor=Decimal("0.1"), above=True, machine=5, seen=frozenset({1, 2}), holes=True)

    assert Walk.decode(walk.encode()) == walk
    assert Walk.decode(None) == Walk()


@pytest.mark.parametrize("position", ["", "x", "[]", "5", '{"seen": 5, "floor": "x", "machine": []}'])
def test_a_position_that_is_not_ours_starts_from_the_beginning(position):
    assert Walk.decode(position) == Walk()


@settings(max_examples=60, deadline=None)
@given(
    prices=st.lists(st.sampled_from([0.1, 0.2, 0.25, 0.3, 1.7]), max_size=300),
    machines=st.integers(1, 60),
)
def test_a_complete_walk_has_delivered_everything(prices, machines):
    rows = [
        {"id": n + 1, "dph_total": price, "machine_id": 1 + n % machines} for n, price in enumerate(prices)
    ]

    found, _, complete = walk_through(rows)

    assert not complete or set(found) == {row["id"] for row in rows}
    assert len(found) < 2 * len(rows) + 1
