"""A rack that was changed many times is as if it had been made of what it has now."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from math import isnan

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.gpu import GpuModel
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.rack import NAMES, Rack, microseconds
from aurora.routing.snapshot import Aisle, Joiner
from tests.unit.routing.market import A100, NOW, candidate

SELLER = ProviderState("vastai")
MODELS = (A100, GpuModel("a100", "pcie", 40), GpuModel("a100"))
PLACES = (frozenset({"us-west"}), frozenset({"us-east", "us-west"}), frozenset[str]())


@st.composite
def figures(draw: st.DrawFn, number: int, seller: ProviderState = SELLER) -> Candidate:
    return candidate(
        str(number),
        state=seller,
        gpu=draw(st.sampled_from(MODELS)),
        price=str(draw(st.integers(1, 9))),
        regions=draw(st.sampled_from(PLACES)),
        min_rental_minutes=draw(st.sampled_from([0, 60])),
        vram_gb=draw(st.sampled_from([None, 80.0])),
        free=draw(st.sampled_from([None, 0.0, 3.0])),
        g_score=draw(st.sampled_from([None, 55.0])),
    )


@st.composite
def lists(draw: st.DrawFn, most: int = 12, seller: ProviderState = SELLER) -> list[Candidate]:
    numbers = draw(st.sets(st.integers(0, most)))
    return [draw(figures(number, seller)) for number in sorted(numbers)]


def described(rack: Rack) -> list[dict[str, object]]:
    """Row by row, with what the numbers stand for."""
    found = []
    for at in range(len(rack)):
        row = {name: rack.rows[name][at].item() for name in NAMES}
        row |= {name: rack.room[name][at].item() for name in rack.room.dtype.names}
        row["model"], row["place"] = rack.models[row["model"]], rack.places[row["place"]]
        terms = rack.terms[row["terms"]]
        row["terms"] = terms.provider, terms.min_rental_minutes
        row["shown"], row["listed"] = rack.candidate(at), rack.candidates[at]
        found.append({name: None if _unknown(value) else value for name, value in row.items()})
    return found


def _unknown(value: object) -> bool:
    return isinstance(value, float) and isnan(value)


def held(one: Candidate) -> Candidate:
    return replace(one, free=0.0, held_until=NOW + timedelta(seconds=9))


def names(found: Iterable[Candidate]) -> list[str]:
    return [one.offer.external_id for one in found]


@settings(max_examples=120, deadline=None)
@given(first=lists(), later=lists(), data=st.data())
def test_what_comes_goes_and_is_taken_leaves_a_rack_as_if_made_anew(
    first: list[Candidate], later: list[Candidate], data: st.DataObject
) -> None:
    gone = [name for name in names(first) if name not in names(later)]
    again = [one for one in later if data.draw(st.booleans()) or one.offer.external_id not in names(first)]
    taken = [one for one in first if data.draw(st.booleans())]
    rack = Rack.of("a100", first)
    for one in taken:
        rack = rack.take(rack.index[one.offer.external_id], held(one))
    rack = rack.put(again, gone=gone)

    now = {one.id: one for one in [*first, *again] if one.offer.external_id not in gone}
    expected = Rack.of("a100", now.values())
    still = [one for one in taken if now.get(one.id) is one and one not in again]
    for one in still:
        expected = expected.take(expected.index[one.offer.external_id], held(one))
    assert described(rack) == described(expected)
    assert dict(rack.index) == dict(expected.index)
    assert described(rack.put_back()) == described(Rack.of("a100", now.values()))


@settings(max_examples=60, deadline=None)
@given(one=lists(), other=lists(seller=ProviderState("akash")), place=st.integers(0, 12))
def test_racks_that_are_joined_say_what_each_said(
    one: list[Candidate], other: list[Candidate], place: int
) -> None:
    joiner, racks = Joiner(), (Rack.of("a100", other), Rack.of("a100", one))
    assert described(joiner.of("a100", racks)) == described(racks[0]) + described(racks[1])
    if other:
        at = place % len(other)
        racks = (racks[0].take(at, held(racks[0].candidates[at])), racks[1])
        assert described(joiner.of("a100", racks)) == described(racks[0]) + described(racks[1])
    racks = (racks[0], racks[1].put([candidate("99", state=SELLER, gpu=A100, price="7")]))
    assert described(joiner.of("a100", racks)) == described(racks[0]) + described(racks[1])
    assert sum(Aisle.of([Rack.of("a100", [*one, *other])]).placed.values()) == len(one) + len(other)


def test_some_of_a_rack_are_shown_as_they_were() -> None:
    rack = Rack.of("a100", [candidate(str(number), price=str(number + 1)) for number in range(5)])
    rack = rack.take(3, held(rack.candidates[3]))

    some = rack.only(np.array([1, 3]))

    assert described(some)[0] == described(rack)[1]
    assert (some.candidate(1).free, some.room["free"][1]) == (0.0, 0.0)
    assert names(some.candidates[0:2]) == ["1", "3"]


def test_a_moment_is_counted_in_whole_microseconds() -> None:
    assert microseconds(NOW + timedelta(microseconds=1)) - microseconds(NOW) == 1
    assert microseconds(NOW) == int(NOW.timestamp()) * 1_000_000


def test_what_no_offer_has_any_more_is_not_kept_for_ever() -> None:
    rack = Rack.of("a100", [candidate("1"), candidate("2")]).take(1, held(candidate("2")))
    for minutes in range(1, 300):
        rack = rack.put([candidate("1", min_rental_minutes=minutes)])

    assert len(rack.terms) < 100
    assert rack.candidate(1).free == 0.0
    now = Rack.of("a100", [candidate("1", min_rental_minutes=299), candidate("2")])
    assert described(rack) == described(now.take(1, held(candidate("2"))))
