"""The scheduled sync: pace, failures told once, a clean end."""

import asyncio
import random
from dataclasses import replace
from itertools import pairwise

import pytest

from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.records import SyncReport
from aurora.services.sync_schedule import SyncSchedule
from tests.fakes.clock import START, FakeClock, settle

REPORT = SyncReport(provider="market", started_at=START, seconds=1.0, outcome="ok")


class Scripted:
    """A sync whose runs end as told; without a script they are fine."""

    def __init__(self, clock: FakeClock, *, seconds: float = 0.0) -> None:
        self.clock, self.seconds = clock, seconds
        self.script: list[object] = []
        self.started_at: dict[str, list[float]] = {}
        self.cancelled = 0

    async def run(self, provider, *, deadline_s=None, fresh=True):
        self.started_at.setdefault(provider, []).append(self.clock.elapsed)
        try:
            if self.seconds:
                await self.clock.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        found = self.script.pop(0) if self.script else REPORT
        if isinstance(found, Exception):
            raise found
        return found


class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def failed(self, provider, reason):
        self.lines.append(f"{provider} failed: {reason}")

    def recovered(self, provider):
        self.lines.append(f"{provider} recovered")


@pytest.fixture
def clock():
    return FakeClock(auto=False)


def schedule(sync, clock, intervals, *, told=None, jitter=0.0, seed=1):
    return SyncSchedule(
        sync, intervals, clock=clock, rng=random.Random(seed), reporter=told or Told(), jitter=jitter
    )


async def running(found, clock, seconds):
    task = asyncio.create_task(found.run())
    await clock.run_for(seconds)
    task.cancel()
    await asyncio.wait([task])
    return task


async def test_each_provider_runs_at_once_and_then_at_its_own_interval(clock):
    sync = Scripted(clock)

    await running(schedule(sync, clock, {"vastai": 300.0, "akash": 60.0}), clock, 310)

    assert sync.started_at == {"vastai": [0, 300], "akash": [0, 60, 120, 180, 240, 300]}


async def test_the_interval_is_from_start_to_start(clock):
    sync = Scripted(clock, seconds=20)

    await running(schedule(sync, clock, {"market": 60.0}), clock, 130)

    assert sync.started_at["market"] == [0, 60, 120]


async def test_a_run_as_long_as_its_interval_is_followed_after_a_short_pause(clock):
    sync = Scripted(clock, seconds=60)

    await running(schedule(sync, clock, {"market": 60.0}), clock, 125)

    assert sync.started_at["market"] == [0, 61, 122]


async def test_intervals_vary_by_the_seed_within_the_jitter(clock):
    sync = Scripted(clock)

    await running(schedule(sync, clock, {"market": 100.0}, jitter=0.1), clock, 1000)

    starts = sync.started_at["market"]
    gaps = [after - before for before, after in pairwise(starts)]
    assert len(set(gaps)) > 1
    assert all(90 <= gap <= 110 for gap in gaps)


async def test_a_failure_is_told_once_and_so_is_the_recovery(clock):
    sync, told = Scripted(clock), Told()
    failed = replace(REPORT, outcome="failed", error="market: 502")
    sync.script = [REPORT, failed, failed, DatabaseUnavailable("away"), REPORT, REPORT, failed]

    await running(schedule(sync, clock, {"market": 60.0}, told=told), clock, 370)

    assert told.lines == ["market failed: market: 502", "market recovered", "market failed: market: 502"]


async def test_a_suspicious_run_counts_as_a_failure_and_a_partial_one_does_not(clock):
    sync, told = Scripted(clock), Told()
    sync.script = [replace(REPORT, outcome="partial"), replace(REPORT, outcome="suspicious")]

    await running(schedule(sync, clock, {"market": 60.0}, told=told), clock, 70)

    assert told.lines == ["market failed: the sync ended as suspicious"]


async def test_a_bug_is_not_swallowed(clock):
    sync = Scripted(clock)
    sync.script = [KeyError("a bug")]

    with pytest.raises(ExceptionGroup) as raised:
        await schedule(sync, clock, {"market": 60.0, "akash": 60.0}).run()

    assert raised.group_contains(KeyError)


async def test_cancelling_ends_the_runs_under_way(clock):
    sync = Scripted(clock, seconds=30)
    task = asyncio.create_task(schedule(sync, clock, {"vastai": 60.0, "akash": 60.0}).run())
    await settle()

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert sync.cancelled == 2
