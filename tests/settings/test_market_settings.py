"""Which market is talked to, with which key, how long for and how often: seen at an emulated market."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from aurora.bootstrap import Aurora
from aurora.domain.deployment import EndReason
from aurora.domain.errors import CredentialRefused
from aurora.domain.health import ProviderStatus
from aurora.providers.registry import ProviderDisabled
from aurora.services.ports import Caller
from aurora.worker.loops import work
from tests.fakes.clock import FakeClock
from tests.settings.room import Emulator, anything_on_sale, booted, emulator, until


@asynccontextmanager
async def running_task(job: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    task = asyncio.create_task(job)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def working(aurora: Aurora) -> AbstractAsyncContextManager[None]:
    """Its loops run."""
    return running_task(work(aurora))


UNMETERED = {"vastai_rate_limit": 1_000_000}
CALLER = Caller()


async def test_live_mode_needs_a_key_of_its_own_where_emulated_mode_does_not(database_url):
    async with booted(database_url, aurora_mode="emulated") as emulated:
        assert (emulated.emulated, emulated.registry.names()) == (True, ("vastai",))

    async with booted(database_url, aurora_mode="live", secret_key="s") as live:
        assert (live.emulated, live.registry.names()) == (False, ())
        entry = live.registry.entry("vastai")
        assert entry.status is ProviderStatus.DISABLED
        assert entry.reason == "no key: set VASTAI_API_KEY"


async def test_the_key_is_what_the_market_accepts_or_refuses(database_url, market):
    async with booted(database_url, emulator_url=market.url, vastai_api_key="any-key") as aurora:
        assert (await aurora.registry.get("vastai").health()).ok

    async with booted(database_url, emulator_url=market.url, vastai_api_key="invalid") as aurora:
        with pytest.raises(CredentialRefused):
            await aurora.registry.get("vastai").health()


async def test_the_emulator_url_says_where_the_emulated_market_is(database_url, market):
    async with emulator() as other, booted(database_url, emulator_url=other.url) as aurora:
        await aurora.registry.get("vastai").health()

        assert (await other.asked("health"), await market.asked("health")) == (1, 0)


async def test_the_base_url_of_a_market_goes_before_the_emulator_url(database_url, market):
    async with emulator() as other:
        chosen = {"emulator_url": market.url, "vastai_base_url": f"{other.url}/vastai"}
        async with booted(database_url, **chosen) as aurora:
            await aurora.registry.get("vastai").health()

        assert (await other.asked("health"), await market.asked("health")) == (1, 0)


async def test_a_market_that_is_switched_off_is_not_routed_to(database_url, market):
    async with booted(database_url, emulator_url=market.url, vastai_enabled=True) as aurora:
        await aurora.sync.run("vastai")
        wanted = anything_on_sale(aurora)
        answer = await aurora.routing.route(wanted, caller=CALLER, dry_run=True)
        assert answer.provider == "vastai"

    async with booted(database_url, emulator_url=market.url, vastai_enabled=False) as aurora:
        answer = await aurora.routing.route(wanted, caller=CALLER, dry_run=True)
        assert answer.status == "no_capacity"
        with pytest.raises(ProviderDisabled, match="VASTAI_ENABLED"):
            aurora.registry.get("vastai")


@pytest.mark.parametrize(("rows", "read", "truncated"), [(30, 30, True), (50_000, 100, False)])
async def test_a_market_is_read_up_to_so_many_rows(database_url, market, rows, read, truncated):
    chosen = {"emulator_url": market.url, "provider_max_rows": rows, **UNMETERED}
    async with booted(database_url, **chosen) as aurora:
        report = await aurora.sync.run("vastai")

        assert (report.seen, report.truncated) == (read, truncated)
        assert len([*aurora.catalogue.offers()]) == read


@pytest.mark.parametrize(("seconds", "found"), [(60, "no_capacity"), (900, "dry_run")])
async def test_offers_older_than_the_maximum_age_are_stale(database_url, market, seconds, found):
    clock = FakeClock(auto=False)
    chosen = {"emulator_url": market.url, "offer_max_age": seconds, **UNMETERED}
    async with booted(database_url, clock=clock, **chosen) as aurora:
        await aurora.sync.run("vastai")
        wanted = anything_on_sale(aurora)
        clock.advance(100)

        answer = await aurora.routing.route(wanted, caller=CALLER, dry_run=True)

        assert answer.status == found
        assert (answer.eliminated.get("stale", 0) > 0) == (found == "no_capacity")


@pytest.mark.parametrize(("seconds", "reason"), [(5, EndReason.START_TIMEOUT), (900, None)])
async def test_an_instance_that_does_not_start_in_time_is_replaced(database_url, market, seconds, reason):
    clock = FakeClock(auto=False)
    await market.fault(kind="never_starts", operation="create")
    chosen = {"emulator_url": market.url, "start_timeout": seconds, **UNMETERED}
    async with booted(database_url, clock=clock, **chosen) as aurora:
        await aurora.sync.run("vastai")
        answer = await aurora.routing.route(anything_on_sale(aurora), caller=CALLER)
        assert answer.deployment_id is not None

        for _ in range(12):
            await aurora.reconciler.run_once()
            clock.advance(1)

        view = await aurora.deployments.get(answer.deployment_id, caller=CALLER)
        assert view.attempts[0].launched_at is not None
        assert view.attempts[0].end_reason == reason


@pytest.mark.parametrize(("seconds", "again"), [(20, True), (300, False)])
async def test_a_market_is_read_again_after_its_own_interval(database_url, market, seconds, again):
    clock = FakeClock(auto=False)
    chosen = {"emulator_url": market.url, "vastai_sync_interval": seconds, **UNMETERED}
    async with booted(database_url, clock=clock, **chosen) as aurora, working(aurora):
        first = clock.now()
        await until(lambda: _read_since(aurora, first))

        await passing(clock, 25)
        if again:
            await passing_until(clock, lambda: _read_since(aurora, first + timedelta(seconds=18)))

        assert await _read_since(aurora, first + timedelta(seconds=18)) == again


async def _read_since(aurora: Aurora, moment: datetime) -> bool:
    latest = aurora.sync.latest("vastai")
    return latest is not None and latest.started_at >= moment


async def passing(clock: FakeClock, seconds: int) -> None:
    """Second by second, with a little real time for sockets and files after each."""
    for _ in range(seconds):
        clock.advance(1)
        await asyncio.sleep(0.005)


async def passing_until(clock: FakeClock, condition: Callable[[], Awaitable[bool]]) -> None:
    """A machine that is busy may not have come to wait for the seconds that passed: let more of them pass."""

    async def holds() -> bool:
        clock.advance(1)
        return await condition()

    await until(holds)


@pytest.mark.parametrize(("seconds", "again"), [(5, True), (60, False)])
async def test_the_sweep_reads_a_markets_list_every_so_many_seconds(database_url, market, seconds, again):
    clock = FakeClock(auto=False)
    chosen = {"emulator_url": market.url, "sweep_interval": seconds, **UNMETERED}
    async with booted(database_url, clock=clock, **chosen) as aurora, working(aurora):
        await until(lambda: _listed(market, 1))

        await passing(clock, 12)
        if again:
            await passing_until(clock, lambda: _listed(market, 2))

        assert await _listed(market, 2) == again


async def _listed(market: Emulator, times: int) -> bool:
    return await market.asked("list") >= times


@pytest.mark.parametrize(("seconds", "looks"), [(1, 5), (10, 1)])
async def test_the_reconciler_looks_for_due_work_every_so_many_seconds(database_url, seconds, looks):
    clock = FakeClock(auto=False)
    async with booted(database_url, clock=clock, reconcile_interval=seconds) as aurora:
        claims = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("UPDATE deployments"):
                claims.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            async with running_task(aurora.reconciler.run()):
                for _ in range(4):
                    await until(lambda: _waiting(clock))
                    clock.advance(1)
                await until(lambda: _waiting(clock))
        finally:
            event.remove(Engine, "before_cursor_execute", note)

        assert len(claims) == looks


async def _waiting(clock: FakeClock) -> bool:
    return clock.sleeping > 0
