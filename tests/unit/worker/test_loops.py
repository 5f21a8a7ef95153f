"""A loop that cannot die quietly: expected failures are told once, a bug ends it, cancelling is clean."""

import asyncio
from dataclasses import dataclass, field

import pytest

from aurora.domain.errors import AuroraError, DatabaseUnavailable, Unavailable
from aurora.telemetry.outages import Outages
from aurora.worker.loops import every, keep_fresh, rest
from tests.fakes.clock import FakeClock, settle


@dataclass
class Job:
    """Does what the next of `ends` says; then well."""

    ends: list[BaseException | None] = field(default_factory=list)
    runs: int = 0

    async def __call__(self) -> None:
        self.runs += 1
        if self.ends:
            end = self.ends.pop(0)
            if end is not None:
                raise end


@dataclass
class Lines:
    """A log in hand."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def warning(self, event: str, **fields: object) -> None:
        self.told.append((event, str(fields["error"])))

    def info(self, event: str, **fields: object) -> None:
        self.told.append((event, str(fields["failures"])))


class Loop:
    def __init__(self, *ends: BaseException | None) -> None:
        self.clock = FakeClock(auto=False)
        self.job = Job(list(ends))
        self.lines = Lines()
        report = Outages(self.clock, log=self.lines)
        self.task = asyncio.create_task(every(10, self.job, name="sweep", clock=self.clock, report=report))


async def stopped(loop: Loop) -> None:
    loop.task.cancel()
    await asyncio.gather(loop.task, return_exceptions=True)


async def test_the_job_runs_at_once_and_then_after_each_interval():
    loop = Loop()

    await settle()
    assert loop.job.runs == 1
    await loop.clock.run_for(9.9)
    assert loop.job.runs == 1
    await loop.clock.run_for(20.1)
    assert loop.job.runs == 4
    await stopped(loop)


async def test_an_expected_failure_is_told_once_and_so_is_the_recovery():
    away = [DatabaseUnavailable("away") for _ in range(3)]
    loop = Loop(None, *away, None)

    await loop.clock.run_for(60)

    assert loop.job.runs == 7
    assert loop.lines.told == [("failing", "DatabaseUnavailable"), ("recovered", "3")]
    await stopped(loop)


async def test_a_failure_of_another_kind_is_told_too():
    loop = Loop(DatabaseUnavailable("away"), Unavailable("vastai", "502"), AuroraError("odd"))

    await loop.clock.run_for(20)

    assert [error for _, error in loop.lines.told] == ["DatabaseUnavailable", "Unavailable", "AuroraError"]
    await stopped(loop)


async def test_a_bug_ends_the_loop_with_its_own_error():
    loop = Loop(None, ZeroDivisionError("a bug"))

    await loop.clock.run_for(10)

    with pytest.raises(ZeroDivisionError, match="a bug"):
        await loop.task
    assert loop.lines.told == []


async def test_a_bug_ends_the_loops_beside_it():
    clock, report = FakeClock(auto=False), Outages(FakeClock(), log=Lines())
    healthy = Job()

    async def all_loops() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(every(1, healthy, name="a", clock=clock, report=report))
            group.create_task(every(1, Job([None, KeyError("bug")]), name="b", clock=clock, report=report))

    loops = asyncio.create_task(all_loops())
    await clock.run_for(1)

    with pytest.raises(ExceptionGroup) as ended:
        await loops
    assert ended.group_contains(KeyError)


@pytest.mark.parametrize("while_sleeping", [True, False])
async def test_cancelling_is_clean(while_sleeping):
    loop = Loop()
    if while_sleeping:
        await settle()

    loop.task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await loop.task
    assert loop.lines.told == []
    assert loop.clock.sleeping == 0


async def test_work_that_nobody_waits_for_rests_longer_while_requests_wait_but_not_for_ever():
    clock = FakeClock()

    await rest(clock, lambda: False)
    alone = clock.elapsed
    await rest(clock, lambda: clock.elapsed < 3 * alone)
    until_it_was_quiet = clock.elapsed - alone
    await rest(clock, lambda: True)

    assert (alone, until_it_was_quiet, clock.elapsed) == pytest.approx((0.02, 0.04, 0.16))


class Refreshing:
    """A market that rests once in each refresh, and a process around it whose requests wait."""

    def __init__(self) -> None:
        self.clock = FakeClock(auto=False)
        self.outages = Outages(self.clock)
        self.market = self.metrics = self
        self.routing = self
        self.pressed = True
        self.rested: list[float] = []

    async def refresh(self, rest=None) -> None:
        if rest is not None:
            began = self.clock.elapsed
            await rest()
            self.rested.append(self.clock.elapsed - began)


async def test_the_market_is_kept_fresh_with_longer_rests_while_requests_wait():
    aurora = Refreshing()
    fresh = asyncio.create_task(keep_fresh(aurora))
    await aurora.clock.run_for(1)
    aurora.pressed = False
    await aurora.clock.run_for(3)
    fresh.cancel()
    await asyncio.gather(fresh, return_exceptions=True)

    pressed, quiet = aurora.rested
    assert pressed > 2 * quiet > 0
