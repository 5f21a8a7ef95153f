import asyncio

import pytest

from aurora.domain.errors import RateLimitExceeded
from aurora.domain.operation import Operation
from aurora.resilience.bulkhead import Bulkhead
from aurora.resilience.events import Hooks
from aurora.resilience.policy import BulkheadPolicy
from tests.fakes.clock import settle

READ, MONEY = Operation.OFFERS, Operation.TERMINATE


def make(**policy) -> Bulkhead:
    return Bulkhead(
        "vastai", BulkheadPolicy(**{"slots": 8, "queue": 32, "reserved": 2, **policy}), hooks=Hooks()
    )


async def fill(bulkhead, count, operation=READ):
    for _ in range(count):
        await bulkhead.enter(operation, remaining=0)


def waiting(bulkhead, operation=READ, *, remaining=60.0) -> asyncio.Task[None]:
    return asyncio.create_task(bulkhead.enter(operation, remaining=remaining))


async def test_reads_take_six_slots_and_the_last_two_stay_for_money():
    bulkhead = make()
    await fill(bulkhead, 6)

    seventh = waiting(bulkhead)
    await settle()
    assert not seventh.done()
    await fill(bulkhead, 2, MONEY)

    assert bulkhead.view().in_use == 8
    ninth = waiting(bulkhead, MONEY)
    await settle()
    assert not ninth.done()
    for task in (seventh, ninth):
        task.cancel()
    await settle()
    assert bulkhead.view().waiting == 0


async def test_a_freed_slot_goes_to_whoever_has_waited_longest():
    bulkhead = make(slots=3, reserved=2)
    await fill(bulkhead, 1)
    order = []

    async def enter(name):
        await bulkhead.enter(READ, remaining=60)
        order.append(name)

    tasks = [asyncio.create_task(enter(name)) for name in "abc"]
    await settle()
    for _ in tasks:
        bulkhead.leave()
        await settle()

    assert order == ["a", "b", "c"]


async def test_money_is_served_before_reads_that_came_earlier():
    bulkhead = make(slots=1, reserved=0)
    await fill(bulkhead, 1)
    read = waiting(bulkhead)
    await settle()
    money = waiting(bulkhead, MONEY)
    await settle()

    bulkhead.leave()
    await settle()

    assert money.done()
    assert not read.done()
    bulkhead.leave()
    await read


async def test_a_slot_of_money_is_not_handed_to_a_read_beyond_its_share():
    bulkhead = make(slots=3, reserved=2)
    await fill(bulkhead, 1)
    await fill(bulkhead, 2, MONEY)
    read = waiting(bulkhead)
    await settle()

    bulkhead.leave()
    bulkhead.leave()
    await settle()
    assert not read.done()

    bulkhead.leave()
    await read
    assert bulkhead.view().in_use == 1


async def test_a_full_line_refuses_at_once_and_money_has_a_line_of_its_own():
    bulkhead = make(slots=1, reserved=0, queue=2)
    await fill(bulkhead, 1)
    reads = [waiting(bulkhead) for _ in range(2)]
    await settle()

    with pytest.raises(RateLimitExceeded) as refused:
        await bulkhead.enter(READ, remaining=60)
    assert refused.value.retry_after == 1
    assert bulkhead.view().rejected == 1

    money = waiting(bulkhead, MONEY)
    await settle()
    bulkhead.leave()
    await money
    for task in reads:
        task.cancel()


async def test_waiting_ends_with_the_deadline_and_leaves_no_trace():
    bulkhead = make(slots=1, reserved=0)
    await fill(bulkhead, 1)

    with pytest.raises(RateLimitExceeded):
        await bulkhead.enter(READ, remaining=0.005)

    assert bulkhead.view().waiting == 0
    bulkhead.leave()
    await fill(bulkhead, 1)


async def test_a_cancelled_waiter_loses_its_place():
    bulkhead = make(slots=1, reserved=0)
    await fill(bulkhead, 1)
    gone, next_one = waiting(bulkhead), waiting(bulkhead)
    await settle()

    gone.cancel()
    bulkhead.leave()
    await next_one

    assert gone.cancelled()
    assert bulkhead.view().in_use == 1


async def test_a_slot_given_in_the_moment_of_cancellation_is_not_lost():
    bulkhead = make(slots=1, reserved=0)
    await fill(bulkhead, 1)
    unlucky, next_one = waiting(bulkhead), waiting(bulkhead)
    await settle()

    bulkhead.leave()  # handed to the first waiter, which has not run yet
    unlucky.cancel()
    await next_one

    assert unlucky.cancelled()
    assert bulkhead.view().in_use == 1
    bulkhead.leave()
    assert bulkhead.view().in_use == 0
