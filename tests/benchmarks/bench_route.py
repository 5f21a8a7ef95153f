"""What `POST /route` adds to the transaction that it must write. `python -m tests.benchmarks.bench_route`

Data: the emulators with 8,000 offers. Baseline: a bare transaction that writes the same rows (decision, deployment,
attempt, hold, event, audit) with the same driver, as many at a time, into the same database.
"""

import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import select

from aurora.db import access_tables, tables
from aurora.db.database import Database
from aurora.db.engine import create_engine
from tests.databases import Databases
from tests.e2e.stack import stack
from tests.load.run_load import cpu_seconds

COMMAND = "python -m tests.benchmarks.bench_route"
RATIO_LIMIT = 0.5
AT_A_TIME = 8
ROUTES = 400
OFFERS = 4000
BODY = {
    "workload_type": "llm_inference",
    "region": "global",
    "gpu_hours": 1,
    "max_price": 50,
    "min_reputation": 0,
}
GPUS = ("4090", "a100", "h100", "rtx3090", "rtx5090")
_KEYS: Mapping[Any, Mapping[str, str]] = {
    tables.decisions: {"id": "decision"},
    tables.deployments: {"id": "deployment", "decision_id": "decision"},
    tables.attempts: {"deployment_id": "deployment", "name": "name"},
    tables.capacity_holds: {"deployment_id": "deployment"},
    tables.deployment_events: {"deployment_id": "deployment"},
    access_tables.audit_log: {"target": "deployment"},
}
"""What must be another in each copy of a row. Numbers that the database gives are left to it."""


async def rate(one: Callable[[], Awaitable[None]], *, number: int) -> float:
    """How many a second, AT_A_TIME at once."""
    left = iter(range(number))

    async def worker() -> None:
        for _ in left:
            await one()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_A_TIME)))
    return number / (time.perf_counter() - began)


@dataclass(frozen=True)
class Speed:
    """`cpu_ms`: of the process that did the work, per piece of it."""

    per_s: float
    cpu_ms: float


async def routes(folder: Path, settings: Mapping[str, str]) -> tuple[Speed, str]:
    """Routes of an API process with nothing to do beside them, and one of the deployments."""
    quiet = {"LOG_LEVEL": "WARNING", "INBOUND_RATE_LIMIT": "0"}
    async with stack(folder, offers=OFFERS, **quiet, **settings) as running:
        filled = await running.boot()
        await filled.stop()
        server = await running.boot(role="api")
        seen: list[str] = []
        turn = cycle(GPUS)
        async with aiohttp.ClientSession() as session:

            async def ask() -> None:
                async with session.post(
                    f"{running.url}/route", json={**BODY, "gpu_type": next(turn)}
                ) as answer:
                    found = await answer.json()
                    if found.get("deployment_id") is None:
                        raise AssertionError(found)
                    seen.append(found["deployment_id"])

            await rate(ask, number=40)
            before = cpu_seconds(server.process.pid)
            per_s = await rate(ask, number=ROUTES)
            used = cpu_seconds(server.process.pid) - before
            return Speed(per_s, used / ROUTES * 1e3), seen[-1]


async def bare(url: str, deployment: str) -> Speed:
    """Transactions that write what one route wrote."""
    database = Database(create_engine(url))
    try:
        rows = await rows_of(database, deployment)

        async def write() -> None:
            fresh = {what: secrets.token_hex(8) for what in ("deployment", "decision", "name")}
            async with database.write() as connection:
                for table, row in rows.items():
                    await connection.execute(table.insert(), _renamed(row, _KEYS[table], fresh))

        await rate(write, number=40)
        before = time.process_time()
        per_s = await rate(write, number=ROUTES)
        return Speed(per_s, (time.process_time() - before) / ROUTES * 1e3)
    finally:
        await database.engine.dispose()


def _renamed(row: Mapping[str, Any], keys: Mapping[str, str], fresh: Mapping[str, str]) -> dict[str, Any]:
    """A row like this one that stands beside it."""
    changed = {column: fresh[what] for column, what in keys.items()}
    return {column: value for column, value in row.items() if column != "id"} | changed


async def rows_of(database: Database, deployment: str) -> dict[Any, dict[str, Any]]:
    """What one route has written, table by table."""
    found: dict[Any, dict[str, Any]] = {}
    async with database.read() as connection:

        async def one(table: Any, column: str, value: str) -> None:
            row = (
                await connection.execute(select(table).where(table.c[column] == value).limit(1))
            ).mappings()
            found[table] = dict(row.one())

        await one(tables.deployments, "id", deployment)
        decision = found[tables.deployments]["decision_id"]
        await one(tables.decisions, "id", decision)
        for table in (tables.attempts, tables.capacity_holds, tables.deployment_events):
            await one(table, "deployment_id", deployment)
        audit = access_tables.audit_log
        newest = select(audit).order_by(audit.c.id.desc()).limit(1)
        found[audit] = dict((await connection.execute(newest)).mappings().one())
    order = list(_KEYS)
    return {table: found[table] for table in order}


async def run() -> list[dict[str, Any]]:
    """One row per database."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        databases = Databases(folder / "servers")
        try:
            return [await _measured(kind, folder, databases) for kind in ("sqlite", "postgres")]
        finally:
            await databases.aclose()


async def _measured(kind: str, folder: Path, databases: Databases) -> dict[str, Any]:
    own = folder / kind
    own.mkdir()
    if kind == "sqlite":
        url = f"sqlite:///{own / 'aurora.db'}"
        asked, deployment = await routes(own, {"DATABASE_URL": url})
        plain = await bare(url, deployment)
    else:
        async with databases.postgres_url() as url:
            asked, deployment = await routes(own, {"DATABASE_URL": url})
            plain = await bare(url, deployment)
    return {
        "name": f"POST /route on {kind}",
        "routes_per_s": round(asked.per_s, 1),
        "bare_per_s": round(plain.per_s, 1),
        "ratio": round(asked.per_s / plain.per_s, 2),
        "route_cpu_ms": round(asked.cpu_ms, 2),
        "bare_cpu_ms": round(plain.cpu_ms, 2),
        "limit": f"ratio at least {RATIO_LIMIT}",
        "kept": asked.per_s / plain.per_s >= RATIO_LIMIT,
        "baseline": "a bare transaction that writes the same rows",
        "data": f"{OFFERS} emulated offers, {ROUTES} requests, {AT_A_TIME} at a time, --role api",
        "command": COMMAND,
    }


if __name__ == "__main__":
    for line in asyncio.run(run()):
        print(json.dumps(line))  # noqa: T201 - a benchmark prints
