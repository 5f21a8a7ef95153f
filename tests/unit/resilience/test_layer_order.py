"""Whoever waits for a token holds nothing that others need, and what waited too long is not sent."""

import asyncio

from aurora.domain.errors import RateLimitExceeded
from aurora.domain.operation import Operation
from aurora.resilience.deadline import deadline
from aurora.resilience.policy import BulkheadPolicy, LimiterPolicy
from tests.fakes.clock import FakeClock, settle
from tests.unit.resilience.upstream import Upstream, make_guard, outcome


async def test_a_call_that_waits_for_a_token_takes_no_slot():
    clock = FakeClock(auto=False)
    guard = make_guard(
        clock,
        limiter=LimiterPolicy(rate_per_min=60, capacity=1, reserved_share=0),
        bulkhead=BulkheadPolicy(slots=2, reserved=1, queue=0),
    )
    upstream = Upstream(clock)
    assert await guard.call(Operation.OFFERS, upstream.send) == "ok"

    waiting = asyncio.create_task(guard.call(Operation.OFFERS, upstream.send))
    await settle()
    view = guard.view()
    assert (view.limiter.waiting, view.bulkhead.in_use) == (1, 0)

    clock.advance(1.1)
    assert await waiting == "ok"


async def test_a_call_without_a_slot_is_refused_and_lets_the_next_one_go():
    clock = FakeClock(auto=False)
    guard = make_guard(clock, bulkhead=BulkheadPolicy(slots=2, reserved=1, queue=1))
    slow, quick = Upstream(clock), Upstream(clock)
    gate = slow.hold()
    holding = asyncio.create_task(guard.call(Operation.OFFERS, slow.send))
    await settle()

    with deadline(clock, 0.0501):
        late = await outcome(guard.call(Operation.OFFERS, quick.send))
    gate.set()
    await holding

    assert isinstance(late, RateLimitExceeded)
    assert quick.calls == 0
    assert await guard.call(Operation.OFFERS, quick.send) == "ok"
