"""What the sweep does about instances that bear our name and no record knows, and what keeps it from doing more."""

from collections.abc import Iterable

import pytest

from aurora.domain.errors import Unavailable
from aurora.domain.instance import LaunchSpec
from aurora.domain.operation import Operation
from aurora.providers.fake import FakeProvider, Pace
from tests.unit.lifecycle.world import Setting, World, offer, request, setting

_LATER_S = 1000
"""After which an orphan may be killed."""


def orphaned(world: World, fake: FakeProvider, numbers: Iterable[int]) -> list[str]:
    """Instances that a lost database had known."""
    return [
        fake.market.rent(
            LaunchSpec(
                name=f"aurora-{world.installation}-{number:012x}-1",
                offer_external_id=str(number),
                image="x",
                command=(),
                env={},
                ports=(),
                disk_gb=10,
                ceiling_usd_per_hour=request().max_price,
                gpu_count=1,
            )
        ).external_id
        for number in numbers
    ]


async def swept(stage: Setting, world: World, *, after_s: float = 0) -> None:
    stage.clock.advance(after_s)
    await world.sweep.run(stage.providers.values())


@pytest.mark.parametrize(("fleet", "an_hour"), [(30, 3), (12, 2), (8, 1)])
async def test_in_an_hour_at_most_three_are_killed_and_at_most_a_fifth_of_a_small_fleet(
    database, fleet, an_hour
):
    async with setting(database, offers=[offer(str(number)) for number in range(fleet)]) as stage:
        world, fake = await stage.boot(), stage.providers["fake"]
        orphaned(world, fake, range(fleet))
        await swept(stage, world)

        await swept(stage, world, after_s=_LATER_S)
        assert len(world.seen.killed) == an_hour
        assert len(fake.market.live()) == len(world.seen.braked) == fleet - an_hour

        await swept(stage, world, after_s=3500)
        assert len(world.seen.killed) == an_hour
        await swept(stage, world, after_s=101)
        assert len(world.seen.killed) == 2 * an_hour


async def test_a_kill_that_failed_does_not_count_and_each_market_has_a_brake_of_its_own(database):
    listed = [offer(str(number), provider=name) for name in ("fake", "other") for number in range(2)]
    async with setting(database, offers=listed) as stage:
        world, fake, other = await stage.boot(), stage.providers["fake"], stage.providers["other"]
        for each in (fake, other):
            orphaned(world, each, range(2))
        await swept(stage, world)
        fake.script.fail_next(Operation.TERMINATE, Unavailable("fake", "503"))

        await swept(stage, world, after_s=_LATER_S)

        assert sorted(one.provider for one in world.seen.killed) == ["fake", "other"]
        assert [len(each.market.live()) for each in (fake, other)] == [1, 1]


async def test_a_market_that_does_not_answer_hides_no_other(database):
    async with setting(database, offers=[offer("1"), offer("1", provider="other")]) as stage:
        world = await stage.boot()
        [left] = orphaned(world, stage.providers["other"], [1])
        stage.providers["fake"].script.fail_next(Operation.LIST, Unavailable("fake", "503"))

        await swept(stage, world)

        assert [one.external_id for one in world.sweep.orphans] == [left]


async def test_an_orphan_that_went_by_itself_is_one_no_more(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world, fake = await stage.boot(), stage.providers["fake"]
        [left] = orphaned(world, fake, [1])
        await swept(stage, world)
        assert len(world.sweep.orphans) == 1

        fake.market.end(left)
        await swept(stage, world)

        assert world.sweep.orphans == ()


async def test_an_attempt_whose_instance_shows_up_is_looked_at_at_once(database):
    async with setting(database, offers=[offer("1")], pace=Pace(list_lag_s=600)) as stage:
        world, fake = await stage.boot(), stage.providers["fake"]
        fake.script.lose_next(Operation.CREATE)
        deployment = await world.deploy()
        await world.step(0.1)
        waiting = (await world.view(deployment)).deployment
        assert waiting.due_at > stage.clock.now()
        fake.market.machine("1001").listed_at = stage.clock.now()

        await swept(stage, world)

        assert (await world.view(deployment)).deployment.due_at == stage.clock.now()


async def test_what_was_paid_up_to_the_end_of_a_reopened_attempt_is_not_counted_again(database):
    async with setting(database, offers=[offer("1"), offer("2")], pace=Pace(list_lag_s=10)) as stage:
        world, fake = await stage.boot(), stage.providers["fake"]
        fake.script.lose_next(Operation.CREATE)
        deployment = await world.deploy()
        await world.step()
        fake.market.machine("1001").listed_at = stage.clock.now().replace(hour=13)
        running = await world.until(deployment, "running")
        stage.clock.advance(7200)

        await swept(stage, world)

        [reopened] = world.seen.reopened_attempts
        assert reopened.number == 1
        assert reopened.billed_until == running.attempts[0].ended_at is not None
