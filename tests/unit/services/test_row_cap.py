"""How much room a market that floods has left: what could not be read takes room too, and so does what was read before."""

from aurora.domain.records import BEYOND_CAP
from aurora.providers.base import Cursor, OffersPage, Rejection
from aurora.services.row_cap import RowCap
from tests.unit.lifecycle.world import offer


def page(offers: int, *rejected: Rejection, more: bool = True) -> OffersPage:
    cursor = Cursor("all")
    listed = tuple(offer(str(number)) for number in range(offers))
    return OffersPage(cursor, listed, rejected, Cursor("all", "2") if more else None)


def test_rows_that_could_not_be_understood_take_room_too():
    cap = RowCap(10, {})
    assert cap.begin("all", taken=0)

    cut = cap.admit(page(5, Rejection("odd", 7)))

    assert (len(cut.offers), cut.next, cut.complete, cap.room) == (3, None, False, 0)
    assert cut.rejected == (Rejection("odd", 7), Rejection(BEYOND_CAP, 2))


def test_what_the_market_itself_left_out_takes_none():
    cap = RowCap(10, {})
    cap.begin("all", taken=0)
    whole = page(5, Rejection(BEYOND_CAP, 1000), more=False)

    assert cap.admit(whole) is whole
    assert cap.room == 5


def test_a_slice_that_is_read_on_counts_what_was_read_of_it_before():
    cap = RowCap(10, {})

    assert cap.begin("all", taken=6)
    assert cap.room == 4
    assert len(cap.admit(page(5)).offers) == 4
    assert not cap.begin("other", taken=0)
