"""Turns to write: first come, first served, and those for whom somebody waits before the work in the background."""

import asyncio

import pytest

from aurora.db.turns import Turns
from aurora.domain.errors import DatabaseUnavailable


async def _hold(turns: Turns, order: list[str], name: str, *, urgent: bool = False) -> None:
    async with turns.take(urgent=urgent):
        order.append(name)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_at_a_time_urgent_ones_first_and_each_line_in_order() -> None:
    turns, order = Turns(5.0), []
    async with turns.take():
        waiting = [
            asyncio.create_task(_hold(turns, order, name, urgent=name.startswith("u")))
            for name in ("b1", "u1", "b2", "u2")
        ]
        await _settle()
        assert order == []
    await asyncio.gather(*waiting)

    assert order == ["u1", "u2", "b1", "b2"]


async def test_who_waits_too_long_is_told_and_the_turn_goes_on_to_the_next() -> None:
    turns, order = Turns(0.02), []
    async with turns.take():
        with pytest.raises(DatabaseUnavailable, match=r"busy for 0\.02 s"):
            await _hold(turns, order, "late")

    await _hold(turns, order, "next")
    assert order == ["next"]


async def test_a_cancelled_waiter_loses_no_turn() -> None:
    turns, order = Turns(5.0), []
    async with turns.take():
        given_up = asyncio.create_task(_hold(turns, order, "gone"))
        patient = asyncio.create_task(_hold(turns, order, "patient"))
        await _settle()
        given_up.cancel()
        await _settle()
    await patient

    assert order == ["patient"]


async def test_a_turn_that_came_as_its_waiter_gave_up_is_passed_on() -> None:
    turns, order = Turns(5.0), []
    holder = turns.take()
    await holder.__aenter__()
    given_up = asyncio.create_task(_hold(turns, order, "gone"))
    patient = asyncio.create_task(_hold(turns, order, "patient"))
    await _settle()
    await holder.__aexit__(None, None, None)  # the turn is `given_up`'s now, who has not run yet
    given_up.cancel()
    await asyncio.wait_for(patient, 1)

    assert order == ["patient"]


async def test_an_error_inside_gives_the_turn_back() -> None:
    turns, order = Turns(5.0), []
    with pytest.raises(ValueError, match="inside"):
        async with turns.take():
            raise ValueError("inside")

    await _hold(turns, order, "next")
    assert order == ["next"]
