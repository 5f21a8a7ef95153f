"""kill -9 in the middle of everything; the emulator's ledger says what it cost."""

import asyncio

import pytest

from tests.e2e.stack import Stack, stack

ROUTE = {
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "region": "us-west",
    "gpu_hours": 2.0,
    "providers": ["vastai"],
}


async def _one_instance_that_delete_ends(made: Stack, deployment: str) -> None:
    await made.deployment(deployment, "running", within=60)
    assert len(await made.alive()) == 1
    await made.delete(f"/deployments/{deployment}")
    await made.deployment(deployment, "terminated")
    assert await made.alive() == []


async def test_killed_during_provisioning_there_is_exactly_one_instance_and_delete_ends_it(tmp_path):
    async with stack(tmp_path, state_speed=2) as made:
        aurora = await made.boot()
        answer = await made.post("/route", ROUTE)

        async def rented() -> bool:
            return bool(await made.alive())

        await made.until(rented, "rented")
        await aurora.kill()
        await made.boot()

        await _one_instance_that_delete_ends(made, answer["deployment_id"])
        assert (await made.calls())["create"] == 1


async def test_killed_while_the_create_is_under_way_nothing_is_rented_twice(tmp_path):
    async with stack(tmp_path) as made:
        aurora = await made.boot()
        await made.fault(kind="latency", operation="create", ms=3000, count=1)
        answer = await made.post("/route", ROUTE)

        async def asked() -> bool:
            return (await made.calls()).get("create", 0) == 1

        await made.until(asked, "asked for a create")
        await aurora.kill()
        await made.boot()

        await _one_instance_that_delete_ends(made, answer["deployment_id"])
        assert (await made.calls())["create"] == 1


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2])
async def test_killed_at_any_moment_after_a_request_there_is_at_most_one_instance_and_aurora_knows_it(
    tmp_path, delay
):
    async with stack(tmp_path) as made:
        aurora = await made.boot()
        asking = asyncio.ensure_future(made.post("/route", ROUTE))
        await asyncio.sleep(delay)
        await aurora.kill()
        await asyncio.gather(asking, return_exceptions=True)
        await made.boot()

        async def settled() -> bool:
            listed = (await made.get("/deployments"))["deployments"]
            return all(one["status"] in {"running", "failed", "terminated"} for one in listed)

        await made.until(settled, "settled", within=100)
        listed = (await made.get("/deployments"))["deployments"]
        assert len(listed) <= 1
        assert len(await made.alive()) == sum(one["status"] == "running" for one in listed)


async def test_a_stop_that_was_asked_for_finishes_the_create_under_way_and_exits_with_zero(tmp_path):
    async with stack(tmp_path) as made:
        aurora = await made.boot()
        await made.fault(kind="latency", operation="create", ms=1500, count=1)
        answer = await made.post("/route", ROUTE)

        async def asked() -> bool:
            return (await made.calls()).get("create", 0) == 1

        await made.until(asked, "asked for a create")
        assert await aurora.stop() == 0

        await made.boot()
        shown = await made.get(f"/deployments/{answer['deployment_id']}/events")
        assert "create_unknown" not in [event["kind"] for event in shown["events"]]
        await _one_instance_that_delete_ends(made, answer["deployment_id"])


async def test_a_worker_answers_probes_and_scrapers_only(tmp_path):
    async with stack(tmp_path) as made:
        await made.boot(role="worker")

        async def synced() -> bool:
            return (await made.calls()).get("offers", 0) > 0

        await made.until(synced, "synced")
        assert (await made.get("/health"))["status"] == "healthy"
        await made.get("/offers", status=404)
        async with made.session.get(f"{made.url}/metrics") as answer:
            assert "aurora_replicas 1.0" in await answer.text()
