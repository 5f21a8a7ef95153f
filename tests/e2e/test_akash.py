"""Akash over real processes: an auction to its end, its bad cases, and kill -9 between any two of its steps."""

import pytest

from tests.e2e.stack import Stack, stack

ROUTE = {
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "region": "global",
    "gpu_hours": 1.0,
    "max_price": 4.0,
    "providers": ["akash"],
}


async def _ends_with_nothing_locked(made: Stack, deployment: str) -> None:
    await made.delete(f"/deployments/{deployment}")
    await made.deployment(deployment, "terminated")
    assert await made.alive("akash") == []
    assert all(one["deposit_locked_usd"] == 0 for one in await made.ledger("akash"))


@pytest.mark.parametrize("era", ["a", "b"])
async def test_an_auction_becomes_a_running_lease_with_its_three_prices_and_is_given_back(tmp_path, era):
    async with stack(tmp_path, state_speed=20) as made:
        await made.control("akash", "settings", {"era": era})
        await made.boot()
        answer = await made.post("/route", {**ROUTE, "wait": 60})
        assert answer["status"] == "running", answer
        assert answer["price_kind"] in {"estimate", "firm"}
        shown = await made.get(f"/deployments/{answer['deployment_id']}")
        prices = shown["prices"]
        assert prices["decided_usd_per_hour"] > 0
        assert prices["quoted_usd_per_hour"] == pytest.approx(prices["charged_usd_per_hour"])
        assert prices["charged_usd_per_hour"] <= prices["ceiling_usd_per_hour"]
        (leased,) = await made.alive("akash")
        assert leased["usd_per_hour"] == pytest.approx(prices["charged_usd_per_hour"], rel=1e-6)
        events = await made.get(f"/deployments/{answer['deployment_id']}/events")
        assert "price_agreed" in [event["kind"] for event in events["events"]]

        await _ends_with_nothing_locked(made, answer["deployment_id"])


@pytest.mark.parametrize("operation", ["create", "quote", "lease", "status"])
async def test_killed_in_any_step_there_is_at_most_one_lease_and_afterwards_no_locked_deposit(
    tmp_path, operation
):
    async with stack(tmp_path, state_speed=20) as made:
        aurora = await made.boot()
        before = (await made.calls("akash")).get(operation, 0)
        await made.fault(provider="akash", kind="latency", operation=operation, ms=2000, count=1)
        answer = await made.post("/route", ROUTE)

        async def asked() -> bool:
            return (await made.calls("akash")).get(operation, 0) > before

        await made.until(asked, f"asked for {operation}")
        await aurora.kill()
        await made.heal("akash")
        await made.boot()

        await made.deployment(answer["deployment_id"], "running", within=100)
        assert len(await made.alive("akash")) == 1
        await _ends_with_nothing_locked(made, answer["deployment_id"])


async def test_a_lost_answer_to_the_lease_leads_to_the_same_lease(tmp_path):
    async with stack(tmp_path, state_speed=20) as made:
        await made.boot()
        await made.fault(provider="akash", kind="lost_response", operation="lease", count=1)
        answer = await made.post("/route", {**ROUTE, "wait": 60})
        assert answer["status"] == "running", answer
        assert len(await made.ledger("akash")) == 1
        await _ends_with_nothing_locked(made, answer["deployment_id"])


@pytest.mark.parametrize("event", ["no_bids", "bids_above_ceiling", "bid_gone", "manifest_refused"])
async def test_a_bad_auction_ends_in_a_running_deployment_or_a_clear_failure_and_never_in_a_locked_deposit(
    tmp_path, event
):
    async with stack(tmp_path, state_speed=60) as made:
        await made.boot()
        await made.control("akash", "events", {"event": event})
        asked = {**ROUTE, "max_attempts": 2}
        answer = await made.post("/route", asked)
        shown = await made.deployment(answer["deployment_id"], "running", "failed", within=200)
        if shown["status"] == "running":
            await _ends_with_nothing_locked(made, answer["deployment_id"])
        assert all(one["deposit_locked_usd"] == 0 for one in await made.ledger("akash"))


async def test_an_evicted_lease_is_replaced_and_its_deposit_comes_back(tmp_path):
    async with stack(tmp_path, state_speed=30) as made:
        await made.boot()
        answer = await made.post("/route", {**ROUTE, "wait": 60})
        (leased,) = await made.alive("akash")
        await made.control("akash", "events", {"event": "evict", "id": leased["id"]})

        async def replaced() -> bool:
            shown = await made.get(f"/deployments/{answer['deployment_id']}")
            return shown["attempt"] == 2 and shown["status"] == "running"

        await made.until(replaced, "replaced", within=60)
        await _ends_with_nothing_locked(made, answer["deployment_id"])
