"""Akash's auctions that go wrong, over real processes."""

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
    """One installation for all of these, so fast that the Console closes in 10 s what found no provider."""
    folder = tmp_path_factory.mktemp("auctions")
    url = await databases.sqlite_url(folder / "aurora.db")
    async with stack(folder, state_speed=60, markets=("akash",), database_url=url) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def made(installation: Stack) -> Stack:
    await installation.at_rest()
    return installation


@pytest.mark.parametrize("event", ["no_bids", "bids_above_ceiling", "bid_gone", "manifest_refused"])
async def test_a_bad_auction_ends_in_a_running_deployment_or_a_clear_failure_and_never_in_a_locked_deposit(
    made, event
):
    await made.control("akash", "events", {"event": event})
    asked = {**ROUTE, "max_attempts": 2}
    answer = await made.post("/route", asked)
    shown = await made.deployment(answer["deployment_id"], "running", "failed", within=200)
    if shown["status"] == "running":
        await ends_with_nothing_locked(made, answer["deployment_id"])
    assert all(one["deposit_locked_usd"] == 0 for one in await made.ledger("akash"))
