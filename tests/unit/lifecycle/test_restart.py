"""The process dies at any instruction: afterwards there is at most one instance, and Aurora knows it."""

import asyncio

import pytest

from aurora.domain.instance import LaunchSpec
from aurora.domain.operation import Operation
from aurora.providers.fake.market import Pace
from tests.unit.lifecycle.world import CALLER, offer, request, setting


class Killed(BaseException):
    """kill -9: nothing catches it, nothing is cleaned up."""


async def killed_step(world) -> None:
    """Run what is due in a process that dies in the middle of it."""
    await world.reconciler.run_once()


@pytest.mark.parametrize("effect", [True, False])
async def test_a_process_killed_while_creating_settles_by_name_after_its_restart(database, effect):
    async with setting(database, offers=[offer("1"), offer("2")], pace=Pace(list_lag_s=10)) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        (fake.script.lose_next if effect else fake.script.fail_next)(Operation.CREATE, Killed())
        deployment = await world.deploy()
        with pytest.raises(Killed):
            await killed_step(world)

        reborn = await stage.boot()
        running = await reborn.until(deployment, "running")

        assert fake.market.live() == (running.current.external_id,)
        assert len(running.attempts) == (1 if effect else 2)
        await reborn.desk.terminate(deployment, caller=CALLER)
        await reborn.until(deployment, "terminated")
        assert fake.market.live() == ()


async def test_a_process_killed_before_it_sent_anything_sends_it_after_its_restart(database):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        fake.script.fail_next(Operation.QUOTE, Killed())
        deployment = await world.deploy()
        with pytest.raises(Killed):
            await killed_step(world)

        reborn = await stage.boot()
        running = await reborn.until(deployment, "running")

        assert len(running.attempts) == 1
        assert fake.count(Operation.CREATE) == 1


@pytest.mark.parametrize("operation", [Operation.STATUS, Operation.TERMINATE])
async def test_a_process_killed_while_ending_goes_on_ending(database, operation):
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        deployment = await world.deploy()
        await world.until(deployment, "running")
        await world.desk.terminate(deployment, caller=CALLER)
        (fake.script.fail_next if operation is Operation.STATUS else fake.script.lose_next)(
            operation, Killed()
        )
        with pytest.raises(Killed):
            await killed_step(world)

        reborn = await stage.boot()
        await reborn.until(deployment, "terminated")

        assert fake.market.live() == ()


async def test_money_spent_while_the_process_was_dead_is_counted(database):
    async with setting(database, offers=[offer("1", usd="2.00")]) as stage:
        world = await stage.boot()
        deployment = await world.deploy()
        await world.until(deployment, "running")
        stage.clock.advance(1800)

        reborn = await stage.boot()
        await reborn.step()
        view = await reborn.view(deployment)

        billed = stage.providers["fake"].market.cost_usd()
        assert float(view.deployment.cost_usd) == pytest.approx(float(billed), abs=0.01)


async def test_another_worker_takes_over_only_after_the_claim_has_run_out(database):
    async with setting(database, offers=[offer("1")], pace=Pace(latency_s=30)) as stage:
        first = await stage.boot()
        second = await stage.boot()
        deployment = await first.deploy()
        working = asyncio.ensure_future(first.reconciler.run_once())
        while not stage.providers["fake"].calls:
            await asyncio.sleep(0.001)

        assert await second.reconciler.run_once() == 0

        while not working.done():
            stage.clock.advance(5)
            await asyncio.sleep(0.001)
        assert len(stage.providers["fake"].market.live()) == 1
        view = await first.view(deployment)
        assert view.current.external_id == "1001"


async def test_the_sweep_ends_an_instance_whose_attempt_was_closed(database):
    async with setting(database, offers=[offer("1"), offer("2")], pace=Pace(list_lag_s=10)) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]
        fake.script.lose_next(Operation.CREATE)
        deployment = await world.deploy()
        await world.step()
        # The market shows it much later than it promises: the attempt is given up in the meantime.
        fake.market.machine("1001").listed_at = stage.clock.now().replace(hour=13)
        running = await world.until(deployment, "running")
        assert len(running.attempts) == 2
        stage.clock.advance(7200)

        await world.sweep.run(stage.providers.values())
        for _ in range(10):
            await world.step()

        assert "1001" not in fake.market.live()
        assert [one.number for one in world.seen.reopened_attempts] == [1]
        assert world.seen.orphans == []


async def test_an_unknown_instance_with_our_prefix_is_reported_then_killed_and_foreign_ones_are_left_alone(
    database,
):
    async with setting(database, offers=[offer(str(number)) for number in range(4)]) as stage:
        world = await stage.boot()
        fake = stage.providers["fake"]

        def rented(name: str, external_id: str) -> str:
            asked = request()
            spec = LaunchSpec(
                name=name,
                offer_external_id=external_id,
                image="x",
                command=(),
                env={},
                ports=(),
                disk_gb=10,
                ceiling_usd_per_hour=asked.max_price,
                gpu_count=1,
            )
            return fake.market.rent(spec).external_id

        ours = rented(f"aurora-{world.installation}-abcdefabcdef-1", "0")
        foreign = rented("aurora-zzzzzz-abcdefabcdef-1", "1")
        other = rented("somebody-else", "2")

        await world.sweep.run(stage.providers.values())
        assert [one.external_id for one in world.seen.orphans] == [ours]
        stage.clock.advance(600)
        await world.sweep.run(stage.providers.values())
        assert ours in fake.market.live()
        stage.clock.advance(400)
        await world.sweep.run(stage.providers.values())

        assert set(fake.market.live()) == {foreign, other}
        assert [one.external_id for one in world.seen.killed] == [ours]
