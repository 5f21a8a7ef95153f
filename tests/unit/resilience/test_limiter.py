import asyncio
from datetime import timedelta

import pytest

from aurora.domain.errors import RateLimitExceeded
from aurora.domain.operation import Operation
from aurora.resilience.events import Hooks, PauseEnded, PauseSet, RateLimitedLocally
from aurora.resilience.limiter import Limiter
from aurora.resilience.pause import Pause
from aurora.resilience.policy import EndpointPolicy, LimiterPolicy
from tests.fakes.clock import START, FakeClock, settle

OFFERS, STATUS, CREATE, QUOTE, LOGS = (
    Operation.OFFERS,
    Operation.STATUS,
    Operation.CREATE,
    Operation.QUOTE,
    Operation.LOGS,
)


def make(clock, *, listener=None, **policy) -> Limiter:
    hooks = Hooks([] if listener is None else [listener])
    return Limiter("vastai", LimiterPolicy(**policy), clock=clock, hooks=hooks)


async def take(limiter, operation=OFFERS, *, endpoint=None, cost=1.0, remaining=0.0):
    await limiter.acquire(operation, endpoint=endpoint or operation.value, cost=cost, remaining=remaining)


async def drain(limiter, operation=OFFERS, **kwargs) -> int:
    """How many calls pass without any wait."""
    passed = 0
    while True:
        try:
            await take(limiter, operation, **kwargs)
        except RateLimitExceeded:
            return passed
        passed += 1


async def test_a_full_bucket_passes_without_a_wait_and_shows_what_is_left(clock):
    limiter = make(clock, rate_per_min=100)
    for _ in range(13):
        await take(limiter)

    view = limiter.view()
    assert (view.rate, view.capacity) == (100, 100)
    assert view.available_tokens == pytest.approx(87)
    assert view.utilization == pytest.approx(0.13)
    assert view.requests_blocked == 0
    assert clock.elapsed == 0


async def test_reads_leave_the_last_fifth_to_what_follows_money(clock):
    limiter = make(clock, rate_per_min=100)

    assert await drain(limiter, OFFERS) == 80
    assert await drain(limiter, STATUS) == 20
    assert limiter.view().available_tokens == pytest.approx(0)


async def test_a_wait_longer_than_the_deadline_is_refused_at_once_with_its_length(clock):
    events = []
    limiter = make(clock, rate_per_min=60, reserved_share=0, capacity=1, listener=events.append)
    await take(limiter)

    with pytest.raises(RateLimitExceeded) as refused:
        await take(limiter, remaining=0.5)

    assert refused.value.retry_after == pytest.approx(1)
    assert clock.elapsed == 0
    view = limiter.view()
    assert (view.requests_blocked, view.requests_delayed, view.requests_rejected) == (1, 0, 1)
    assert events == [RateLimitedLocally("vastai", OFFERS, "offers", pytest.approx(1))]


async def test_twenty_at_once_wait_in_turn_as_far_as_the_deadline_reaches(clock):
    limiter = make(clock, rate_per_min=600, capacity=10, reserved_share=0)

    async def call():
        try:
            await take(limiter, remaining=0.35)
        except RateLimitExceeded:
            return None
        return clock.elapsed

    times = await asyncio.gather(*(call() for _ in range(20)))

    assert times[:10] == [0] * 10
    assert times[10:13] == pytest.approx([0.1, 0.2, 0.3], abs=0.002)
    assert times[13:] == [None] * 7
    view = limiter.view()
    assert (view.requests_blocked, view.requests_delayed, view.requests_rejected) == (10, 3, 7)
    assert view.waiting == 0


async def test_a_small_call_does_not_overtake_a_large_one(clock):
    limiter = make(clock, rate_per_min=60, capacity=4, reserved_share=0)
    await take(limiter, cost=4)
    order = []

    async def call(name, cost):
        await take(limiter, cost=cost, remaining=60)
        order.append(name)

    await asyncio.gather(call("large", 4), *(call(f"small {n}", 1) for n in range(4)))

    assert order[0] == "large"


async def test_a_reserved_call_goes_before_reads_that_came_earlier(clock):
    limiter = make(clock, rate_per_min=60, capacity=1)
    await take(limiter, STATUS)
    order = []

    async def call(operation):
        await take(limiter, operation, remaining=60)
        order.append(operation)

    reads = [asyncio.create_task(call(OFFERS)) for _ in range(3)]
    await asyncio.sleep(0)
    await call(CREATE)
    await asyncio.gather(*reads)

    assert order == [CREATE, OFFERS, OFFERS, OFFERS]


async def test_a_cancelled_waiter_takes_no_token_and_leaves_the_line():
    clock = FakeClock(auto=False)
    limiter = make(clock, rate_per_min=60, capacity=1, reserved_share=0)
    await take(limiter)
    waiter = asyncio.create_task(take(limiter, remaining=60))
    await settle()
    assert limiter.view().waiting == 1

    waiter.cancel()
    await settle()
    clock.advance(1)

    assert limiter.view().waiting == 0
    await take(limiter)


async def test_an_endpoint_keeps_its_interval_under_the_bucket(clock):
    limiter = make(clock, rate_per_min=6000, endpoints={"search": EndpointPolicy(min_interval_s=6)})
    times = []

    async def search():
        await take(limiter, endpoint="search", remaining=60)
        times.append(clock.elapsed)

    await asyncio.gather(*(search() for _ in range(4)))

    assert times == pytest.approx([0, 6, 12, 18], abs=0.01)


async def test_a_line_at_one_endpoint_does_not_hold_up_another(clock):
    limiter = make(clock, rate_per_min=6000, endpoints={"search": EndpointPolicy(min_interval_s=60)})
    await take(limiter, endpoint="search")
    waiting = asyncio.create_task(take(limiter, endpoint="search", remaining=100))
    await asyncio.sleep(0)

    await take(limiter, QUOTE)

    assert clock.elapsed == 0
    await waiting
    assert clock.elapsed == pytest.approx(60, abs=0.01)


async def test_who_stands_behind_others_is_told_the_whole_wait_at_once(clock):
    limiter = make(clock, rate_per_min=6000, endpoints={"search": EndpointPolicy(min_interval_s=60)})
    await take(limiter, endpoint="search")
    ahead = asyncio.create_task(take(limiter, endpoint="search", remaining=100))
    await asyncio.sleep(0)

    with pytest.raises(RateLimitExceeded) as refused:
        await take(limiter, endpoint="search", remaining=100)

    assert refused.value.retry_after == pytest.approx(120)
    assert clock.elapsed == 0
    await ahead


@pytest.mark.parametrize("paused", [True, False])
async def test_those_who_cannot_go_anyway_claim_no_tokens(clock, paused):
    limiter = make(
        clock,
        rate_per_min=60,
        capacity=2,
        reserved_share=0,
        endpoints={} if paused else {"search": EndpointPolicy(min_interval_s=50)},
    )
    if paused:
        limiter.pauses.pause(50, reason="429", endpoint="search")
    else:
        await take(limiter, endpoint="search")
        clock.advance(10)
    held = [asyncio.create_task(take(limiter, endpoint="search", remaining=500)) for _ in range(4)]
    await asyncio.sleep(0)

    await take(limiter, QUOTE)
    await take(limiter, QUOTE)

    await asyncio.gather(*held)


async def test_an_endpoint_period_allows_its_burst_and_then_its_rate(clock):
    limiter = make(clock, rate_per_min=6000, endpoints={"q": EndpointPolicy(per_period=5, period_s=10)})

    assert await drain(limiter, endpoint="q") == 5
    with pytest.raises(RateLimitExceeded) as refused:
        await take(limiter, endpoint="q")
    assert refused.value.retry_after == pytest.approx(2)


async def test_a_strict_endpoint_gives_nothing_before_the_window_has_passed(clock):
    rule = EndpointPolicy(per_period=5, period_s=10, strict=True)
    limiter = make(clock, rate_per_min=6000, endpoints={"q": rule})

    assert await drain(limiter, endpoint="q") == 5
    clock.advance(9.9)
    assert await drain(limiter, endpoint="q") == 0
    clock.advance(0.1)
    assert await drain(limiter, endpoint="q") == 5


async def test_rows_charged_afterwards_hold_up_the_next_call_of_that_endpoint_only(clock):
    rows = EndpointPolicy(per_period=1000, period_s=100)
    limiter = make(clock, endpoints={"search": rows})
    await take(limiter, endpoint="search")

    limiter.charge("search", 1100)

    assert limiter.view().endpoints["search"].available == pytest.approx(-101)
    with pytest.raises(RateLimitExceeded) as refused:
        await take(limiter, endpoint="search")
    assert refused.value.retry_after == pytest.approx(10.2)
    await take(limiter, QUOTE)
    assert limiter.view().available_tokens == pytest.approx(98)

    await take(limiter, endpoint="search", remaining=20)
    assert clock.elapsed == pytest.approx(10.2, abs=0.01)


async def test_charging_what_has_no_limit_is_nothing(clock):
    limiter = make(clock, endpoints={"search": EndpointPolicy(min_interval_s=1)})
    limiter.charge("search", 1e6)
    limiter.charge("unknown", 1e6)
    await take(limiter, endpoint="search")


async def test_a_cost_of_several_tokens_is_taken(clock):
    limiter = make(clock, rate_per_min=100)
    await take(limiter, cost=10)
    assert limiter.view().available_tokens == pytest.approx(90)


async def test_a_bucket_smaller_than_call_and_reserve_still_lets_the_call_through(clock):
    limiter = make(clock, rate_per_min=1)
    await take(limiter)
    limiter = make(clock, rate_per_min=0.5)
    await take(limiter, cost=3)


async def test_a_pause_holds_its_endpoint_exactly_so_long_and_no_other(clock):
    limiter = make(clock)
    limiter.pauses.pause(7, reason="429", endpoint="offers")

    await take(limiter, QUOTE)
    assert clock.elapsed == 0
    await take(limiter, OFFERS, remaining=60)
    assert clock.elapsed == 7


async def test_a_pause_of_the_provider_holds_everything(clock):
    limiter = make(clock)
    limiter.pauses.pause(7, reason="maintenance")

    with pytest.raises(RateLimitExceeded) as refused:
        await take(limiter, CREATE)
    assert refused.value.retry_after == 7
    assert "maintenance" in refused.value.detail


async def test_a_pause_set_while_waiting_is_kept(clock):
    limiter = make(clock, rate_per_min=60, capacity=1, reserved_share=0)
    await take(limiter)
    waiter = asyncio.create_task(take(limiter, remaining=60))
    await asyncio.sleep(0)
    limiter.pauses.pause(30, reason="429", endpoint="offers")
    await waiter

    assert clock.elapsed == pytest.approx(30)


async def test_a_waiter_gives_up_when_a_pause_outlasts_its_deadline(clock):
    limiter = make(clock, rate_per_min=60, capacity=1, reserved_share=0)
    await take(limiter)
    waiter = asyncio.create_task(take(limiter, remaining=10))
    await asyncio.sleep(0)
    limiter.pauses.pause(30, reason="429")

    with pytest.raises(RateLimitExceeded):
        await waiter
    assert clock.elapsed < 10
    assert limiter.view().requests_rejected == 1


async def test_a_header_pause_is_capped_at_a_quarter_of_an_hour(clock):
    limiter = make(clock)
    limiter.pauses.pause(86_400, reason="429")
    assert limiter.pauses.remaining("offers") == 900


async def test_a_dated_pause_is_not_capped_and_says_until_when(clock):
    limiter = make(clock)
    midnight = START + timedelta(hours=12)
    limiter.pauses.pause_until(midnight, reason="search_quota_exceeded", endpoint="search")

    with pytest.raises(RateLimitExceeded) as refused:
        await take(limiter, endpoint="search")
    assert refused.value.retry_after == 43_200
    assert refused.value.until == midnight


async def test_a_shorter_pause_does_not_shorten_a_longer_one(clock):
    limiter = make(clock)
    limiter.pauses.pause(60, reason="first", endpoint="offers")
    limiter.pauses.pause(5, reason="second", endpoint="offers")
    assert limiter.pauses.remaining("offers") == 60


async def test_clearing_ends_header_pauses_and_leaves_dated_ones(clock):
    limiter = make(clock)
    until = START + timedelta(hours=1)
    limiter.pauses.pause(600, reason="429", endpoint="offers")
    limiter.pauses.pause_until(until, reason="quota", endpoint="offers")

    limiter.pauses.clear_undated()

    assert limiter.pauses.active() == (Pause("offers", until, "quota", dated=True),)
    assert limiter.pauses.remaining("offers") == 3600


async def test_pauses_survive_a_restart_through_their_events(clock):
    told = []
    first = make(clock, listener=told.append)
    until = START + timedelta(hours=2)
    first.pauses.pause_until(until, reason="quota", endpoint="search")
    first.pauses.pause(600, reason="429")
    stored = [
        Pause(event.endpoint, event.until, event.reason, event.dated)
        for event in told
        if isinstance(event, PauseSet)
    ]

    later = FakeClock(start=START + timedelta(minutes=5))
    second = make(later)
    second.pauses.restore(stored)

    assert second.pauses.remaining("search") == 7200 - 300
    assert second.pauses.remaining("offers") == 300

    evening = FakeClock(start=START + timedelta(hours=3))
    third = make(evening)
    third.pauses.restore(stored)
    assert third.pauses.active() == ()


async def test_the_end_of_a_pause_is_told_once(clock):
    told = []
    limiter = make(clock, listener=told.append)
    limiter.pauses.pause(5, reason="429", endpoint="offers")
    clock.advance(5)

    await take(limiter)
    await take(limiter)

    assert told[1:] == [PauseEnded("vastai", "offers", dated=False)]


def test_a_date_follows_the_wall_clock_and_a_number_of_seconds_does_not():
    """The machine slept, or its clock was set: midnight is midnight, ten minutes are ten minutes."""

    class Stepped(FakeClock):
        step = timedelta()

        def now(self):
            return super().now() + self.step

    clock = Stepped()
    limiter = make(clock)
    limiter.pauses.pause_until(START + timedelta(hours=2), reason="quota", endpoint="search")
    limiter.pauses.pause(600, reason="429", endpoint="offers")
    clock.step = timedelta(hours=1)

    assert limiter.pauses.remaining("search") == 3600
    assert limiter.pauses.remaining("offers") == 600


def test_a_pause_until_a_naive_time_is_a_mistake(clock):
    with pytest.raises(ValueError, match="aware"):
        make(clock).pauses.pause_until(START.replace(tzinfo=None), reason="x")


async def test_switched_off_it_meters_nothing_and_still_keeps_pauses(clock):
    limiter = make(clock, rate_per_min=1, enabled=False, endpoints={"q": EndpointPolicy(min_interval_s=60)})
    for _ in range(500):
        await take(limiter, endpoint="q")
    assert clock.elapsed == 0
    assert limiter.view().utilization == 0

    limiter.pauses.pause(9, reason="429", endpoint="q")
    await take(limiter, endpoint="q", remaining=10)
    assert clock.elapsed == 9


async def test_new_limits_hold_at_once_and_what_was_used_stays_used(clock):
    rule = EndpointPolicy(per_period=10, period_s=600)
    limiter = make(clock, rate_per_min=100, reserved_share=0, endpoints={"q": rule})
    await drain(limiter, endpoint="q")
    limiter.pauses.pause(5, reason="429", endpoint="other")

    limiter.set_limits(
        LimiterPolicy(
            rate_per_min=600, reserved_share=0, endpoints={"q": EndpointPolicy(per_period=50, period_s=600)}
        )
    )

    view = limiter.view()
    assert view.rate == 600
    assert view.available_tokens == pytest.approx(590)
    assert view.endpoints["q"].available == pytest.approx(40)
    assert len(view.pauses) == 1
    clock.advance(1)
    assert limiter.view().available_tokens == pytest.approx(600)


async def test_a_waiter_profits_from_relaxed_limits(clock):
    limiter = make(clock, rate_per_min=1, capacity=1, reserved_share=0)
    await take(limiter)
    waiter = asyncio.create_task(take(limiter, remaining=100))
    await asyncio.sleep(0)
    limiter.set_limits(LimiterPolicy(rate_per_min=6000, reserved_share=0))
    await waiter

    assert clock.elapsed <= 5
