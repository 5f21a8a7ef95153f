import asyncio

import pytest

from aurora.domain import errors
from aurora.domain.operation import Repeat
from aurora.resilience.policy import RetryPolicy
from aurora.resilience.retry import Retry, may_repeat
from tests.unit.resilience.upstream import Steady, Upstream, down, outcome, refusal

READ, IDEMPOTENT, CREATE = Repeat.READ, Repeat.IDEMPOTENT, Repeat.CREATE


def make(clock, *, chance=0.0, **policy) -> Retry:
    return Retry(RetryPolicy(**policy), clock=clock, rng=Steady(chance))


async def run(retry, upstream, *, repeat=READ, ends_at=1000.0, told=None):
    told = [] if told is None else told
    return await retry.run(
        upstream.send, repeat=repeat, ends_at=ends_at, on_retry=lambda *what: told.append(what)
    )


async def test_three_retries_make_four_calls_at_two_four_and_eight_seconds(clock):
    failure = down()
    upstream = Upstream(clock, default=failure)
    told = []

    with pytest.raises(errors.Unavailable) as raised:
        await run(make(clock), upstream, told=told)

    assert raised.value is failure
    assert upstream.times == [0, 2, 6, 14]
    assert told == [(1, 2, failure), (2, 4, failure), (3, 8, failure)]


async def test_the_first_good_answer_ends_it(clock):
    upstream = Upstream(clock, down(), down(), "offers")
    assert await run(make(clock), upstream) == "offers"
    assert upstream.calls == 3


async def test_no_retries_means_one_call(clock):
    upstream = Upstream(clock, default=down())
    await outcome(run(make(clock, max_retries=0), upstream))
    assert upstream.times == [0]


async def test_jitter_is_added_before_the_cap_and_comes_from_the_given_chance(clock):
    upstream = Upstream(clock, default=down())
    retry = make(clock, chance=0.25, max_retries=3, max_delay_s=8)
    await outcome(run(retry, upstream))
    assert upstream.times == [0, 2.25, 6.5, 14.5]


async def test_retry_after_is_honoured_exactly_when_it_is_longer_than_the_backoff(clock):
    upstream = Upstream(clock, refusal(errors.RateLimited, status=429, retry_after=7))
    await run(make(clock), upstream)
    assert upstream.times == [0, 7]


async def test_a_short_retry_after_does_not_shorten_the_backoff(clock):
    upstream = Upstream(clock, refusal(errors.RateLimited, retry_after=0.5))
    await run(make(clock), upstream)
    assert upstream.times == [0, 2]


async def test_a_provider_that_asks_for_too_much_is_not_waited_for(clock):
    upstream = Upstream(clock, refusal(errors.RateLimited, retry_after=61))
    assert isinstance(await outcome(run(make(clock), upstream)), errors.RateLimited)
    assert upstream.times == [0]
    assert clock.elapsed == 0


async def test_a_dated_pause_counts_as_what_the_provider_asks_for(clock):
    limited = refusal(errors.RateLimited)
    limited.until = clock.now().replace(hour=23)
    assert await outcome(run(make(clock), Upstream(clock, limited))) is limited
    assert clock.elapsed == 0


async def test_no_wait_begins_that_would_reach_the_deadline(clock):
    upstream = Upstream(clock, default=down())
    await outcome(run(make(clock), upstream, ends_at=6.0))
    assert upstream.times == [0, 2]
    assert clock.elapsed == 2


async def test_cancelling_ends_the_waiting(clock):
    upstream = Upstream(clock, default=down())
    upstream.hold()
    task = asyncio.create_task(run(make(clock), upstream))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upstream.calls == 1


async def test_a_cancellation_during_a_repeat_is_not_repeated(clock):
    calls = 0
    second_began = asyncio.Event()

    async def send():
        nonlocal calls
        calls += 1
        if calls == 1:
            raise down()
        second_began.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(
        make(clock).run(send, repeat=READ, ends_at=1000.0, on_retry=lambda *what: None)
    )
    await second_began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert calls == 2


async def test_a_bug_is_not_repeated(clock):
    upstream = Upstream(clock, KeyError("field"))
    with pytest.raises(KeyError):
        await run(make(clock), upstream)
    assert upstream.calls == 1


async def test_many_at_once_do_not_mix_up_their_attempts(clock):
    retry = make(clock, max_retries=2, budget_tokens=1000)
    upstreams = [Upstream(clock, default=down(status=502 + n % 2)) for n in range(20)]

    results = await asyncio.gather(*(outcome(run(retry, upstream)) for upstream in upstreams))

    assert [upstream.calls for upstream in upstreams] == [3] * 20
    assert all(result is upstream.default for result, upstream in zip(results, upstreams, strict=True))


async def test_below_half_the_budget_nothing_is_repeated(clock):
    retry = make(clock, budget_tokens=10)
    for _ in range(5):
        retry.budget.failed()
    upstream = Upstream(clock, default=down())

    await outcome(run(retry, upstream))

    assert upstream.calls == 1
    assert retry.view().throttled == 1
    for _ in range(11):
        retry.budget.succeeded()
    await outcome(run(retry, Upstream(clock, down())))
    assert retry.view().retries == 1


def test_the_budget_stays_between_nothing_and_its_most(clock):
    budget = make(clock).budget
    budget.succeeded()
    assert budget.tokens == 10
    for _ in range(20):
        budget.failed()
    assert budget.tokens == 0
    budget.succeeded()
    assert budget.tokens == pytest.approx(0.1)


async def test_rubbish_is_read_once_more_and_not_twice(clock):
    upstream = Upstream(clock, default=refusal(errors.MalformedAnswer))
    await outcome(run(make(clock), upstream))
    assert upstream.calls == 2


async def test_rubbish_is_counted_across_other_failures(clock):
    rubbish = refusal(errors.MalformedAnswer)
    upstream = Upstream(clock, rubbish, down(), default=rubbish)
    await outcome(run(make(clock), upstream))
    assert upstream.calls == 3


async def test_an_open_circuit_after_a_real_failure_reports_the_failure(clock):
    failure = down()
    opened = refusal(errors.CircuitBreakerOpen, retry_after=60)
    raised = await outcome(run(make(clock), Upstream(clock, failure, opened)))

    assert raised is failure
    assert raised.__cause__ is opened
    assert raised.__notes__ == ["not repeated: said no"]


async def test_an_open_circuit_at_once_is_itself(clock):
    opened = refusal(errors.CircuitBreakerOpen)
    upstream = Upstream(clock, opened)
    assert await outcome(run(make(clock), upstream)) is opened
    assert upstream.calls == 1


async def test_a_repeat_that_was_sent_and_ran_out_of_time_is_not_hidden_behind_the_first_failure(clock):
    never_sent = refusal(errors.NotSent)
    late = refusal(errors.DeadlineExceeded)
    raised = await outcome(run(make(clock), Upstream(clock, never_sent, late), repeat=CREATE))
    assert raised is late


def unavailable(status=None, retry_after=None):
    return errors.Unavailable("p", "x", status=status, retry_after=retry_after)


@pytest.mark.parametrize(
    ("error", "read", "idempotent", "create"),
    [
        (refusal(errors.NotSent), True, True, True),
        (refusal(errors.RateLimited, status=429), True, True, True),
        (refusal(errors.ProviderTimeout), True, True, False),
        (unavailable(), True, True, False),
        (unavailable(500), True, True, False),
        (unavailable(502, retry_after=1), True, True, False),
        (unavailable(503), True, True, False),
        (unavailable(503, retry_after=1), True, True, True),
        (unavailable(501), False, False, False),
        (unavailable(505), False, False, False),
        (refusal(errors.MalformedAnswer), True, False, False),
        (refusal(errors.OutcomeUnknown, status=503, retry_after=1), False, False, False),
        (refusal(errors.OfferGone), False, False, False),
        (refusal(errors.NoCapacity), False, False, False),
        (refusal(errors.InstanceNotFound, status=404), False, False, False),
        (refusal(errors.InvalidProviderRequest, status=422), False, False, False),
        (refusal(errors.CredentialRefused, status=401), False, False, False),
        (refusal(errors.PaymentRequired, status=402), False, False, False),
        (refusal(errors.Misconfigured, status=301), False, False, False),
        (refusal(errors.CircuitBreakerOpen), False, False, False),
        (refusal(errors.RateLimitExceeded), False, False, False),
        (refusal(errors.DeadlineExceeded), False, False, False),
        (refusal(errors.NotSupported), False, False, False),
    ],
)
def test_what_may_be_repeated_is_a_table(error, read, idempotent, create):
    assert [may_repeat(error, repeat) for repeat in (READ, IDEMPOTENT, CREATE)] == [read, idempotent, create]


def test_the_table_covers_every_error_of_the_contract():
    def leaves(kind):
        return [kind, *(leaf for sub in kind.__subclasses__() for leaf in leaves(sub))]

    ours = [kind for kind in leaves(errors.ProviderError) if kind.__module__ == errors.__name__]
    for kind in ours:
        for repeat in Repeat:
            assert may_repeat(kind("p", "x"), repeat) in {True, False}
