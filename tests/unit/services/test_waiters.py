"""Those who wait are woken once, in time, and leave nothing behind."""

import asyncio
from dataclasses import replace

import pytest

from aurora.domain.deployment import DeploymentStatus
from aurora.domain.records import DeploymentView
from aurora.services.waiters import Waiters
from tests.fakes.clock import FakeClock, settle
from tests.integration.db.deployment_rows import a_deployment

_S = DeploymentStatus


def view(status: DeploymentStatus, number: int = 1) -> DeploymentView:
    return DeploymentView(a_deployment(number, status=status), ())


class Hall:
    """`settled` are the deployments that the records show as running or ended."""

    def __init__(self) -> None:
        self.settled: set[str] = set()
        self.clock = FakeClock(auto=False)
        self.waiters = Waiters()

    async def waiting(self, number: int = 1, *, seconds: float = 60) -> asyncio.Task[None]:
        one = a_deployment(number).id

        async def settled() -> bool:
            return one in self.settled

        task = asyncio.create_task(self.waiters.wait(one, clock=self.clock, seconds=seconds, settled=settled))
        await settle()
        return task

    @property
    def empty(self) -> bool:
        return not self.waiters._waiting and not self.clock.sleeping


@pytest.mark.parametrize("status", [_S.RUNNING, _S.FAILED, _S.TERMINATED])
async def test_everybody_who_waits_is_woken_when_it_runs_or_has_ended(status):
    hall = Hall()
    tasks = [await hall.waiting() for _ in range(3)]

    hall.waiters.changed(view(status))
    await settle()

    assert all(task.done() for task in tasks)
    assert hall.empty


@pytest.mark.parametrize("status", [_S.PENDING, _S.PROVISIONING, _S.LOST, _S.TERMINATING])
async def test_nobody_is_woken_on_the_way(status):
    hall = Hall()
    task = await hall.waiting()

    hall.waiters.changed(view(status))
    await settle()

    assert not task.done()
    hall.waiters.changed(view(_S.RUNNING))
    await task


async def test_only_those_who_wait_for_this_deployment_are_woken():
    hall = Hall()
    one, other = await hall.waiting(1), await hall.waiting(2)

    hall.waiters.changed(view(_S.RUNNING, 1))
    await settle()

    assert (one.done(), other.done()) == (True, False)
    hall.waiters.changed(view(_S.FAILED, 2))
    await other


async def test_waiting_ends_when_the_time_is_over():
    hall = Hall()
    short, long = await hall.waiting(seconds=5), await hall.waiting(seconds=50)

    await hall.clock.run_for(5)

    assert (short.done(), long.done()) == (True, False)
    await hall.clock.run_for(44.9)
    assert not long.done()
    await hall.clock.run_for(0.1)
    assert long.done()
    assert hall.empty


async def test_a_waiter_that_goes_away_leaves_the_others_waiting():
    hall = Hall()
    gone, stays = await hall.waiting(), await hall.waiting()

    gone.cancel()
    await settle()
    hall.waiters.changed(view(_S.RUNNING))
    await stays

    assert gone.cancelled()
    assert hall.empty


async def test_news_that_nobody_waits_for_is_no_matter():
    hall = Hall()

    hall.waiters.changed(view(_S.RUNNING))
    hall.waiters.changed(replace(view(_S.FAILED)))

    assert hall.empty


async def test_what_runs_already_is_not_waited_for():
    hall = Hall()
    hall.settled.add(a_deployment(1).id)

    task = await hall.waiting()

    assert task.done()
    assert hall.empty


async def test_what_another_process_has_brought_to_its_end_is_seen_within_a_second():
    hall = Hall()
    task = await hall.waiting()

    hall.settled.add(a_deployment(1).id)
    await hall.clock.run_for(1)

    assert task.done()
    assert hall.empty


async def test_everybody_goes_on_when_the_process_stops_and_nobody_waits_any_more():
    hall = Hall()
    tasks = [await hall.waiting(1), await hall.waiting(2)]

    hall.waiters.release()
    await settle()
    tasks.append(await hall.waiting(3))

    assert all(task.done() for task in tasks)
    assert hall.empty
