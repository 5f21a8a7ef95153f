"""Akash over real processes: an auction to its end, and kill -9 between any two of its steps."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.databases import Databases
from tests.e2e.leases import ROUTE, ends_with_nothing_locked
from tests.e2e.stack import Stack, stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """One installation for all of these: each test begins with what the others have left in its records."""
    folder = tmp_path_factory.mktemp("akash")
    url = await databases.sqlite_url(folder / "aurora.db")
    async with stack(folder, state_speed=30, markets=("akash",), database_url=url) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def made(installation: Stack) -> Stack:
    await installation.at_rest()
    return installation


@pytest.mark.parametrize("era", ["a", "b"])
async def test_an_auction_becomes_a_running_lease_with_its_three_prices_and_is_given_back(made, era):
    await made.aurora.kill()
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

    await ends_with_nothing_locked(made, answer["deployment_id"])


@pytest.mark.parametrize("operation", ["create", "quote", "lease", "status"])
async def test_killed_in_any_step_there_is_at_most_one_lease_and_afterwards_no_locked_deposit(
    made, operation
):
    before = (await made.calls("akash")).get(operation, 0)
    await made.fault(provider="akash", kind="latency", operation=operation, ms=2000, count=1)
    answer = await made.post("/route", ROUTE)

    async def asked() -> bool:
        return (await made.calls("akash")).get(operation, 0) > before

    await made.until(asked, f"asked for {operation}")
    await made.aurora.kill()
    await made.heal("akash")
    await made.boot()

    await made.deployment(answer["deployment_id"], "running", within=100)
    assert len(await made.alive("akash")) == 1
    await ends_with_nothing_locked(made, answer["deployment_id"])


async def test_a_lost_answer_to_the_lease_leads_to_the_same_lease(made):
    before = len(await made.ledger("akash"))
    await made.fault(provider="akash", kind="lost_response", operation="lease", count=1)
    answer = await made.post("/route", {**ROUTE, "wait": 60})
    assert answer["status"] == "running", answer
    assert len(await made.ledger("akash")) == before + 1
    await ends_with_nothing_locked(made, answer["deployment_id"])


async def test_an_evicted_lease_is_replaced_and_its_deposit_comes_back(made):
    answer = await made.post("/route", {**ROUTE, "wait": 60})
    (leased,) = await made.alive("akash")
    await made.control("akash", "events", {"event": "evict", "id": leased["id"]})

    async def replaced() -> bool:
        shown = await made.get(f"/deployments/{answer['deployment_id']}")
        return shown["attempt"] == 2 and shown["status"] == "running"

    await made.until(replaced, "replaced", within=60)
    await ends_with_nothing_locked(made, answer["deployment_id"])
