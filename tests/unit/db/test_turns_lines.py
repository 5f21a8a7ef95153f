"""Several turns at the same time, and lines in which nobody stands who has left."""

import asyncio

import pytest

from aurora.db.turns import Turns
from aurora.domain.errors import DatabaseUnavailable


async def _hold(turns: Turns, order: list[str], name: str) -> None:
    async with turns.take():
        order.append(name)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_as_many_hold_it_at_once_as_may_and_no_more() -> None:
    turns, order = Turns(5.0, at_once=2), []
    async with turns.take(), turns.take():
        third = asyncio.create_task(_hold(turns, order, "third"))
        await _settle()
        assert (turns.inside, turns.waiting, order) == (2, 1, [])
    await third

    assert (turns.inside, turns.waiting, order) == (0, 0, ["third"])


async def test_whoever_gave_up_stands_in_line_no_more() -> None:
    turns = Turns(0.02)
    async with turns.take():
        cancelled = asyncio.create_task(_hold(turns, [], "cancelled"))
        await _settle()
        assert turns.waiting == 1
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert turns.waiting == 0

        with pytest.raises(DatabaseUnavailable):
            await _hold(turns, [], "late")
        assert turns.waiting == 0


async def test_a_turn_passes_by_whoever_is_just_giving_up() -> None:
    turns, order = Turns(5.0), []
    async with turns.take():
        given_up = asyncio.create_task(_hold(turns, order, "gone"))
        patient = asyncio.create_task(_hold(turns, order, "patient"))
        await _settle()
        given_up.cancel()  # it has not run since, and stands in line still
    await asyncio.wait_for(patient, 1)

    assert order == ["patient"]
    assert turns.inside == 0
