"""The loop looks again when something is due, goes on whatever one step does, and leaves nothing half done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

import pytest
from sqlalchemy import update

from aurora.db.database import Database
from aurora.db.tables import deployments as rows
from aurora.domain.errors import DatabaseUnavailable, OfferGone
from aurora.domain.instance import Created, LaunchSpec
from aurora.domain.operation import Operation
from aurora.lifecycle.pages import ClaimLost
from aurora.lifecycle.policy import LifecyclePolicy
from aurora.lifecycle.reconciler import Reconciler
from aurora.providers.fake import FakeProvider, Pace
from aurora.providers.metrics import DirectGuard
from tests.integration.replicas.switch import switched
from tests.unit.lifecycle.test_told import held
from tests.unit.lifecycle.world import World, offer, setting

SELDOM = LifecyclePolicy(interval=100_000)
"""Whatever happens is done because it is due, not because it is time to look."""


async def soon(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await condition():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def looping(world: World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.reconciler.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def status(world: World, deployment: str) -> str:
    return (await world.view(deployment)).deployment.status.value


@pytest.mark.parametrize("by_another", [False, True])
async def test_what_is_due_later_is_looked_at_then(database, by_another):
    async with setting(database, offers=[offer("a")], policy=SELDOM, pace=Pace(boot_s=3)) as stage:
        world, other = await stage.boot(), await stage.boot()
        one = await world.deploy()
        if by_another:
            await world.reconciler.run_once()
            world = other

        async def runs() -> bool:
            stage.clock.advance(0.1)
            return await status(world, one) == "running"

        async with looping(world):
            await soon(runs)

        assert stage.clock.elapsed < SELDOM.interval / 10


async def test_whoever_found_no_free_hand_is_served_as_soon_as_there_is_one(database):
    policy = LifecyclePolicy(interval=100_000, concurrent=1)
    async with setting(database, offers=[offer("a"), offer("b")], policy=policy) as stage:
        world = await stage.boot()
        both = [await world.deploy() for _ in range(2)]

        async def both_begun() -> bool:
            return [await status(world, one) for one in both].count("pending") == 0

        async with looping(world):
            await soon(both_begun)

        assert stage.clock.elapsed == 0


async def test_a_bug_in_one_step_stops_no_other_and_is_tried_again(database):
    async with setting(database, offers=[offer("a"), offer("b")], pace=Pace(boot_s=0)) as stage:
        world = await stage.boot()
        both = [await world.deploy() for _ in range(2)]
        bug = RuntimeError("a bug")
        stage.providers["fake"].script.fail_next(Operation.CREATE, bug)

        assert await world.reconciler.run_once() == 2

        assert world.seen.failures == [bug]
        found = [(await world.view(one)).deployment for one in both]
        assert [one.claim for one in found] == [None, None]
        waits = [(one.due_at - stage.clock.now()).total_seconds() for one in found if one.due_at is not None]
        assert 10 in waits, "the broken one is looked at again soon"


class Thief(FakeProvider):
    """While it is asked for a machine another worker takes the deployment over, and then the offer is gone."""

    database: Database

    async def create(self, spec: LaunchSpec) -> Created:
        async with self.database.write() as connection:
            await connection.execute(update(rows).values(claim="another"))
        raise OfferGone(self.name, f"{spec.offer_external_id} is taken")


async def test_what_a_step_chose_is_free_again_when_its_claim_was_lost(database):
    listed = [offer("a"), offer("b", usd="1.10")]
    async with setting(database, offers=listed) as stage:
        stage.providers["fake"] = thief = Thief(clock=stage.clock, guard=DirectGuard(), offers=listed)
        thief.database = database
        world = await stage.boot()
        one = await world.deploy()

        await world.reconciler.run_once()

        assert [type(error) for error in world.seen.failures] == [ClaimLost]
        assert held(world) == ["fake:a"]
        assert "fail_over" not in await world.kinds(one)


async def test_a_database_that_is_away_is_told_once_and_the_loop_goes_on_when_it_is_back(database):
    cut, switch = switched(database)
    async with setting(cut, offers=[offer("a")]) as stage:
        world = await stage.boot()
        one = await world.deploy()
        switch.away = True

        async def tried_often() -> bool:
            stage.clock.advance(0.5)
            return stage.clock.elapsed > 5 * stage.policy.interval

        async def runs() -> bool:
            stage.clock.advance(0.5)
            return await status(world, one) == "running"

        async with looping(world):
            await soon(tried_often)
            assert [type(error) for error in world.seen.failures] == [DatabaseUnavailable]
            switch.away = False
            await soon(runs)


@pytest.mark.parametrize("taken_over", [False, True])
async def test_what_was_claimed_when_the_database_went_is_worked_on_as_soon_as_it_is_back(
    database, taken_over
):
    cut, switch = switched(database)
    async with setting(cut, offers=[offer("a")]) as stage:
        world = await stage.boot()
        one = await world.deploy()

        def goes_away(_seconds: float) -> AbstractContextManager[None]:
            switch.away = True
            return nullcontext()

        steps = [goes_away]
        reconciler = Reconciler(
            world.context,
            report=world.seen,
            deadline=lambda seconds: steps.pop()(seconds) if steps else nullcontext(),
        )
        assert await reconciler.run_once() == 1
        switch.away = False
        if taken_over:
            async with database.write() as connection:
                await connection.execute(update(rows).where(rows.c.id == one).values(claim="another's"))

        assert await reconciler.run_once() == (0 if taken_over else 1)
        claim = (await world.view(one)).deployment.claim
        assert claim == ("another's" if taken_over else None), "a claim of others is left to them"


async def test_each_step_has_its_deadline(database):
    async with setting(database, offers=[offer("a")]) as stage:
        world = await stage.boot()
        await world.deploy()
        given: list[float] = []

        def deadline(seconds: float) -> AbstractContextManager[None]:
            given.append(seconds)
            return nullcontext()

        await Reconciler(world.context, report=world.seen, deadline=deadline).run_once()

        assert given
        assert set(given) == {stage.policy.step_s}
