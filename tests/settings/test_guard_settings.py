"""PROVIDER_*: how patient Aurora is with a market, seen at the market's guard."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from aurora.bootstrap import Aurora
from aurora.domain.errors import CircuitBreakerOpen, ProviderError, RateLimitExceeded, Unavailable
from aurora.domain.operation import Operation
from aurora.resilience.deadline import deadline
from aurora.resilience.guard import Guard
from tests.fakes.clock import FakeClock, settle
from tests.settings.room import booted

PATIENT = {"provider_max_retries": 0, "provider_rate_limiter_enabled": False}


class Upstream:
    """Counts what reaches it; fails while `failing`."""

    def __init__(self, *, failing: bool = False) -> None:
        self.failing = failing
        self.asked = 0

    async def __call__(self) -> int:
        self.asked += 1
        if self.failing:
            raise Unavailable("vastai", "502 Bad Gateway", status=502)
        return self.asked


def guard_of(aurora: Aurora) -> Guard:
    return aurora.markets.guards["vastai"]


async def failures(guard: Guard, upstream: Upstream, count: int) -> ProviderError:
    """Ask `count` times in vain; the last error."""
    upstream.failing = True
    error: ProviderError | None = None
    for _ in range(count):
        with pytest.raises(ProviderError) as caught:
            await guard.call(Operation.HEALTH, upstream)
        error = caught.value
    upstream.failing = False
    assert error is not None
    return error


@pytest.mark.parametrize("threshold", [2, 4])
async def test_the_circuit_opens_after_so_many_failures_in_a_row(database_url, threshold):
    async with booted(database_url, provider_circuit_breaker_threshold=threshold, **PATIENT) as aurora:
        upstream = Upstream()

        error = await failures(guard_of(aurora), upstream, 6)

        assert upstream.asked == threshold
        assert isinstance(error, CircuitBreakerOpen)


@pytest.mark.parametrize("seconds", [7.5, 90])
async def test_an_open_circuit_stays_open_for_so_many_seconds(database_url, seconds):
    clock = FakeClock()
    chosen = {"provider_circuit_breaker_threshold": 1, "provider_circuit_breaker_timeout": seconds}
    async with booted(database_url, clock=clock, **chosen, **PATIENT) as aurora:
        guard, upstream = guard_of(aurora), Upstream()

        await failures(guard, upstream, 1)
        refused = await failures(guard, upstream, 1)

        assert refused.retry_after == seconds
        clock.advance(seconds - 0.1)
        assert isinstance(await failures(guard, upstream, 1), CircuitBreakerOpen)
        clock.advance(0.1)
        assert await guard.call(Operation.HEALTH, upstream) == 2


@pytest.mark.parametrize("probes", [1, 4])
async def test_a_half_open_circuit_lets_so_many_probes_through_at_once(database_url, probes):
    clock = FakeClock(auto=False)
    chosen = {
        "provider_circuit_breaker_threshold": 1,
        "provider_circuit_breaker_timeout": 5,
        "provider_circuit_breaker_half_open_max_calls": probes,
    }
    async with booted(database_url, clock=clock, **chosen, **PATIENT) as aurora:
        guard, answered = guard_of(aurora), asyncio.Event()
        await failures(guard, Upstream(), 1)
        clock.advance(5)
        asked = []

        async def slow() -> None:
            asked.append(1)
            await answered.wait()

        calls = [asyncio.create_task(guard.call(Operation.HEALTH, slow)) for _ in range(6)]
        await settle()
        answered.set()
        results = await asyncio.gather(*calls, return_exceptions=True)

        assert len(asked) == probes
        assert sum(isinstance(one, CircuitBreakerOpen) for one in results) == 6 - probes


@pytest.mark.parametrize(("enabled", "passed"), [(True, 4), (False, 10)])
async def test_the_limiter_holds_calls_back_only_where_it_is_enabled(database_url, enabled, passed):
    clock = FakeClock()
    chosen = {"provider_rate_limiter_enabled": enabled, "vastai_rate_limit": 5}
    async with booted(database_url, clock=clock, **chosen) as aurora:
        upstream = Upstream()

        with deadline(clock, 1.0):
            results = await asyncio.gather(
                *(guard_of(aurora).call(Operation.QUOTE, upstream) for _ in range(10)), return_exceptions=True
            )

        # a fifth of the tokens is kept for what follows money
        assert upstream.asked == passed
        assert sum(isinstance(one, RateLimitExceeded) for one in results) == 10 - passed


Read = Callable[[], Awaitable[object]]


def reader(guard: Guard, upstream: Upstream) -> Read:
    return lambda: guard.call(Operation.OFFERS, upstream, cache_key="page")


@pytest.mark.parametrize(("enabled", "asked"), [(True, 1), (False, 2)])
async def test_offers_are_read_from_the_cache_only_where_it_is_enabled(database_url, enabled, asked):
    async with booted(database_url, provider_cache_enabled=enabled) as aurora:
        upstream = Upstream()
        read = reader(guard_of(aurora), upstream)

        await read()
        await read()

        assert upstream.asked == asked


@pytest.mark.parametrize(("seconds", "asked"), [(20, 2), (100, 1)])
async def test_without_experience_an_answer_lives_for_the_ttl(database_url, seconds, asked):
    clock = FakeClock()
    async with booted(database_url, clock=clock, provider_cache_ttl=seconds) as aurora:
        upstream = Upstream()
        read = reader(guard_of(aurora), upstream)

        await read()
        clock.advance(50)
        await read()

        assert upstream.asked == asked


@pytest.mark.parametrize(("seconds", "asked"), [(40, 2), (400, 1)])
async def test_answers_of_a_market_that_is_well_live_for_the_longest_ttl(database_url, seconds, asked):
    clock = FakeClock()
    async with booted(database_url, clock=clock, provider_cache_max_ttl=seconds) as aurora:
        guard, upstream = guard_of(aurora), Upstream()
        for _ in range(10):
            await guard.call(Operation.HEALTH, Upstream())
        read = reader(guard, upstream)

        await read()
        clock.advance(100)
        await read()

        assert upstream.asked == asked


@pytest.mark.parametrize(("seconds", "asked"), [(1, 2), (20, 1)])
async def test_answers_of_a_market_that_is_unwell_live_for_the_shortest_ttl(database_url, seconds, asked):
    clock = FakeClock()
    chosen = {"provider_cache_min_ttl": seconds, "provider_circuit_breaker_threshold": 1000, **PATIENT}
    async with booted(database_url, clock=clock, **chosen) as aurora:
        guard, upstream = guard_of(aurora), Upstream()
        await failures(guard, Upstream(), 20)
        read = reader(guard, upstream)

        await read()
        clock.advance(10)
        await read()

        assert upstream.asked == asked


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_a_failed_read_is_repeated_so_many_times(database_url, retries):
    async with booted(database_url, provider_max_retries=retries) as aurora:
        upstream = Upstream()

        await failures(guard_of(aurora), upstream, 1)

        assert upstream.asked == 1 + retries


async def waited(database_url: str, **chosen: float) -> float:
    """Seconds between the first and the last attempt of a call that fails."""
    clock = FakeClock()
    attempts = []

    async def fail() -> None:
        attempts.append(clock.elapsed)
        raise Unavailable("vastai", "502 Bad Gateway", status=502)

    async with booted(database_url, clock=clock, **{"provider_retry_jitter": 0, **chosen}) as aurora:
        with pytest.raises(Unavailable):
            await guard_of(aurora).call(Operation.HEALTH, fail)
    return attempts[-1] - attempts[0]


@pytest.mark.parametrize(("base", "seconds"), [(1, 1 + 2 + 4), (3, 3 + 6 + 12)])
async def test_repeats_wait_the_base_delay_and_twice_as_long_each_time(database_url, base, seconds):
    assert await waited(database_url, provider_retry_base_delay=base) == pytest.approx(seconds)


@pytest.mark.parametrize(("most", "seconds"), [(3, 2 + 3 + 3), (32, 2 + 4 + 8)])
async def test_no_repeat_waits_longer_than_the_maximum_delay(database_url, most, seconds):
    assert await waited(database_url, provider_retry_max_delay=most) == pytest.approx(seconds)


async def test_jitter_lengthens_a_delay_by_at_most_so_many_seconds(database_url):
    exact = await waited(database_url, provider_max_retries=1, provider_retry_jitter=0)
    varied = await waited(database_url, provider_max_retries=1, provider_retry_jitter=20)

    assert exact == pytest.approx(2)
    assert 2 < varied <= 22
