import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol, TypeVar

import pytest

from aurora.domain import errors
from aurora.domain.health import BreakerState
from aurora.domain.operation import Operation, OperationClass
from aurora.resilience.deadline import deadline
from aurora.resilience.events import (
    BreakerChanged,
    BreakerRefused,
    CallFinished,
    CredentialChanged,
    PauseSet,
    Retried,
)
from aurora.resilience.pause import Pause
from aurora.resilience.policy import (
    BreakerPolicy,
    BulkheadPolicy,
    EndpointPolicy,
    GuardPolicy,
    LimiterPolicy,
    RetryPolicy,
)
from aurora.resilience.verdict import Verdict, judge
from tests.fakes.clock import START, settle
from tests.unit.resilience.upstream import NAME, Upstream, down, make_guard, outcome, refusal

OFFERS, STATUS, CREATE, TERMINATE, LOGS = (
    Operation.OFFERS,
    Operation.STATUS,
    Operation.CREATE,
    Operation.TERMINATE,
    Operation.LOGS,
)
RETRIES = RetryPolicy(max_retries=3, jitter_s=0)
T = TypeVar("T")


async def tripped(clock, operation=OFFERS, **policy):
    guard = make_guard(clock, **policy)
    for _ in range(5):
        await outcome(guard.call(operation, Upstream(clock, down()).send))
    return guard


async def test_a_dead_provider_is_called_five_times_for_seven_requests(clock):
    guard = make_guard(clock, retry=RETRIES)
    upstream = Upstream(clock, default=down())

    results = [await outcome(guard.call(OFFERS, upstream.send)) for _ in range(7)]

    assert upstream.calls == 5
    assert isinstance(results[0], errors.Unavailable)
    assert isinstance(results[1], errors.Unavailable)
    assert all(isinstance(result, errors.CircuitBreakerOpen) for result in results[2:])


async def test_a_failure_whose_repeat_meets_the_open_circuit_is_reported_as_itself(clock):
    failure = down()
    guard = make_guard(clock, breaker=BreakerPolicy(threshold=1), retry=RETRIES)
    raised = await outcome(guard.call(OFFERS, Upstream(clock, default=failure).send))

    assert raised is failure
    assert "circuit for read calls is open" in raised.__notes__[0]


async def test_each_operation_class_has_its_own_circuit(clock):
    guard = await tripped(clock, OFFERS)
    upstream = Upstream(clock)

    assert await guard.call(TERMINATE, upstream.send) == "ok"
    assert await guard.call(CREATE, upstream.send) == "ok"
    assert isinstance(await outcome(guard.call(LOGS, upstream.send)), errors.CircuitBreakerOpen)
    view = guard.view()
    assert view.breaker.state is BreakerState.OPEN
    assert view.breakers[OperationClass.CONTROL].state is BreakerState.CLOSED


async def test_an_open_circuit_takes_no_token(clock):
    guard = await tripped(clock)
    before = guard.view().limiter.available_tokens
    await outcome(guard.call(OFFERS, Upstream(clock).send))
    assert guard.view().limiter.available_tokens == before


async def test_waiting_for_a_token_holds_no_probe_permit(clock):
    guard = await tripped(
        clock,
        limiter=LimiterPolicy(rate_per_min=60, capacity=5, reserved_share=0),
        breaker=BreakerPolicy(open_s=1),
    )
    clock.advance(1)
    upstream = Upstream(clock)
    callers = [asyncio.create_task(guard.call(OFFERS, upstream.send)) for _ in range(4)]
    await asyncio.sleep(0)
    for waiting in callers[1:]:
        waiting.cancel()
    await asyncio.gather(*callers, return_exceptions=True)

    for _ in range(2):
        await guard.call(OFFERS, upstream.send)
    assert guard.view().breaker.state is BreakerState.CLOSED


async def test_every_attempt_takes_a_token(clock):
    guard = make_guard(clock, retry=RETRIES, limiter=LimiterPolicy(rate_per_min=1e-6, capacity=100))
    await outcome(guard.call(OFFERS, Upstream(clock, default=down()).send))
    assert guard.view().limiter.available_tokens == pytest.approx(96)


async def test_fifty_callers_of_a_recovering_provider_make_three_calls(clock):
    guard = await tripped(clock)
    clock.advance(60)
    upstream = Upstream(clock)
    gate = upstream.hold()
    callers = [asyncio.create_task(outcome(guard.call(OFFERS, upstream.send))) for _ in range(50)]
    await settle()
    gate.set()
    results = await asyncio.gather(*callers)

    assert upstream.calls == 3
    assert results.count("ok") == 3
    assert guard.view().breaker.state is BreakerState.CLOSED


async def test_a_cancelled_probe_leaks_no_permit(clock):
    guard = await tripped(clock)
    clock.advance(60)
    upstream = Upstream(clock)
    gate = upstream.hold()
    for _ in range(5):
        task = asyncio.create_task(guard.call(OFFERS, upstream.send))
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    gate.set()

    assert guard.view().breaker.state is BreakerState.HALF_OPEN
    assert guard.view().bulkhead.in_use == 0
    for _ in range(3):
        await guard.call(OFFERS, upstream.send)
    assert guard.view().breaker.state is BreakerState.CLOSED


async def test_a_cancelled_call_counts_for_nothing(clock, events):
    guard = make_guard(clock, breaker=BreakerPolicy(threshold=1), listener=events.append)
    upstream = Upstream(clock)
    upstream.hold()
    task = asyncio.create_task(guard.call(OFFERS, upstream.send))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert guard.view().breaker.state is BreakerState.CLOSED
    assert guard.view().window.errors == {}
    assert events == [CallFinished(NAME, OFFERS, "offers", Verdict.NEUTRAL, 0, "cancelled")]


async def test_a_timeout_of_the_caller_stays_a_timeout_even_on_the_call_that_would_trip(clock):
    guard = make_guard(clock, breaker=BreakerPolicy(threshold=1))
    upstream = Upstream(clock)
    upstream.hold()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await guard.call(OFFERS, upstream.send)
    assert guard.view().breaker.state is BreakerState.CLOSED


async def test_silence_beyond_the_attempt_timeout_is_the_providers_failure(clock):
    guard = make_guard(clock, attempt_timeout_s=0.005, min_attempt_s=0.001)
    upstream = Upstream(clock)
    upstream.hold()

    raised = await outcome(guard.call(OFFERS, upstream.send))

    assert isinstance(raised, errors.ProviderTimeout)
    assert guard.view().breaker.failure_count == 1
    assert guard.view().window.errors == {"provider_timeout": 1}
    assert guard.view().window.avg_response_time is None


async def test_a_deadline_shorter_than_the_attempt_says_nothing_about_the_provider(clock):
    guard = make_guard(clock, min_attempt_s=0.001)
    upstream = Upstream(clock)
    upstream.hold()

    with deadline(clock, 0.005):
        raised = await outcome(guard.call(OFFERS, upstream.send))

    assert isinstance(raised, errors.DeadlineExceeded)
    assert guard.view().breaker.failure_count == 0
    assert guard.view().window.samples == 0


async def test_an_attempt_that_had_nearly_all_its_time_is_the_providers_failure(clock):
    """The last attempt of a background call never has quite all of it: waiting has used some of the total."""
    guard = make_guard(clock, attempt_timeout_s=0.01, min_attempt_s=0.001)
    upstream = Upstream(clock)
    upstream.hold()
    with deadline(clock, 0.0098):
        assert isinstance(await outcome(guard.call(OFFERS, upstream.send)), errors.ProviderTimeout)


async def test_outcomes_feed_the_retry_budget(clock):
    guard = make_guard(clock)
    for _ in range(3):
        await outcome(guard.call(OFFERS, Upstream(clock, down()).send))
    await outcome(guard.call(OFFERS, Upstream(clock, refusal(errors.PaymentRequired)).send))
    assert guard.view().retry.budget_tokens == 7

    await guard.call(OFFERS, Upstream(clock).send)
    assert guard.view().retry.budget_tokens == pytest.approx(7.1)


async def test_with_too_little_time_left_nothing_is_sent(clock):
    guard, upstream = make_guard(clock), Upstream(clock)
    with deadline(clock, 0.04):
        raised = await outcome(guard.call(CREATE, upstream.send))

    assert isinstance(raised, errors.DeadlineExceeded)
    assert raised.outcome_known
    assert upstream.calls == 0
    assert guard.view().limiter.available_tokens == guard.view().limiter.capacity


async def test_retries_end_before_the_deadline(clock):
    guard, upstream = make_guard(clock, retry=RETRIES), Upstream(clock, default=down())
    with deadline(clock, 5):
        await outcome(guard.call(OFFERS, upstream.send))
    assert upstream.times == [0, 2]


async def test_a_call_without_a_deadline_ends_by_its_background_one(clock):
    policy = LimiterPolicy(rate_per_min=60, capacity=1, reserved_share=0)
    guard = make_guard(clock, limiter=policy, attempt_timeout_s=10)
    upstream = Upstream(clock)
    guard.restore([Pause(None, START + timedelta(seconds=11), "quota", dated=True)])

    assert isinstance(await outcome(guard.call(OFFERS, upstream.send)), errors.RateLimitExceeded)
    assert clock.elapsed == 0
    clock.advance(2)
    assert await guard.call(OFFERS, upstream.send) == "ok"


ANSWERS = [
    (None, Verdict.OK),
    (refusal(errors.OfferGone), Verdict.OK),
    (refusal(errors.NoCapacity), Verdict.OK),
    (refusal(errors.InstanceNotFound, status=404), Verdict.OK),
    (refusal(errors.InvalidProviderRequest, status=422), Verdict.OK),
    (refusal(errors.Unavailable, status=500), Verdict.FAIL),
    (refusal(errors.NotSent), Verdict.FAIL),
    (refusal(errors.ProviderTimeout), Verdict.FAIL),
    (refusal(errors.OutcomeUnknown), Verdict.FAIL),
    (refusal(errors.MalformedAnswer), Verdict.FAIL),
    (refusal(errors.RateLimited, status=429), Verdict.NEUTRAL),
    (refusal(errors.CredentialRefused, status=401), Verdict.NEUTRAL),
    (refusal(errors.PaymentRequired, status=402), Verdict.NEUTRAL),
    (refusal(errors.Misconfigured, status=302), Verdict.NEUTRAL),
    (refusal(errors.NotSupported), Verdict.NEUTRAL),
    (refusal(errors.CircuitBreakerOpen), Verdict.NEUTRAL),
    (refusal(errors.RateLimitExceeded), Verdict.NEUTRAL),
    (refusal(errors.DeadlineExceeded), Verdict.NEUTRAL),
    (KeyError("price"), Verdict.NEUTRAL),
    (asyncio.CancelledError(), Verdict.NEUTRAL),
]


@pytest.mark.parametrize(("error", "verdict"), ANSWERS)
def test_what_an_outcome_says_about_the_provider_is_a_table(error, verdict):
    assert judge(error) is verdict


@pytest.mark.parametrize(
    ("error", "failures"),
    [
        (refusal(errors.OfferGone), 0),  # ok: forgives
        (refusal(errors.RateLimited), 4),  # neutral: neither
        (refusal(errors.PaymentRequired), 4),
        (down(), 5),
    ],
)
async def test_the_verdict_reaches_the_circuit(clock, error, failures):
    guard = make_guard(clock)
    for _ in range(4):
        await outcome(guard.call(STATUS, Upstream(clock, down()).send))
    await outcome(guard.call(STATUS, Upstream(clock, error).send))
    assert guard.view().breaker.failure_count == failures


async def test_a_bug_propagates_and_does_not_open_the_circuit(clock):
    guard = make_guard(clock, breaker=BreakerPolicy(threshold=1), retry=RETRIES)
    upstream = Upstream(clock, KeyError("secret value"))
    with pytest.raises(KeyError):
        await guard.call(OFFERS, upstream.send)

    view = guard.view()
    assert upstream.calls == 1
    assert view.breaker.state is BreakerState.CLOSED
    assert view.window.errors == {"internal": 1}
    assert view.window.last_error is not None
    assert view.window.last_error.detail == "KeyError"
    assert view.bulkhead.in_use == 0


# --- creates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [down(), refusal(errors.MalformedAnswer), refusal(errors.ProviderTimeout), down(status=503)]
)
async def test_a_create_without_a_certain_outcome_is_sent_once_and_says_unknown(clock, error):
    guard, upstream = make_guard(clock, retry=RETRIES), Upstream(clock, error)

    raised = await outcome(guard.call(CREATE, upstream.send))

    assert isinstance(raised, errors.OutcomeUnknown)
    assert raised.__cause__ is error
    assert raised.status == error.status
    assert upstream.calls == 1


async def test_a_create_that_times_out_is_unknown(clock):
    guard = make_guard(clock, attempt_timeout_s=0.005, min_attempt_s=0.001)
    upstream = Upstream(clock)
    upstream.hold()
    assert isinstance(await outcome(guard.call(CREATE, upstream.send)), errors.OutcomeUnknown)
    assert guard.view().window.errors == {"provider_timeout": 1}


async def test_a_create_cut_off_by_our_deadline_is_unknown(clock):
    guard, upstream = make_guard(clock, min_attempt_s=0.001), Upstream(clock)
    upstream.hold()
    with deadline(clock, 0.005):
        raised = await outcome(guard.call(CREATE, upstream.send))
    assert isinstance(raised, errors.OutcomeUnknown)
    assert guard.view().breaker.failure_count == 0


async def test_the_adapters_own_unknown_is_passed_on_as_it_is(clock):
    unknown = refusal(errors.OutcomeUnknown)
    guard, upstream = make_guard(clock, retry=RETRIES), Upstream(clock, unknown)
    assert await outcome(guard.call(CREATE, upstream.send)) is unknown


@pytest.mark.parametrize(
    "error",
    [
        refusal(errors.NotSent),
        refusal(errors.RateLimited, status=429, retry_after=3),
        down(status=503, retry_after=3),
    ],
)
async def test_a_create_that_was_certainly_refused_is_repeated(clock, error):
    guard, upstream = make_guard(clock, retry=RETRIES), Upstream(clock, error, "created")
    assert await guard.call(CREATE, upstream.send) == "created"
    assert upstream.calls == 2


async def test_a_create_never_sent_stays_known(clock):
    guard, upstream = make_guard(clock, retry=RETRIES), Upstream(clock, default=refusal(errors.NotSent))
    raised = await outcome(guard.call(CREATE, upstream.send))
    assert isinstance(raised, errors.NotSent)
    assert raised.outcome_known


@pytest.mark.parametrize("error", [refusal(errors.OfferGone), refusal(errors.InvalidProviderRequest)])
async def test_a_definite_no_to_a_create_stays_what_it_is(clock, error):
    guard, upstream = make_guard(clock, retry=RETRIES), Upstream(clock, error)
    assert await outcome(guard.call(CREATE, upstream.send)) is error
    assert upstream.calls == 1


async def test_a_status_that_times_out_is_a_timeout_not_an_unknown_outcome(clock):
    error = refusal(errors.ProviderTimeout)
    guard = make_guard(clock)
    assert await outcome(guard.call(STATUS, Upstream(clock, error).send)) is error


# --- what the provider asks for ------------------------------------------------------------------------------


async def test_retry_after_is_kept_by_the_retry_and_by_everybody_else(clock, events):
    guard = make_guard(clock, retry=RETRIES, listener=events.append)
    limited = Upstream(clock, refusal(errors.RateLimited, status=429, retry_after=7))
    other = Upstream(clock)

    first = asyncio.create_task(guard.call(OFFERS, limited.send))
    await asyncio.sleep(0)
    await guard.call(OFFERS, other.send)
    await first

    assert limited.times == [0, 7]
    assert other.times == [7]
    assert PauseSet(NAME, "offers", START + timedelta(seconds=7), "said no", dated=False) in events
    assert Retried(NAME, OFFERS, 1, 7, "provider_rate_limited") in events


async def test_a_long_retry_after_fails_at_once_and_pauses_the_endpoint(clock):
    guard = make_guard(clock, retry=RETRIES)
    upstream = Upstream(clock, refusal(errors.RateLimited, retry_after=300))

    assert isinstance(await outcome(guard.call(OFFERS, upstream.send, endpoint="search")), errors.RateLimited)
    refused = await outcome(guard.call(OFFERS, upstream.send, endpoint="search"))

    assert clock.elapsed == 0
    assert isinstance(refused, errors.RateLimitExceeded)
    assert refused.retry_after == 300
    assert upstream.calls == 1
    assert await guard.call(STATUS, upstream.send) == "ok"
    assert guard.view().paused == "said no"


async def test_a_dated_pause_outlives_the_reset_of_the_circuit_and_a_restart(clock, events):
    guard = make_guard(clock, listener=events.append)
    midnight = START + timedelta(hours=12)
    upstream = Upstream(clock, refusal(errors.RateLimited, until=midnight, retry_after=5))
    await outcome(guard.call(OFFERS, upstream.send, endpoint="search"))
    await outcome(guard.call(STATUS, Upstream(clock, down(retry_after=50)).send))
    assert len(guard.view().pauses) == 2

    guard.reset_breaker()

    assert guard.view().pauses == (Pause("search", midnight, "said no", dated=True),)
    again = make_guard(clock)
    again.restore(guard.view().pauses)
    refused = await outcome(again.call(OFFERS, upstream.send, endpoint="search"))
    assert isinstance(refused, errors.RateLimitExceeded)
    assert refused.until == midnight
    assert upstream.calls == 1


async def test_resetting_one_class_touches_neither_the_others_nor_the_pauses(clock):
    guard = await tripped(clock)
    for _ in range(5):
        await outcome(guard.call(STATUS, Upstream(clock, down(retry_after=1)).send, endpoint=str(_)))

    guard.reset_breaker(OperationClass.READ)

    view = guard.view()
    assert view.breakers[OperationClass.READ].state is BreakerState.CLOSED
    assert view.breakers[OperationClass.CONTROL].state is BreakerState.OPEN
    assert len(view.pauses) == 5


async def test_a_refused_credential_is_asked_again_once_a_minute(clock, events):
    guard = make_guard(clock, retry=RETRIES, listener=events.append)
    upstream = Upstream(clock, default=refusal(errors.CredentialRefused, status=401))

    for _ in range(4):
        for _ in range(10):
            assert isinstance(await outcome(guard.call(OFFERS, upstream.send)), errors.CredentialRefused)
        clock.advance(60)

    assert upstream.calls == 4
    assert guard.view().auth_failed_at == START
    assert guard.view().breaker.state is BreakerState.CLOSED
    assert guard.view().window.success_rate is None
    upstream.default = "ok"
    assert await guard.call(TERMINATE, upstream.send) == "ok"
    assert guard.view().auth_failed_at is None
    assert [event.refused for event in events if isinstance(event, CredentialChanged)] == [True, False]


async def test_while_the_credential_is_refused_no_token_is_taken(clock):
    guard, upstream = make_guard(clock), Upstream(clock, refusal(errors.CredentialRefused, status=401))
    await outcome(guard.call(OFFERS, upstream.send))
    before = guard.view().limiter.available_tokens
    await outcome(guard.call(OFFERS, upstream.send))
    assert guard.view().limiter.available_tokens == before


async def test_ten_at_once_make_one_check_of_a_refused_credential(clock):
    guard = make_guard(clock)
    upstream = Upstream(clock, default=refusal(errors.CredentialRefused, status=401))
    await outcome(guard.call(OFFERS, upstream.send))
    clock.advance(60)
    gate = upstream.hold()
    callers = [asyncio.create_task(outcome(guard.call(STATUS, upstream.send))) for _ in range(10)]
    await settle()
    gate.set()
    results = await asyncio.gather(*callers)

    assert upstream.calls == 2
    assert all(isinstance(result, errors.CredentialRefused) for result in results)


async def test_a_missing_right_to_read_logs_does_not_stop_a_terminate(clock):
    guard, upstream = make_guard(clock), Upstream(clock, refusal(errors.CredentialRefused, status=403))
    await outcome(guard.call(LOGS, upstream.send))
    assert await guard.call(TERMINATE, upstream.send) == "ok"
    assert guard.view().refused_operations == (LOGS,)


# --- sharing -------------------------------------------------------------------------------------------------


async def test_reads_cannot_take_the_tokens_of_a_terminate(clock):
    guard = make_guard(clock, limiter=LimiterPolicy(rate_per_min=1e-6, capacity=10))
    upstream = Upstream(clock)
    results = [await outcome(guard.call(OFFERS, upstream.send)) for _ in range(12)]

    assert results.count("ok") == 8
    assert await guard.call(TERMINATE, upstream.send) == "ok"
    assert await guard.call(CREATE, upstream.send) == "ok"


async def test_slow_reads_cannot_take_the_slots_of_a_terminate(clock):
    guard = make_guard(clock, bulkhead=BulkheadPolicy(slots=4, reserved=2))
    slow, quick = Upstream(clock), Upstream(clock)
    gate = slow.hold()
    reads = [asyncio.create_task(guard.call(OFFERS, slow.send)) for _ in range(5)]
    await settle()

    assert slow.calls == 2
    assert await guard.call(TERMINATE, quick.send) == "ok"
    gate.set()
    await asyncio.gather(*reads)
    assert guard.view().bulkhead.in_use == 0


async def test_costs_and_rows_are_taken_from_their_meters(clock):
    rows = EndpointPolicy(per_period=1000, period_s=86_400, strict=True)
    guard = make_guard(clock, limiter=LimiterPolicy(endpoints={"search": rows}))
    upstream = Upstream(clock)
    await guard.call(OFFERS, upstream.send, endpoint="search", cost=5)
    guard.charge("search", 2000)

    view = guard.view().limiter
    assert view.available_tokens == pytest.approx(95)
    assert view.endpoints["search"].available == -1005
    refused = await outcome(guard.call(OFFERS, upstream.send, endpoint="search"))
    assert refused.retry_after == 86_400

    guard.set_limits(LimiterPolicy(rate_per_min=6000))
    assert await guard.call(OFFERS, upstream.send, endpoint="search") == "ok"


# --- probe ---------------------------------------------------------------------------------------------------


async def test_a_probe_is_one_call_without_cache_or_retry(clock):
    guard = make_guard(clock, retry=RETRIES)
    upstream = Upstream(clock, down())
    assert isinstance(await outcome(guard.probe(Operation.HEALTH, upstream.send)), errors.Unavailable)
    assert upstream.calls == 1
    assert guard.view().breaker.failure_count == 1
    assert guard.view().limiter.available_tokens == pytest.approx(5999)


async def test_a_probe_respects_an_open_circuit_unless_forced(clock, events):
    guard = await tripped(clock, listener=events.append)
    upstream = Upstream(clock)
    refused = await outcome(guard.probe(Operation.HEALTH, upstream.send))
    assert isinstance(refused, errors.CircuitBreakerOpen)
    assert refused.retry_after == 60
    assert upstream.calls == 0
    assert events[-1] == BreakerRefused(NAME, Operation.HEALTH, 60)

    for _ in range(3):
        assert await guard.probe(Operation.HEALTH, upstream.send, force=True) == "ok"
    assert guard.view().breaker.state is BreakerState.CLOSED


async def test_a_forced_probe_asks_with_a_refused_credential(clock):
    guard = make_guard(clock)
    upstream = Upstream(clock, refusal(errors.CredentialRefused, status=401))
    await outcome(guard.call(OFFERS, upstream.send))
    assert isinstance(await outcome(guard.probe(Operation.HEALTH, upstream.send)), errors.CredentialRefused)
    assert upstream.calls == 1
    assert await guard.probe(Operation.HEALTH, upstream.send, force=True) == "ok"
    assert guard.view().auth_failed_at is None


async def test_a_probe_that_gets_no_answer_is_the_providers_timeout(clock):
    guard = make_guard(clock, attempt_timeout_s=0.005, min_attempt_s=0.001)
    upstream = Upstream(clock)
    upstream.hold()
    raised = await outcome(guard.probe(Operation.HEALTH, upstream.send))
    assert isinstance(raised, errors.ProviderTimeout)


# --- telling -------------------------------------------------------------------------------------------------


async def test_a_listener_that_breaks_breaks_no_call(clock):
    def broken(event):
        raise RuntimeError

    guard = make_guard(clock, listener=broken, retry=RETRIES)
    assert await guard.call(OFFERS, Upstream(clock, down()).send, cache_key="k") == "ok"
    assert guard.view().listener_errors > 0


async def test_every_attempt_is_told_with_its_outcome(clock, events):
    guard = make_guard(clock, retry=RETRIES, breaker=BreakerPolicy(threshold=2), listener=events.append)

    async def slow():
        clock.advance(0.245)
        return "ok"

    await guard.call(STATUS, slow, endpoint="show")
    await outcome(guard.call(STATUS, Upstream(clock, default=down()).send))

    assert events == [
        CallFinished(NAME, STATUS, "show", Verdict.OK, pytest.approx(245), None),
        CallFinished(NAME, STATUS, "status", Verdict.FAIL, 0, "provider_unavailable"),
        Retried(NAME, STATUS, 1, 2, "provider_unavailable"),
        BreakerChanged(NAME, OperationClass.CONTROL, BreakerState.CLOSED, BreakerState.OPEN, 60),
        CallFinished(NAME, STATUS, "status", Verdict.FAIL, 0, "provider_unavailable"),
        Retried(NAME, STATUS, 2, 4, "provider_unavailable"),
        BreakerRefused(NAME, STATUS, pytest.approx(56)),
    ]
    window = guard.view().window
    assert window.avg_response_time == pytest.approx(245 / 3)
    assert window.success_rate == pytest.approx(1 / 3)


async def test_the_view_of_an_unused_guard_claims_nothing(clock):
    view = make_guard(clock, limiter=LimiterPolicy(rate_per_min=100)).view()
    assert view.provider == NAME
    assert view.at == START
    assert view.breaker.state is BreakerState.CLOSED
    assert (view.breaker.success_count, view.breaker.trip_count) == (0, 0)
    assert view.breaker.last_failure_time is None
    assert set(view.breakers) == set(OperationClass)
    assert (view.limiter.rate, view.limiter.available_tokens, view.limiter.utilization) == (100, 100, 0)
    assert view.window.success_rate is None
    assert (view.paused, view.pauses, view.auth_failed_at, view.refused_operations) == (None, (), None, ())
    assert view.retry.budget_tokens == 10


async def test_the_longest_pause_gives_its_reason(clock):
    guard = make_guard(clock)
    guard.restore(
        [
            Pause("search", START + timedelta(hours=1), "quota", dated=True),
            Pause(None, START + timedelta(minutes=1), "429", dated=False),
        ]
    )
    assert guard.view().paused == "quota"


class CallGuard(Protocol):
    """The adapters' view of it (a copy of `aurora.providers.base.CallGuard`, which this room may not import)."""

    async def call(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
        cost: float = 1.0,
    ) -> T: ...

    def charge(self, endpoint: str, amount: float) -> None: ...


async def test_it_fits_the_adapters_contract(clock):
    guard: CallGuard = make_guard(clock)
    upstream = Upstream(clock)
    assert await guard.call(OFFERS, upstream.send, endpoint="search", cache_key="k", cost=2.0) == "ok"
    guard.charge("search", 64)


def test_the_defaults_are_those_of_the_documents():
    policy = GuardPolicy()
    assert (policy.breaker.threshold, policy.breaker.open_s, policy.breaker.half_open_max) == (5, 60, 3)
    assert (policy.cache.ttl_s, policy.cache.max_ttl_s, policy.cache.min_ttl_s) == (30, 300, 10)
    retry = policy.retry
    assert (retry.max_retries, retry.base_delay_s, retry.max_delay_s, retry.jitter_s) == (3, 2, 32, 1)
    assert policy.attempt_timeout_s == 30


@pytest.mark.parametrize("what", ["nothing", "open", "paused", "refused"])
async def test_what_keeps_from_buying_is_what_the_view_says(clock, what):
    guard = await tripped(clock, CREATE) if what == "open" else make_guard(clock)
    if what == "paused":
        limited = refusal(errors.RateLimited, retry_after=60)
        await outcome(guard.call(CREATE, Upstream(clock, limited).send))
    elif what == "refused":
        await outcome(guard.call(CREATE, Upstream(clock, refusal(errors.CredentialRefused)).send))

    buying, view = guard.buying(), guard.view()

    assert buying.create is view.breakers[OperationClass.CREATE].state
    assert buying.pauses == view.pauses
    assert buying.refused_operations == view.refused_operations
    said = (buying.create is BreakerState.OPEN, bool(buying.pauses), CREATE in buying.refused_operations)
    assert said == (what == "open", what == "paused", what == "refused")
