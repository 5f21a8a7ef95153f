"""While requests wait to be answered, the background takes small steps; it never stands still."""

import asyncio
from contextlib import nullcontext

import pytest

from aurora.lifecycle.reconciler import Reconciler
from tests.unit.lifecycle.world import CALLER, offer, request, setting


@pytest.mark.parametrize(("pressed", "steps"), [(False, 5), (True, 2)])
async def test_fewer_steps_at_a_time_while_requests_wait(database, pressed, steps):
    async with setting(database, offers=[offer(str(number)) for number in range(5)]) as stage:
        world = await stage.boot()
        for _ in range(5):
            await world.deploy()
        reconciler = Reconciler(
            world.context,
            report=world.seen,
            deadline=lambda _: nullcontext(),
            pressed=lambda: pressed,
        )

        assert await reconciler.run_once() == steps


async def test_requests_that_stand_in_line_press_for_a_moment(database):
    async with setting(database, offers=[offer(str(number)) for number in range(20)]) as stage:
        world = await stage.boot()
        assert not world.routing.pressed

        asking = [asyncio.create_task(world.routing.route(request(), caller=CALLER)) for _ in range(12)]
        await asyncio.sleep(0)
        assert world.routing.pressed
        await asyncio.gather(*asking)

        assert world.routing.pressed, "a moment ago there was a line"
        world.clock.advance(1)
        assert not world.routing.pressed


class Turns:
    """Counts the turns of the event loop, and notes in which of them something was decided."""

    def __init__(self) -> None:
        self.now = 0
        self.of_decisions: list[int] = []

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.now += 1

    def decided(self, decision: object, *, seconds: float) -> None:
        self.of_decisions.append(self.now)


async def test_requests_that_come_together_are_decided_in_turns_of_their_own(database, monkeypatch):
    async with setting(database, offers=[offer(str(number)) for number in range(5)]) as stage:
        world, turns = await stage.boot(), Turns()
        monkeypatch.setattr(world.seen, "decided", turns.decided)
        counting = asyncio.create_task(turns.count())

        await asyncio.gather(*(world.routing.route(request(), caller=CALLER) for _ in range(4)))
        counting.cancel()

    assert len(set(turns.of_decisions)) == len(turns.of_decisions) == 4
