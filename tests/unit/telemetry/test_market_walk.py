"""The walk over a large market lets others have their turn, and notices what changed while it walked."""

import asyncio

from aurora.telemetry.market_figures import MarketFigures
from tests.unit.lifecycle.world import offer


def capacity(figures: MarketFigures) -> float:
    return next(value for name, _, value in figures.rows() if name == "aurora_provider_capacity")


async def test_what_changes_during_the_walk_is_walked_over_the_next_time():
    listed = [offer(str(number)) for number in range(2001)]
    versions = ["v1"]
    figures = MarketFigures(lambda: tuple(listed), lambda: versions[-1])

    walking = asyncio.ensure_future(figures.refresh())
    await asyncio.sleep(0)
    assert not walking.done(), "others have their turn in between"
    listed.append(offer("late"))
    versions.append("v2")
    await walking
    assert capacity(figures) == 2001

    await figures.refresh()
    assert capacity(figures) == 2002
