"""Two replicas take from one bucket: measured at the market, which counts what reaches it."""

import asyncio
import time

import pytest

from aurora.domain.errors import ProviderError, RateLimitExceeded
from aurora.domain.operation import Operation
from aurora.resilience.deadline import deadline
from tests.integration.replicas.pair import pair, until

RATE = 30.0  # a minute: a burst of 30, then one every 2 s


async def asked_for(aurora, seconds: float, *, all_answered: list[None] | None = None) -> int:
    """Ask as fast as one may, with ten callers; how many got an answer.

    With `all_answered`, which others fill too, for as long as it takes until these are a burst (a slow machine).
    """
    ends_at = time.monotonic() + seconds
    at_the_latest = ends_at + 20
    answered = 0

    def goes_on() -> bool:
        now = time.monotonic()
        few = all_answered is not None and len(all_answered) < RATE
        return now < ends_at or (few and now < at_the_latest)

    async def caller() -> None:
        nonlocal answered
        while goes_on():
            with deadline(aurora.clock, 0.5):
                try:
                    await aurora.registry.get("vastai").list_own()
                except ProviderError:
                    await asyncio.sleep(0.05)
                else:
                    answered += 1
                    if all_answered is not None:
                        all_answered.append(None)

    await asyncio.gather(*(caller() for _ in range(10)))
    return answered


async def test_two_replicas_stay_within_one_rate_limit(databases):
    async with pair(databases, vastai_rate_limit=RATE) as made:
        began = time.monotonic()
        both: list[None] = []
        answered = await asyncio.gather(*(asked_for(aurora, 1.5, all_answered=both) for aurora in made.both))
        seconds = time.monotonic() - began
        asked = await made.market.asked("list")

    assert sum(answered) == asked
    assert asked <= RATE + RATE / 60 * seconds + 1
    assert asked >= RATE
    assert min(answered) > 0


async def test_each_knows_what_the_other_has_taken(databases):
    async with pair(databases, vastai_rate_limit=RATE) as made:
        taken = await asked_for(made.one, 0.5)

        def shown() -> float:
            return made.other.markets.guards["vastai"].view().limiter.available_tokens

        assert taken > 2
        await until(lambda: shown() < RATE - taken + 2)


async def test_the_reserve_is_kept_for_what_follows_money_over_both(databases):
    async with pair(databases, vastai_rate_limit=RATE) as made:
        guards = [aurora.markets.guards["vastai"] for aurora in made.both]

        async def served() -> str:
            return "served"

        async def read_all(guard) -> int:
            for got in range(int(RATE)):
                try:
                    with deadline(made.one.clock, 1.0):
                        await guard.call(Operation.OFFERS, served)
                except RateLimitExceeded:
                    return got
            return int(RATE)

        read = await asyncio.gather(*(read_all(guard) for guard in guards))

        assert 0.8 * RATE - 1 <= sum(read) <= 0.8 * RATE + 4
        assert await guards[0].call(Operation.TERMINATE, served) == "served"


async def test_an_interval_of_one_endpoint_holds_over_both(databases):
    async with pair(databases, emulated={"limits": "real"}) as made:
        guards = [aurora.markets.guards["vastai"] for aurora in made.both]
        at: list[float] = []

        async def sent() -> None:
            at.append(time.monotonic())

        async def ask(guard) -> None:
            await guard.call(Operation.LIST, sent, endpoint="list")

        await asyncio.gather(*(ask(guard) for guard in guards for _ in range(1)))

        assert max(at) - min(at) >= 1.0


async def test_rows_charged_at_one_are_missing_at_the_other(databases):
    async with pair(databases, emulated={"limits": "real"}) as made:
        one, other = (aurora.markets.guards["vastai"] for aurora in made.both)

        async def sent() -> None: ...

        await one.call(Operation.OFFERS, sent, endpoint="search")
        one.charge("search", 30_000)
        await asyncio.sleep(0)
        await made.one.replicas.join()

        with deadline(made.one.clock, 10), pytest.raises(RateLimitExceeded) as refused:
            await other.call(Operation.OFFERS, sent, endpoint="search")
        assert refused.value.retry_after > 3600
