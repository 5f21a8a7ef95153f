"""What a purchase's transaction costs this process beside its statements. `python -m tests.benchmarks.bench_lane`

Data: the rows of one `POST /route` as one document of 20 KB, after the advisory lock and the look for rivals that come
before them, on a Postgres of our own. Baseline: the same job in SQLAlchemy's transaction. Both in two ways: 100 a second,
as requests come when there is time between them, so that little of the program is in the processor's caches; and one
after the other without a pause. Processor time of this process, that of an empty task taken off. Then the lane alone: a
decision of that size and a hold, written in one journey and step by step.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import text

from aurora.db.bundle import Bundle
from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.db.repositories import buying, holds
from aurora.db.repositories.holds import Hold
from aurora.db.tables import capacity_holds, decisions
from tests.databases import Databases
from tests.integration.db.deployment_rows import DECISION, START

COMMAND = "python -m tests.benchmarks.bench_lane"
PER_S = 100
NUMBER = 400
_LOCK = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS wanted(key)")
_RIVALS = text("SELECT id, body FROM purchases WHERE id = ANY(CAST(:ids AS integer[]))")
_PUT = text("INSERT INTO purchases (body) VALUES (CAST(:body AS json))")
_BODY = json.dumps({"candidates": ["x" * 1000] * 20})


async def purchase(connection: Any) -> None:
    """As `IntentBook` does it."""
    await connection.execute(_LOCK, {"keys": [1]})
    list((await connection.execute(_RIVALS, {"ids": [0]})).mappings())
    await connection.execute(_PUT, {"body": _BODY})


def rows(number: int) -> tuple[Hold, Bundle]:
    """A decision and what it takes."""
    hold = Hold("fake", f"fake:{number}", frozenset({f"gpu-{number}"}), "attempt", START, f"dep-{number}", 1)
    bundle = Bundle()
    candidates = [{"offer": "x" * 1000}] * 20
    bundle.add(decisions, {**DECISION, "id": f"dec-{number}", "eliminated": {}, "candidates": candidates})
    bundle.add(capacity_holds, holds.row_of(hold))
    return hold, bundle


async def at_once(connection: Any, number: int) -> None:
    """One journey."""
    hold, bundle = rows(number)
    if not await buying.at_once(connection, bundle, wanted=[hold], known=[]):
        raise AssertionError(number)


async def by_steps(connection: Any, number: int) -> None:
    """BEGIN, the lock, the look, the rows, COMMIT."""
    hold, bundle = rows(number)
    await holds.rivals(connection, [hold])
    await bundle.write(connection)


async def nothing() -> None:
    """What the loop itself costs."""


async def paced(one: Callable[[], Awaitable[None]]) -> float:
    """Processor ms of each, PER_S a second."""
    began, used = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for number in range(NUMBER):
            await asyncio.sleep(max(0.0, began + number / PER_S - time.perf_counter()))
            group.create_task(_of(one))
    return (time.process_time() - used) / NUMBER * 1e3


async def _of(one: Callable[[], Awaitable[None]]) -> None:
    await one()


async def in_a_row(one: Callable[[], Awaitable[None]]) -> float:
    """Processor ms of each without a pause."""
    used = time.process_time()
    for _ in range(NUMBER):
        await one()
    return (time.process_time() - used) / NUMBER * 1e3


Measure = Callable[[Callable[[], Awaitable[None]]], Awaitable[float]]
_WAYS: tuple[tuple[str, Measure], ...] = (("100 a second", paced), ("in a row", in_a_row))
_NUMBERS = count()


async def run() -> list[dict[str, Any]]:
    """One row for each way."""
    with tempfile.TemporaryDirectory() as folder:
        servers = Databases(Path(folder))
        try:
            async with servers.postgres_url() as url:
                return await measured(Database(create_engine(url)))
        finally:
            await servers.aclose()


async def measured(database: Database) -> list[dict[str, Any]]:
    """Both, in turn."""
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE purchases (id serial PRIMARY KEY, body json)"))
    rows = []
    for way, measure in _WAYS:
        cost = {}
        for name, lean in (("sqlalchemy", False), ("lane", True)):

            async def one(lean: bool = lean) -> None:
                await database.transact(purchase, lean=lean)

            await in_a_row(one)
            cost[name] = await measure(one) - await measure(nothing)
        rows.append(
            {
                "name": f"a purchase's transaction, {way}",
                "lane_ms": round(cost["lane"], 2),
                "sqlalchemy_ms": round(cost["sqlalchemy"], 2),
                "ratio": round(cost["lane"] / cost["sqlalchemy"], 2),
                "baseline": "the same job in SQLAlchemy's transaction",
                "data": f"{NUMBER} transactions, a 20 KB document each",
                "command": COMMAND,
            }
        )
    rows += [await one_journey(database, way, measure) for way, measure in _WAYS]
    await database.engine.dispose()
    return rows


async def one_journey(database: Database, way: str, measure: Measure) -> dict[str, Any]:
    """In the lane, at once and step by step."""
    cost = {}
    for job in (by_steps, at_once):

        async def one(job: Callable[[Any, int], Awaitable[None]] = job) -> None:
            number = next(_NUMBERS)
            await database.transact(lambda connection: job(connection, number), lean=True)

        await in_a_row(one)
        cost[job] = await measure(one) - await measure(nothing)
    return {
        "name": f"a purchase in one journey, {way}",
        "at_once_ms": round(cost[at_once], 2),
        "by_steps_ms": round(cost[by_steps], 2),
        "ratio": round(cost[at_once] / cost[by_steps], 2),
        "baseline": "the same rows in the lane, step by step",
        "data": f"{NUMBER} decisions of 20 KB, a hold each",
        "command": COMMAND,
    }


if __name__ == "__main__":
    for each in asyncio.run(run()):
        print(json.dumps(each))  # noqa: T201 - a benchmark prints
