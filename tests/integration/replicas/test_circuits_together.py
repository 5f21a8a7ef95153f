"""One breaker for all: what one replica meets, the others know."""

import asyncio
import time
from contextlib import nullcontext

import pytest

from aurora.db.repositories import breakers
from aurora.db.repositories.breakers import BreakerKey
from aurora.domain.errors import (
    CircuitBreakerOpen,
    CredentialRefused,
    ProviderError,
    RateLimited,
    Unavailable,
)
from aurora.domain.health import BreakerState
from aurora.domain.operation import Operation, OperationClass
from aurora.resilience.guard import Guard
from tests.integration.replicas.pair import Pair, pair, until

QUICK = {"provider_circuit_breaker_timeout": 0.2}


async def down() -> None:
    raise Unavailable("vastai", "503", status=503)


async def well() -> str:
    return "well"


def guards(made: Pair) -> tuple[Guard, Guard]:
    return made.one.markets.guards["vastai"], made.other.markets.guards["vastai"]


def state(guard: Guard, operation_class: OperationClass = OperationClass.READ) -> BreakerState:
    return guard.view().breakers[operation_class].state


async def failing(guard: Guard, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ProviderError):
            await guard.call(Operation.OFFERS, down)


async def test_five_failures_at_one_open_it_at_the_other_within_a_second_or_so(databases):
    async with pair(databases) as made:
        one, other = guards(made)
        await failing(one, 5)
        assert state(one) is BreakerState.OPEN

        began = time.monotonic()
        await until(lambda: state(other) is BreakerState.OPEN)
        assert time.monotonic() - began < 2.0
        with pytest.raises(CircuitBreakerOpen):
            await other.call(Operation.OFFERS, well)
        assert state(other, OperationClass.CREATE) is BreakerState.CLOSED
        assert other.view().breaker.trip_count == 1


async def test_failures_of_both_add_up(databases):
    async with pair(databases) as made:
        one, other = guards(made)
        await failing(one, 3)
        await failing(other, 2)

        assert state(other) is BreakerState.OPEN
        await until(lambda: state(one) is BreakerState.OPEN)


async def test_probes_of_all_replicas_together_are_at_most_three_and_three_good_ones_close_it(databases):
    async with pair(databases, **QUICK) as made:
        one, other = guards(made)
        await failing(one, 5)
        await until(lambda: state(other) is not BreakerState.CLOSED)
        await until(lambda: state(one) is state(other) is BreakerState.HALF_OPEN)
        under_way, most = 0, 0
        go_on = asyncio.Event()

        async def slow() -> str:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await go_on.wait()
            return "well"

        calls = [asyncio.create_task(guard.call(Operation.OFFERS, slow)) for guard in (one, other) * 5]
        await until(lambda: sum(call.done() for call in calls) == 7)
        go_on.set()
        ended = await asyncio.gather(*calls, return_exceptions=True)

        assert most == 3
        assert ended.count("well") == 3
        assert all(isinstance(each, CircuitBreakerOpen) for each in ended if each != "well")
        await until(lambda: state(one) is BreakerState.CLOSED and state(other) is BreakerState.CLOSED)


async def test_a_reset_at_one_closes_it_at_the_other_and_says_who(databases):
    async with pair(databases) as made:
        one, other = guards(made)
        await failing(one, 5)
        await until(lambda: state(other) is BreakerState.OPEN)

        await made.other.desk.reset("vastai", actor="ops")

        assert state(other) is BreakerState.CLOSED
        await until(lambda: state(one) is BreakerState.CLOSED)
        assert await one.call(Operation.OFFERS, well) == "well"
        async with made.one.database.read() as connection:
            row = await breakers.find(connection, BreakerKey("vastai", OperationClass.READ))
        assert row is not None
        assert row.reset_by == "ops"


async def test_a_retry_after_at_one_silences_the_other(databases):
    async def limited() -> None:
        raise RateLimited("vastai", "429", status=429, retry_after=30)

    async with pair(databases) as made:
        one, other = guards(made)
        with pytest.raises(RateLimited):
            await one.call(Operation.OFFERS, limited, endpoint="search")

        await until(lambda: bool(other.view().pauses), within=2)
        (pause,) = other.view().pauses
        assert (pause.endpoint, pause.dated) == ("search", False)
        left = (pause.until - made.other.clock.now()).total_seconds()
        assert 27 < left <= 30

        await made.other.desk.reset("vastai", actor="ops")
        await until(lambda: not one.view().pauses, within=3)


async def test_a_key_that_one_is_refused_with_is_not_tried_by_the_other(databases):
    async def refused() -> None:
        raise CredentialRefused("vastai", "401", status=401)

    async with pair(databases) as made:
        one, other = guards(made)
        with pytest.raises(CredentialRefused):
            await one.call(Operation.LIST, refused)

        await until(lambda: other.view().auth_failed_at is not None, within=4)
        with pytest.raises(CredentialRefused):
            await other.call(Operation.STATUS, well)

        assert await one.probe(Operation.LIST, well, force=True) == "well"
        await until(lambda: other.view().auth_failed_at is None, within=4)


async def test_a_healthy_call_asks_the_database_for_nothing_but_its_tokens(databases):
    async with pair(databases, provider_rate_limiter_enabled=False) as made:
        one, _ = guards(made)
        kinds: list[str] = []

        class Watch:
            def __call__(self, kind):
                kinds.append(kind)
                return nullcontext()

            def retried(self) -> None: ...

        made.one.database.watch_with(Watch())
        for _ in range(20):
            await one.call(Operation.OFFERS, well)

        assert kinds.count("write") <= 1  # the leases' own renewal, if it falls into this moment
