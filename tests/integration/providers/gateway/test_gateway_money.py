"""What we counted against what the market took: whole deployments at the emulated gateways, on one stepped clock."""

import math
from decimal import Decimal

import aiohttp
import pytest

from aurora.domain.deployment import DeploymentStatus
from aurora.domain.gpu import GpuQuery
from aurora.emulators.server import EmulatorOptions, running
from aurora.services.ports import Caller
from tests.fakes.clock import FakeClock
from tests.settings.room import booted
from tests.unit.lifecycle.world import request

CALLER = Caller()
CENT = Decimal("0.01")


@pytest.fixture
async def database_url(databases, tmp_path):
    return await databases.sqlite_url(tmp_path / "aurora.db")


async def ledger(url, market):
    async with aiohttp.ClientSession() as session, session.get(f"{url}/_emulator/{market}/ledger") as answer:
        (row,) = (await answer.json())["instances"]
        return row


async def step(aurora, clock, seconds, *, times=1):
    for _ in range(times):
        clock.advance(seconds)
        await aurora.reconciler.run_once()


async def bought(aurora, market):
    """A deployment on the cheapest thing that is firmly on sale."""
    await aurora.sync.run(market)
    offer = min(
        (each for each in aurora.catalogue.offers() if each.gpu.known and each.available and not each.spot),
        key=lambda each: (each.min_rental_minutes, each.price_with_disk(20)),
    )
    wanted = request(
        gpu=GpuQuery(offer.gpu.family),
        gpu_count=offer.gpu_count,
        gpu_hours=Decimal(6 * offer.gpu_count),
        region="global",
        max_price=Decimal(50),
        max_total_cost=Decimal(10_000),
        max_latency_ms=60_000,
        min_reputation=0,
    )
    answer = await aurora.routing.route(wanted, caller=CALLER)
    assert answer.provider == market
    return answer.deployment_id


@pytest.mark.parametrize(
    ("market", "settings", "minutes"),
    [("flux", {}, 15), ("aethir", {}, 90), ("render", {"render_secret_key": "emulated"}, 90)],
    ids=["flux, less than its minimum", "aethir", "render, Dispersed"],
)
async def test_the_cost_of_a_deployment_is_the_markets_own_to_the_cent(
    database_url, market, settings, minutes
):
    clock = FakeClock(auto=False)
    options = EmulatorOptions(providers=(market,), state_speed=60)
    async with running(options, clock) as url:
        chosen = {"emulator_url": url, f"{market}_enabled": True, "vastai_enabled": False, **settings}
        async with booted(database_url, clock=clock, **chosen, **{f"{market}_rate_limit": 1e6}) as aurora:
            deployment_id = await bought(aurora, market)
            await step(aurora, clock, 1, times=90)
            view = await aurora.deployments.get(deployment_id, caller=CALLER)
            assert view.deployment.status is DeploymentStatus.RUNNING, view.attempts

            await step(aurora, clock, 30, times=minutes * 2)
            await aurora.deployments.terminate(deployment_id, caller=CALLER)
            await step(aurora, clock, 1, times=60)

            view = await aurora.deployments.get(deployment_id, caller=CALLER)
            taken = await ledger(url, market)
            assert view.deployment.status is DeploymentStatus.TERMINATED
            assert taken["usd_billed"] > 0
            assert abs(view.deployment.cost_usd - Decimal(str(taken["usd_billed"]))) < CENT
            if not settings:  # the market's own word: not only to the cent
                assert math.isclose(view.deployment.cost_usd, taken["usd_billed"], abs_tol=1e-6)
