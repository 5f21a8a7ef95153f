"""What a deployment costs after its request: statements, transactions, processor time. `python -m tests.benchmarks.bench_lifecycle`

Data: fake markets in memory, so that nothing but Aurora's own work is counted; real routing, reconciler and database.
`alone`: one deployment after the other. `together`: all asked for at once. Baseline: the request itself (`POST /route`
without HTTP: decision and intent) in the same run.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event

from aurora.db.database import Database
from aurora.db.engine import create_engine, create_writer, dispose
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.records import DeploymentView
from aurora.lifecycle.policy import LifecyclePolicy
from aurora.lifecycle.reconciler import Reconciler
from aurora.providers.fake import FakeProvider, Pace
from aurora.providers.metrics import DirectGuard
from tests.databases import Databases
from tests.fakes.clock import FakeClock
from tests.unit.lifecycle.world import CALLER, Seen, StockedShelf, World, offer

COMMAND = "python -m tests.benchmarks.bench_lifecycle"
ALONE, TOGETHER = 20, 200
LOOKS = 4
"""Looks at each running deployment that are counted."""
POLICY = LifecyclePolicy()


@dataclass
class Spent:
    """Since the start, or between two moments."""

    transactions: int = 0
    statements: int = 0
    cpu_s: float = 0.0

    def since(self, before: "Spent") -> "Spent":
        return Spent(
            self.transactions - before.transactions,
            self.statements - before.statements,
            self.cpu_s - before.cpu_s,
        )

    def per(self, number: int) -> dict[str, float]:
        return {
            "transactions": round(self.transactions / number, 2),
            "statements": round(self.statements / number, 2),
            "cpu_ms": round(self.cpu_s / number * 1e3, 2),
        }


class Meter:
    """Counts what goes to the database."""

    def __init__(self, database: Database) -> None:
        self._spent = Spent()
        for engine in database.engines:
            event.listen(engine, "commit", self._committed)
            event.listen(engine, "before_cursor_execute", self._sent)

    def _committed(self, _connection: Any) -> None:
        self._spent.transactions += 1

    def _sent(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._spent.statements += not statement.startswith(("BEGIN", "PRAGMA"))

    def now(self) -> Spent:
        return replace(self._spent, cpu_s=time.process_time())


class Watching(Seen):
    """Counts passes; wakes whoever waits for so many."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.moved = asyncio.Event()

    def stepped(self, deployment_id: str, *, seconds: float) -> None:
        del deployment_id, seconds
        self.steps += 1
        self.moved.set()

    def reached(self, steps: int) -> bool:
        return self.steps >= steps

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not reached():
                self.moved.clear()
                await self.moved.wait()
        if self.failures:
            raise self.failures[0]


class Bench(World):
    """A world whose reconciler runs by itself, and starts on what was asked for when it is told to."""

    def begin(self) -> None:
        self.states: dict[str, DeploymentStatus] = {}
        self.absent: set[str] = set()
        self.watching = Watching()
        self.running = Reconciler(self.context, report=self.watching, deadline=lambda _: nullcontext())

    def deployment_changed(self, view: DeploymentView) -> None:
        super().deployment_changed(view)
        self.states[view.deployment.id] = view.deployment.status
        if view.attempts[-1].absent_at is not None:
            self.absent.add(view.deployment.id)

    def all(self, ids: list[str], status: DeploymentStatus) -> bool:
        return all(self.states.get(one) is status for one in ids)


async def world(database: Database, *, offers: int) -> Bench:
    clock = FakeClock(auto=False)
    sold = [offer(str(number)) for number in range(offers)]
    provider = FakeProvider("fake", clock=clock, guard=DirectGuard(), offers=sold, pace=Pace(boot_s=0))
    providers = {"fake": provider}
    made = Bench(
        database,
        clock=clock,
        providers=providers,
        shelf=StockedShelf(providers, sold),
        installation_id="bench1",
        policy=POLICY,
    )
    await made.start()
    made.begin()
    return made


async def lives(made: Bench, meter: Meter, number: int) -> dict[str, Spent]:
    """`number` deployments from their request to their end; what each part of it cost them all."""
    ids: list[str] = []

    async def request() -> None:
        ids.extend([await made.deploy() for _ in range(number)])

    async def start() -> None:
        made.running.kick()
        await made.watching.until(lambda: made.all(ids, DeploymentStatus.RUNNING))

    async def look() -> None:
        for _ in range(LOOKS):
            end = made.watching.steps + number
            made.clock.advance(POLICY.running_poll)
            await made.watching.until(partial(made.watching.reached, end))

    async def end() -> None:
        for one in ids:
            await made.desk.terminate(one, caller=CALLER)
        made.running.kick()
        await made.watching.until(lambda: made.absent.issuperset(ids))
        made.clock.advance(POLICY.absent_twice_s)
        await made.watching.until(lambda: made.all(ids, DeploymentStatus.TERMINATED))

    spent = {"request": await _spent(request, meter)}
    async with asyncio.TaskGroup() as group:
        running = group.create_task(made.running.run())
        for phase in (start, look, end):
            spent[phase.__name__] = await _spent(phase, meter)
        running.cancel()
    return spent


async def _spent(phase: Callable[[], Awaitable[None]], meter: Meter) -> Spent:
    before = meter.now()
    await phase()
    return meter.now().since(before)


async def run() -> list[dict[str, Any]]:
    """Both databases, alone and together."""
    with tempfile.TemporaryDirectory() as folder:
        databases = Databases(Path(folder))
        try:
            url = await databases.sqlite_url(Path(folder) / "lives.db")
            rows = await _measured("sqlite", url)
            async with databases.postgres_url() as url:
                return rows + await _measured("postgres", url)
        finally:
            await databases.aclose()


async def _measured(kind: str, url: str) -> list[dict[str, Any]]:
    engine = create_engine(url)
    database = Database(engine, writer=create_writer(engine))
    meter = Meter(database)
    try:
        made = await world(database, offers=TOGETHER + ALONE + 1)
        await lives(made, meter, 1)  # statements are compiled once
        alone = [await lives(made, meter, 1) for _ in range(ALONE)]
        together = await lives(made, meter, TOGETHER)
    finally:
        await dispose(engine)
    summed = {phase: _sum([one[phase] for one in alone]) for phase in alone[0]}
    return [_row(kind, "alone", summed, ALONE), _row(kind, "together", together, TOGETHER)]


def _sum(spent: list[Spent]) -> Spent:
    return Spent(
        sum(one.transactions for one in spent),
        sum(one.statements for one in spent),
        sum(one.cpu_s for one in spent),
    )


def _row(kind: str, how: str, spent: dict[str, Spent], number: int) -> dict[str, Any]:
    return {
        "name": f"lifecycle on {kind}, {how}",
        "request": spent["request"].per(number),
        "start": spent["start"].per(number),
        "one look": spent["look"].per(number * LOOKS),
        "end": spent["end"].per(number),
        "baseline": "the request",
        "data": f"{number} deployments on fake markets, {LOOKS} looks each",
        "command": COMMAND,
    }


if __name__ == "__main__":
    for line in asyncio.run(run()):
        json.dump(line, sys.stdout)
        print()  # noqa: T201 - a benchmark prints
