"""P_RATE_LIMIT, P_TIMEOUT, P_ENABLED, P_SYNC_INTERVAL: the same for every market that has an adapter."""

import asyncio

import pytest

from aurora.bootstrap.policies import sync_interval
from aurora.domain.errors import ProviderTimeout
from aurora.domain.operation import Operation
from aurora.resilience.deadline import deadline
from aurora.settings import PROVIDERS, load_settings
from tests.fakes.clock import FakeClock
from tests.settings.room import booted

each_market = pytest.mark.parametrize("name", PROVIDERS)
ENABLED = {f"{name}_enabled": True for name in PROVIDERS}


async def test_a_market_is_asked_so_many_times_a_minute(database_url):
    limits = {name: 5 * number for number, name in enumerate(PROVIDERS, start=1)}
    chosen = {f"{name}_rate_limit": limit for name, limit in limits.items()}
    clock = FakeClock()
    async with booted(database_url, clock=clock, **ENABLED, **chosen) as aurora:
        for name, per_minute in limits.items():
            asked = []

            async def send(asked: list[float] = asked) -> None:
                asked.append(clock.elapsed)

            guard = aurora.markets.guards[name]
            with deadline(clock, 1.0):
                await asyncio.gather(
                    *(guard.call(Operation.HEALTH, send) for _ in range(per_minute)), return_exceptions=True
                )

            # a fifth of the tokens is kept for what follows money
            assert len(asked) == per_minute * 4 // 5, name
            assert guard.view().limiter.rate == per_minute, name


@pytest.mark.parametrize("short", [PROVIDERS[::2], PROVIDERS[1::2]])
async def test_an_attempt_is_given_up_after_the_timeout(database_url, short):
    async def answer() -> str:
        await asyncio.sleep(0.05)
        return "late"

    chosen = {f"{name}_timeout": 0.02 if name in short else 5 for name in PROVIDERS}
    async with booted(database_url, **ENABLED, **chosen) as aurora:
        for name in PROVIDERS:
            guard = aurora.markets.guards[name]
            if name in short:
                with pytest.raises(ProviderTimeout, match=r"0\.02 s"):
                    await guard.call(Operation.HEALTH, answer)
            else:
                assert await guard.call(Operation.HEALTH, answer) == "late", name


@each_market
async def test_a_market_is_used_only_where_it_is_enabled(database_url, name):
    for enabled in (True, False):
        async with booted(database_url, **{f"{name}_enabled": enabled}) as aurora:
            assert (name in aurora.registry.names()) == enabled
            assert (aurora.registry.entry(name).reason is None) == enabled


@each_market
def test_a_market_has_an_interval_of_its_own(name):
    assert sync_interval(load_settings(None, **{f"{name}_sync_interval": 17}), name) == 17


@each_market
def test_a_market_without_an_interval_of_its_own_is_read_at_the_common_one(name):
    # Every market has a default of its own, so the common one shows only where that is taken away.
    own = {f"{name}_sync_interval": None}
    often = load_settings(None, provider_sync_interval=15).model_copy(update=own)
    seldom = load_settings(None, provider_sync_interval=90).model_copy(update=own)

    assert sync_interval(often, name) == 15
    assert sync_interval(seldom, name) == 90
