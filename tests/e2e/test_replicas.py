"""Two real processes on one Postgres behave as one Aurora; kill -9 of the leader changes that for seconds only."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.installation import Installation, Process, installed
from tests.e2e.stack import Part, start

_PORT_NONE = re.compile(r"Aurora Router started (port=\S+)")
TTL_S = 10.0
_UNDER_WAY = timedelta(seconds=1)
ROUTE = {
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "region": "global",
    "gpu_hours": 2.0,
    "providers": ["vastai"],
}


@pytest.fixture
async def installation(databases, tmp_path) -> AsyncIterator[Installation]:
    async with databases.postgres_url() as url, installed(url, tmp_path) as found:
        yield found


async def test_a_leader_that_is_killed_is_followed_within_the_time_of_its_lease(installation):
    one = await installation.boot()
    leader = await installation.holder("sync:vastai")
    other = await installation.boot()
    assert await installation.holder("sync:vastai") == leader
    await installation.stack.until(lambda: _is(other, "aurora_replicas", 2), "two replicas")
    assert await one.metric('aurora_lease_held{name="sync:vastai"}') == 1
    assert await other.metric('aurora_lease_held{name="sync:vastai"}') == 0

    await one.part.kill()
    killed, killed_at = time.monotonic(), datetime.now(UTC)
    free_at = await installation.free_at("sync:vastai")

    async def followed() -> bool:
        return await installation.holder("sync:vastai") not in {leader, None}

    await installation.stack.until(followed, "followed", within=20)
    assert time.monotonic() - killed <= TTL_S + 2
    before = await installation.runs()

    async def read_again() -> bool:
        return await installation.runs() > before

    await installation.stack.until(read_again, "read again")
    # what the dead one had sent may arrive a moment later
    asked_since = [at for at in await installation.arrivals("offers") if at > killed_at + _UNDER_WAY]
    assert asked_since
    assert min(asked_since) >= free_at, "nobody reads the market while the dead one's time lasts"
    await installation.stack.until(lambda: _is(other, "aurora_replicas", 1), "one replica", within=20)


async def test_an_api_replica_decides_and_a_worker_replica_does(installation):
    worker = asyncio.create_task(_worker(installation))
    api = await installation.boot("api")
    part = await worker

    async def on_sale() -> bool:
        return bool((await api.get("/offers?provider=vastai&limit=1"))["offers"])

    # an API is ready after ten seconds also without offers: on a busy machine the first read takes longer
    await installation.stack.until(on_sale, "offers")

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
