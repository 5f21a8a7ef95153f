"""Offers that move, change hands or leave, and what was taken off them and off their neighbours."""

from collections import Counter
from dataclasses import replace

from aurora.domain.offer import Offer
from tests.unit.lifecycle.world import offer
from tests.unit.services.test_market import Stall, a_hold

EAST = frozenset({"us-east"})
WEST = frozenset({"us-west"})


def listed_anew(stall: Stall, *offers: Offer) -> None:
    stall.shelf.listed[:] = offers
    stall.shelf.version += "+"


def placed(stall: Stall) -> Counter[frozenset[str]]:
    """Offers by where they are, as the counts of the eliminated are made from."""
    found: Counter[frozenset[str]] = Counter()
    for aisle in stall.market.snapshot().aisles:
        found.update(aisle.placed)
    return found


def test_an_offer_that_moves_is_where_it_is_now_and_still_held():
    one, two = offer("1"), offer("2")
    stall = Stall(one, two)
    stall.overlay.take(a_hold("1"))
    assert placed(stall) == {WEST: 2}

    listed_anew(stall, replace(one, regions=EAST), two)

    found = {each.offer.external_id: each.offer.regions for each in stall.market.snapshot().candidates}
    assert found == {"1": EAST, "2": WEST}
    assert stall.free("1", "2") == [0, 1]
    assert placed(stall) == {EAST: 1, WEST: 1}


def test_the_last_offer_of_a_place_takes_the_place_along():
    one, two = offer("1"), replace(offer("2"), regions=EAST)
    stall = Stall(one, two)
    stall.overlay.take(a_hold("2"))
    assert placed(stall) == {WEST: 1, EAST: 1}

    listed_anew(stall, one)

    assert [each.id for each in stall.market.snapshot().candidates] == ["fake:1"]
    assert placed(stall) == {WEST: 1}


def test_an_offer_on_another_machine_shares_that_one_and_the_old_one_no_more():
    moving, here, there = (
        offer("moving", resources=["gpu-1"]),
        offer("here", resources=["gpu-1"]),
        offer("there", resources=["gpu-2"]),
    )
    stall = Stall(moving, here, there)
    assert stall.free("moving", "here", "there") == [1, 1, 1]
    listed_anew(stall, replace(moving, resources=frozenset({"gpu-2"})), here, there)
    assert stall.free("moving", "here", "there") == [1, 1, 1]

    stall.overlay.take(a_hold("there", resources=frozenset({"gpu-2"})))
    assert stall.free("moving", "here", "there") == [0, 1, 0]

    stall.overlay.take(a_hold("here", 2, resources=frozenset({"gpu-1"})))
    stall.overlay.release("dep-1", 1)
    assert stall.free("moving", "here", "there") == [1, 0, 1]


def test_what_was_taken_off_an_offer_that_left_is_not_taken_off_its_neighbours():
    offers = [offer(str(number), available=3) for number in range(4)]
    stall = Stall(*offers)
    stall.overlay.take(a_hold("0"))
    stall.overlay.take(a_hold("2", 2))
    assert stall.free("0", "1", "2", "3") == [2, 3, 2, 3]

    listed_anew(stall, *offers[1:])

    found = [(each.id, each.free) for each in stall.market.snapshot().candidates]
    assert sorted(found) == [("fake:1", 3), ("fake:2", 2), ("fake:3", 3)]


def test_an_offer_that_comes_back_is_held_as_before():
    one, two = offer("1"), offer("2")
    stall = Stall(one, two)
    stall.overlay.take(a_hold("1"))
    stall.market.snapshot()
    listed_anew(stall, two)
    stall.market.snapshot()

    listed_anew(stall, replace(one, price_per_hour=two.price_per_hour * 2), two)

    assert stall.free("1", "2") == [0, 1]
