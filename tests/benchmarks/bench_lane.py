"""What a purchase's transaction costs this process beside its statements. `python -m tests.benchmarks.bench_lane`

Data: the rows of one `POST /route` as one document of 20 KB, after the advisory lock and the look for rivals that come
before them, on a Postgres of our own. Baseline: the same job in SQLAlchemy's transaction. Both in two ways: 100 a second,
as requests come when there is time between them, so that little of the program is in the processor's caches; and one
after the other without a pause. Processor time of this process, that of an empty task taken off.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text

from aurora.db.database import Database
from aurora.db.engine import create_engine
from tests.databases import Databases

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
    for way, measure in (("100 a second", paced), ("in a row", in_a_row)):
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
    await database.engine.dispose()
    return rows


if __name__ == "__main__":
    for each in asyncio.run(run()):
        print(json.dumps(each))  # noqa: T201 - a benchmark prints
