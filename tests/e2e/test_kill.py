"""kill -9 in the middle of everything; the emulator's ledger says what it cost."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.databases import Databases
from tests.e2e.stack import Stack, stack

ROUTE = {
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "region": "us-west",
    "gpu_hours": 2.0,
    "providers": ["vastai"],
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """One installation that is killed again and again: each test begins with what the others have left in its records."""
    folder = tmp_path_factory.mktemp("kill")
    url = await databases.sqlite_url(folder / "aurora.db")
    async with stack(folder, state_speed=10, offers=600, markets=("vastai",), database_url=url) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def made(installation: Stack) -> Stack:
    await installation.at_rest()
    return installation


async def _creates(made: Stack) -> int:
    return (await made.calls()).get("create", 0)


async def _killed(made: Stack) -> None:
    assert made.aurora is not None
    await made.aurora.kill()


async def _one_instance_that_delete_ends(made: Stack, deployment: str) -> None:
    await made.deployment(deployment, "running", within=60)
    assert len(await made.alive()) == 1
    await made.delete(f"/deployments/{deployment}")
    await made.deployment(deployment, "terminated")
    assert await made.alive() == []


async def test_killed_during_provisioning_there_is_exactly_one_instance_and_delete_ends_it(made):
    before = await _creates(made)
    answer = await made.post("/route", ROUTE)

    async def rented() -> bool:
        return bool(await made.alive())

    await made.until(rented, "rented")
    await _killed(made)
    assert [one["running_at"] for one in await made.alive()] == [None]
    await made.boot()

    await _one_instance_that_delete_ends(made, answer["deployment_id"])
    assert await _creates(made) == before + 1


async def test_killed_while_the_create_is_under_way_nothing_is_rented_twice(made):
    before = await _creates(made)
    await made.fault(kind="latency", operation="create", ms=3000, count=1)
    answer = await made.post("/route", ROUTE)

    async def asked() -> bool:
        return await _creates(made) == before + 1

    await made.until(asked, "asked for a create")
    await _killed(made)
    await made.boot()

    await _one_instance_that_delete_ends(made, answer["deployment_id"])
    assert await _creates(made) == before + 1


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2])
async def test_killed_at_any_moment_after_a_request_there_is_at_most_one_instance_and_aurora_knows_it(
    made, delay
):
    async def listed() -> dict[str, str]:
        found = (await made.get("/deployments?limit=200"))["deployments"]
        return {one["id"]: one["status"] for one in found}

    before = await listed()
    asking = asyncio.ensure_future(made.post("/route", ROUTE))
    await asyncio.sleep(delay)
    await _killed(made)
    await asyncio.gather(asking, return_exceptions=True)
    await made.boot()

    async def settled() -> bool:
        return set((await listed()).values()) <= {"running", "failed", "terminated"}

    await made.until(settled, "settled", within=100)
    after = await listed()
    assert len(after.keys() - before.keys()) <= 1
    assert len(await made.alive()) == list(after.values()).count("running")


async def test_a_stop_that_was_asked_for_finishes_the_create_under_way_and_exits_with_zero(made):
    before = await _creates(made)
    await made.fault(kind="latency", operation="create", ms=1500, count=1)
    answer = await made.post("/route", ROUTE)

    async def asked() -> bool:
        return await _creates(made) == before + 1

    await made.until(asked, "asked for a create")
    assert await made.aurora.stop() == 0

    await made.boot()
    shown = await made.get(f"/deployments/{answer['deployment_id']}/events")
    assert "create_unknown" not in [event["kind"] for event in shown["events"]]
    await _one_instance_that_delete_ends(made, answer["deployment_id"])


async def test_a_worker_gives_way_and_answers_probes_and_scrapers_only(made):
    assert await made.aurora.stop() == 0
    before = (await made.calls()).get("offers", 0)
    worker = await made.boot(role="worker")
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, worker.process.pid) == min(19, own + 10)

    async def synced() -> bool:
        return (await made.calls()).get("offers", 0) > before

    await made.until(synced, "synced")
    assert (await made.get("/health"))["status"] == "healthy"
    await made.get("/offers", status=404)
    async with made.session.get(f"{made.url}/metrics") as answer:
        assert "aurora_replicas 1.0" in await answer.text()
