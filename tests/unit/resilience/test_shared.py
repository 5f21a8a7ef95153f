"""A guard that shares tokens and circuits, with stand-ins for those who keep them."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from aurora.domain.errors import CircuitBreakerOpen, RateLimitExceeded, Unavailable
from aurora.domain.health import BreakerState
from aurora.domain.operation import Operation, OperationClass
from aurora.resilience.deadline import deadline
from aurora.resilience.guard import Guard
from aurora.resilience.policy import BreakerPolicy, EndpointPolicy, GuardPolicy, LimiterPolicy, RetryPolicy
from aurora.resilience.shared import Shared, SharedState, TokenWant
from aurora.resilience.verdict import Verdict
from tests.fakes.clock import FakeClock

READ = OperationClass.READ


class Tokens:
    """Grants, or says how long to wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.asked: list[Sequence[TokenWant]] = []
        self.charged: list[tuple[str, float]] = []

    async def take(self, wants: Sequence[TokenWant]) -> float:
        self.asked.append(wants)
        return self.waits.pop(0) if self.waits else 0.0

    def charge(self, bucket: str, amount: float) -> None:
        self.charged.append((bucket, amount))


class Circuits:
    """Rules as long as it is told to, and remembers what it is told."""

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self.reachable = True
        self.told: list[tuple[OperationClass, int, Verdict]] = []
        self.answers: list[SharedState] = []
        self.room = 1

    def rules(self, operation_class: OperationClass) -> bool:
        return self.reachable

    async def probe(self, operation_class: OperationClass, *, force: bool) -> bool:
        assert self.guard is not None
        breaker = self.guard.breakers[operation_class]
        if self.room <= 0:
            breaker.busy()
            return False
        self.room -= 1
        state = SharedState(BreakerState.HALF_OPEN, breaker.generation + 1, probes=1, trips=1)
        breaker.adopt(state)
        return True

    def tell(
        self, operation_class: OperationClass, generation: int, verdict: Verdict
    ) -> asyncio.Future[None]:
        assert self.guard is not None
        self.told.append((operation_class, generation, verdict))
        if self.answers:
            self.guard.breakers[operation_class].adopt(self.answers.pop(0))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Room:
    def __init__(self, **limits: object) -> None:
        self.clock = FakeClock()
        self.tokens, self.circuits = Tokens(), Circuits()
        policy = GuardPolicy(
            breaker=BreakerPolicy(threshold=2, open_s=60),
            limiter=LimiterPolicy(**{"rate_per_min": 60, **limits}),
            retry=RetryPolicy(max_retries=0),
        )
        self.guard = Guard("vastai", policy, clock=self.clock, rng=random.Random(1))
        self.circuits.guard = self.guard
        self.guard.join(Shared(self.tokens, self.circuits))

    async def ask(self, operation: Operation = Operation.HEALTH, **options: object) -> str:
        async def well() -> str:
            return "well"

        return await self.guard.call(operation, well, **options)

    async def fail(self) -> None:
        async def down() -> None:
            raise Unavailable("vastai", "503", status=503)

        with pytest.raises(Unavailable):
            await self.guard.call(Operation.HEALTH, down)

    @property
    def state(self) -> BreakerState:
        return self.guard.view().breakers[READ].state


async def test_each_call_takes_of_the_shared_bucket_and_leaves_the_reserve():
    room = Room()
    await room.ask()
    await room.ask(Operation.TERMINATE)

    plain, reserved = room.tokens.asked
    assert plain == [TokenWant("", 1, 12, 60, 1)]
    assert reserved == [TokenWant("", 1, 0, 60, 1)]
    assert room.guard.view().limiter.available_tokens == pytest.approx(58)


async def test_an_endpoints_own_limits_are_shared_too():
    rule = EndpointPolicy(min_interval_s=5, per_period=100, period_s=1000)
    room = Room(endpoints={"search": rule})
    await room.ask(Operation.OFFERS, endpoint="search")
    room.guard.charge("search", 64)

    assert room.tokens.asked[0][1:] == [
        TokenWant("search#interval", 1, 0, 1, 0.2),
        TokenWant("search#period", 1, 0, 100, 0.1),
    ]
    assert room.tokens.charged == [("search#period", 64)]


async def test_a_strict_window_is_shared_as_half_a_burst_and_half_a_rate():
    room = Room(endpoints={"search": EndpointPolicy(per_period=10, period_s=60, strict=True)})
    await room.ask(Operation.OFFERS, endpoint="search")

    (_, window) = room.tokens.asked[0]
    assert window.capacity + window.per_second * 60 == 10


async def test_what_others_have_taken_is_waited_for_and_counted():
    room = Room()
    room.tokens.waits = [3.0, 1.0]
    await room.ask()

    view = room.guard.view().limiter
    assert room.clock.elapsed == pytest.approx(4, abs=0.1)
    assert (view.requests_blocked, view.requests_delayed, view.waiting) == (1, 1, 0)


async def test_what_takes_too_long_is_refused_at_once():
    room = Room()
    room.tokens.waits = [30.0]
    with deadline(room.clock, 10), pytest.raises(RateLimitExceeded) as refused:
        await room.ask()

    assert refused.value.retry_after == 30
    assert room.clock.elapsed == 0
    assert room.guard.view().limiter.available_tokens == 60


async def test_a_limiter_that_is_off_asks_nobody():
    room = Room(enabled=False)
    await room.ask()

    assert room.tokens.asked == []


async def test_a_healthy_call_tells_nobody():
    room = Room()
    await room.ask()

    assert room.circuits.told == []
    assert room.guard.view().breaker.success_count == 1


async def test_failures_are_told_and_the_answer_is_the_state():
    room = Room()
    await room.fail()
    await room.fail()
    assert room.circuits.told == [(READ, 0, Verdict.FAIL)] * 2
    assert room.state is BreakerState.CLOSED

    room.circuits.answers = [SharedState(BreakerState.OPEN, 1, failures=5, trips=1, open_left_s=42)]
    await room.fail()

    view = room.guard.view().breakers[READ]
    assert (view.state, view.trip_count, view.next_attempt_in) == (BreakerState.OPEN, 1, 42)
    with pytest.raises(CircuitBreakerOpen):
        await room.ask()


async def test_a_success_after_failures_of_others_is_told():
    room = Room()
    room.guard.breakers[READ].adopt(SharedState(BreakerState.CLOSED, 0, failures=3))
    assert room.guard.view().breaker.failure_count == 3
    await room.ask()

    assert room.circuits.told == [(READ, 0, Verdict.OK)]


async def test_a_probe_needs_the_leave_of_all():
    room = Room()
    room.guard.breakers[READ].adopt(SharedState(BreakerState.OPEN, 1, trips=1, open_left_s=0))
    assert await room.ask() == "well"
    assert room.circuits.told == [(READ, 2, Verdict.OK)]

    with pytest.raises(CircuitBreakerOpen):
        await room.ask()


async def test_a_cancelled_probe_gives_its_place_back():
    room = Room()
    room.guard.breakers[READ].adopt(SharedState(BreakerState.OPEN, 1, trips=1))

    async def slow() -> None:
        await asyncio.Event().wait()

    call = asyncio.create_task(room.guard.call(Operation.HEALTH, slow))
    await asyncio.sleep(0)
    while room.circuits.room:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert room.circuits.told == [(READ, 2, Verdict.NEUTRAL)]


async def test_without_the_others_our_own_breaker_goes_on():
    room = Room()
    room.circuits.reachable = False
    await room.fail()
    await room.fail()

    assert room.state is BreakerState.OPEN
    assert room.circuits.told == []


def test_what_is_older_is_not_adopted():
    breaker = Room().guard.breakers[READ]
    breaker.adopt(SharedState(BreakerState.OPEN, 5, trips=2, trips_in_a_row=2, open_left_s=10))
    breaker.adopt(SharedState(BreakerState.CLOSED, 4))

    shared = breaker.to_share()
    assert (shared.state, shared.generation, shared.trips, shared.trips_in_a_row) == (
        BreakerState.OPEN,
        5,
        2,
        2,
    )
    assert shared.open_left_s == pytest.approx(10)


def test_a_newer_opening_of_an_open_breaker_moves_its_end():
    breaker = Room().guard.breakers[READ]
    breaker.adopt(SharedState(BreakerState.OPEN, 1, trips=1, open_left_s=10))
    breaker.adopt(SharedState(BreakerState.OPEN, 3, trips=2, open_left_s=120))

    assert breaker.view().next_attempt_in == pytest.approx(120)
    assert breaker.view().trip_count == 2
