"""Two real processes on one Postgres behave as one Aurora; kill -9 of the leader changes that for seconds only."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from aurora.db.database import Database
from aurora.db.engine import create_engine
from tests.e2e.stack import _PORT, Part, Stack, stack, start

_PORT_NONE = re.compile(r"Aurora Router started (port=\S+)")
TTL_S = 10.0
ROUTE = {
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "region": "global",
    "gpu_hours": 2.0,
    "providers": ["vastai"],
}


@dataclass
class Process:
    part: Part
    url: str
    stack: Stack

    async def get(self, path: str) -> Any:
        async with self.stack.session.get(self.url + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, body: Any = None) -> Any:
        async with self.stack.session.post(self.url + path, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def ready(self) -> bool:
        async with self.stack.session.get(f"{self.url}/ready") as answer:
            return answer.status == 200

    async def metric(self, line: str) -> float | None:
        async with self.stack.session.get(f"{self.url}/metrics") as answer:
            for each in (await answer.text()).splitlines():
                if each.startswith(f"{line} "):
                    return float(each.rpartition(" ")[2])
        return None


@dataclass
class Installation:
    """Processes that come and go on one Postgres."""

    stack: Stack
    database: Database
    processes: list[Process]

    async def boot(self, role: str = "all", **settings: str) -> Process:
        part = await start("serve", "--env-file", "", "--role", role, env={**self.stack.settings, **settings})
        port = await part.says(_PORT)
        process = Process(part, f"http://127.0.0.1:{port}", self.stack)
        self.processes.append(process)
        await self.stack.until(process.ready, f"{role} ready: {part.text[-2000:]}")
        return process

    async def holder(self, name: str) -> str | None:
        query = text("SELECT owner FROM leases WHERE name = :name AND expires_at >= clock_timestamp()")
        async with self.database.read() as connection:
            found: str | None = (await connection.execute(query, {"name": name})).scalar_one_or_none()
        return found

    async def runs(self) -> int:
        async with self.database.read() as connection:
            query = text(
                "SELECT count(*) FROM sync_runs WHERE provider = 'vastai' AND outcome IN ('ok', 'partial')"
            )
            return int((await connection.execute(query)).scalar_one())


@pytest.fixture
async def installation(databases, tmp_path) -> AsyncIterator[Installation]:
    async with (
        databases.postgres_url() as url,
        stack(
            tmp_path,
            offers=400,
            markets=("vastai",),
            database_url=url,
            VASTAI_SYNC_INTERVAL="5",
            VASTAI_RATE_LIMIT="100000",
            RECONCILE_INTERVAL="5",
        ) as made,
        _database(url) as database,
    ):
        found = Installation(made, database, [])
        try:
            yield found
        finally:
            for process in found.processes:
                await process.part.kill()


@asynccontextmanager
async def _database(url: str) -> AsyncIterator[Database]:
    engine = create_engine(url)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


async def test_a_leader_that_is_killed_is_followed_within_the_time_of_its_lease(installation):
    one = await installation.boot()
    leader = await installation.holder("sync:vastai")
    other = await installation.boot()
    assert await installation.holder("sync:vastai") == leader
    await installation.stack.until(lambda: _is(other, "aurora_replicas", 2), "two replicas")
    assert await one.metric('aurora_lease_held{name="sync:vastai"}') == 1
    assert await other.metric('aurora_lease_held{name="sync:vastai"}') == 0

    await one.part.kill()
    killed = time.monotonic()

    async def followed() -> bool:
        return await installation.holder("sync:vastai") not in {leader, None}

    await installation.stack.until(followed, "followed", within=20)
    assert time.monotonic() - killed <= TTL_S + 2
    before = await installation.runs()

    async def read_again() -> bool:
        return await installation.runs() > before

    await installation.stack.until(read_again, "read again")
    await installation.stack.until(lambda: _is(other, "aurora_replicas", 1), "one replica", within=20)


async def test_an_api_replica_decides_and_a_worker_replica_does(installation):
    worker = asyncio.create_task(_worker(installation))
    api = await installation.boot("api")
    part = await worker
    offers = await api.get("/offers?provider=vastai&limit=1")
    assert offers["offers"]

    async def shown() -> bool:
        row = next(row for row in (await api.get("/providers"))["providers"] if row["name"] == "vastai")
        return row["offers"] > 0 and row["last_sync"] is not None

    # ready as soon as there are offers: the first run may still go on
    await installation.stack.until(shown, "the worker's sync shown by the API")

    report = (await api.post("/api/v1/providers/sync"))["providers"]["vastai"]
    assert report["outcome"] == "ok"

    began = time.monotonic()
    answer = await api.post("/route", ROUTE | {"wait": 30})
    assert answer["status"] == "running", answer
    # the worker looks by itself every 5 s, those who wait every second: words make both quick
    assert time.monotonic() - began < 15
    assert len(await installation.stack.alive()) == 1
    assert await part.stop() == 0


async def _worker(installation: Installation) -> Part:
    part = await start("serve", "--env-file", "", "--role", "worker", env=installation.stack.settings)
    await part.says(_PORT_NONE)
    installation.processes.append(Process(part, "", installation.stack))
    return part


async def _is(process: Process, metric: str, value: float) -> bool:
    return await process.metric(metric) == value
