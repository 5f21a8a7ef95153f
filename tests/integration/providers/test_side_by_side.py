"""Seven markets are read side by side: as long as the slowest takes, and no longer for one that is at fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from aurora.bootstrap import Aurora, running
from aurora.settings import PROVIDERS, load_settings
from tests.databases import Databases
from tests.fakes.clock import FakeClock
from tests.integration.providers.lockstep import Door, behind

CAP = 400


@pytest.fixture
def door():
    return Door()


@pytest.fixture
async def aurora(door: Door, databases: Databases, tmp_path: Any) -> AsyncIterator[Aurora]:
    """All seven markets, unmetered."""
    chosen: dict[str, Any] = {f"{name}_rate_limit": 1_000_000 for name in PROVIDERS}
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    async with behind(door, offers=300) as markets:
        settings = load_settings(
            None, database_url=url, emulator_url=markets, provider_max_rows=CAP, **chosen
        )
        async with running(settings, clock=FakeClock()) as found:
            yield found


@asynccontextmanager
async def watched(aurora: Aurora, door: Door, names: tuple[str, ...]) -> AsyncIterator[None]:
    """The door hears when a market's run has ended."""
    before = {name: aurora.sync.latest(name) for name in names}

    async def watch() -> None:
        left = set(names)
        while left:
            for name in [each for each in left if aurora.sync.latest(each) is not before[each]]:
                left.discard(name)
                door.ended(name)
            await asyncio.sleep(0.001)

    door.expect(names)
    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def alone(aurora: Aurora, door: Door, name: str) -> int:
    """Rounds of one market's sync, with nobody beside it."""
    async with watched(aurora, door, (name,)):
        report = await aurora.sync.run(name)
    assert report.outcome in {"ok", "partial"}, report
    return door.rounds


async def test_a_sync_of_seven_markets_takes_as_long_as_the_slowest_and_not_as_all_together(aurora, door):
    solo = {name: await alone(aurora, door, name) for name in PROVIDERS}

    async with asyncio.timeout(60), watched(aurora, door, PROVIDERS):
        reports = await aurora.sync.run_all()

    assert set(reports) == set(PROVIDERS)
    assert min(solo.values()) >= 1
    assert sum(solo.values()) >= 2 * max(solo.values()), solo
    assert door.rounds <= 1.5 * max(solo.values()) < sum(solo.values()), (door.rounds, solo)


async def test_a_market_that_hangs_lies_or_floods_delays_no_other(aurora, door):
    at_fault = {"vastai", "salad", "aethir"}
    well = tuple(name for name in PROVIDERS if name not in at_fault)
    async with asyncio.timeout(60), watched(aurora, door, PROVIDERS):
        await aurora.sync.run_all()
    quiet = door.rounds
    known = {name: ids(aurora, name) for name in at_fault}
    released = asyncio.Event()

    async def hangs(_: web.Request) -> web.StreamResponse:
        await released.wait()
        raise web.HTTPServiceUnavailable

    async def lies(_: web.Request) -> web.StreamResponse:
        return web.json_response({"items": [{"id": 7, "name": None, "prices": "free"}, "rubbish", None]})

    async def floods(request: web.Request) -> web.StreamResponse:
        page = int(request.query.get("cursor", "0"))
        return web.json_response({"data": rows(page), "next_cursor": str(page + 1)})

    door.own = {"vastai": hangs, "salad": lies, "aethir": floods}
    async with asyncio.timeout(60), watched(aurora, door, well):
        everything = asyncio.create_task(aurora.sync.run_all())
        await asyncio.gather(*(aurora.sync.run(name) for name in PROVIDERS if name != "vastai"))
        others_ended = not everything.done()
        released.set()
        found = await everything

    assert others_ended, "the one that hangs was waited for"
    assert door.rounds <= quiet
    assert {name: found[name].outcome for name in well} == dict.fromkeys(well, "ok")
    assert found["vastai"].outcome == "failed"
    assert "name is missing" in " ".join(found["salad"].rejected) or found["salad"].error
    assert (found["aethir"].seen, found["aethir"].truncated) == (CAP, True)
    assert {name: found[name].gone for name in at_fault} == dict.fromkeys(at_fault, 0)
    assert all(known[name] <= ids(aurora, name) for name in at_fault)


def ids(aurora: Aurora, provider: str) -> set[str]:
    return {offer.id for offer in aurora.catalogue.offers(provider=provider)}


def rows(page: int) -> list[dict[str, Any]]:
    """A page of a list that never ends."""
    row = {
        "gpu_model": "A100",
        "vram_gb": 80,
        "gpu_count": 1,
        "currency": "USD",
        "price_per_hour": "1.5",
        "region": "us-west",
        "available": 1,
    }
    return [{**row, "id": f"flood-{page}-{number}"} for number in range(100)]
