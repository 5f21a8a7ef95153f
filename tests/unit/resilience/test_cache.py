import asyncio
import gc

import pytest

from aurora.domain import errors
from aurora.domain.operation import Operation
from aurora.resilience.cache import Cache
from aurora.resilience.deadline import deadline
from aurora.resilience.events import CacheHit, CacheMiss, Hooks, StaleServed
from aurora.resilience.policy import BreakerPolicy, CachePolicy
from tests.fakes.clock import settle
from tests.unit.resilience.upstream import NAME, Steady, Upstream, down, make_guard, outcome, refusal

OFFERS, QUOTE, STATUS = Operation.OFFERS, Operation.QUOTE, Operation.STATUS


def ask(guard, upstream, key="k", operation=OFFERS, **kwargs):
    return guard.call(operation, upstream.send, cache_key=key, **kwargs)


def fetch(guard, upstream, key="k", **kwargs):
    return guard.call_fetched(OFFERS, upstream.send, cache_key=key, **kwargs)


async def test_a_second_call_within_the_ttl_asks_nobody(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "first", "second")

    assert await ask(guard, upstream) == "first"
    clock.advance(29.9)
    assert await ask(guard, upstream) == "first"
    clock.advance(0.1)
    assert await ask(guard, upstream) == "second"

    view = guard.view().cache
    assert (view.hits, view.misses, view.loads, view.size) == (1, 2, 2, 1)
    assert view.hit_ratio == pytest.approx(1 / 3)


async def test_none_is_an_answer_too(clock):
    guard, upstream = make_guard(clock), Upstream(clock, default=None)
    assert await ask(guard, upstream) is None
    assert await ask(guard, upstream) is None
    assert upstream.calls == 1


async def test_keys_and_operations_do_not_share(clock):
    guard, upstream = make_guard(clock), Upstream(clock, 1, 2, 3)
    assert await ask(guard, upstream, "a") == 1
    assert await ask(guard, upstream, "b") == 2
    assert await ask(guard, upstream, "a", QUOTE) == 3


@pytest.mark.parametrize(
    "operation", [each for each in Operation if each not in (Operation.OFFERS, Operation.QUOTE)]
)
async def test_only_offers_and_quotes_are_ever_cached(clock, operation):
    guard, upstream = make_guard(clock), Upstream(clock)
    for _ in range(2):
        await ask(guard, upstream, operation=operation)
    assert upstream.calls == 2


async def test_without_a_key_nothing_is_cached(clock):
    guard, upstream = make_guard(clock), Upstream(clock)
    for _ in range(2):
        await guard.call(OFFERS, upstream.send)
    assert upstream.calls == 2


async def test_switched_off_every_call_is_one_upstream_call(clock):
    guard = make_guard(clock, cache=CachePolicy(enabled=False))
    upstream = Upstream(clock)
    await asyncio.gather(*(ask(guard, upstream) for _ in range(5)))
    assert upstream.calls == 5
    assert guard.view().cache.misses == 0


async def test_a_hundred_misses_at_once_make_one_load(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "offers")
    gate = upstream.hold()
    callers = [asyncio.create_task(ask(guard, upstream)) for _ in range(100)]
    await settle()
    gate.set()

    assert await asyncio.gather(*callers) == ["offers"] * 100
    assert upstream.calls == 1
    view = guard.view().cache
    assert (view.misses, view.coalesced, view.loads, view.hits) == (100, 99, 1, 0)


async def test_the_failure_of_a_shared_load_reaches_everybody(clock):
    failure = down()
    guard, upstream = make_guard(clock), Upstream(clock, failure)
    results = await asyncio.gather(*(outcome(ask(guard, upstream)) for _ in range(5)))
    assert results == [failure] * 5
    assert guard.view().cache.load_errors == 1


async def test_cancelling_the_first_caller_does_not_cancel_the_load(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "offers")
    gate = upstream.hold()
    first = asyncio.create_task(ask(guard, upstream))
    await settle()
    second = asyncio.create_task(ask(guard, upstream))
    await settle()

    first.cancel()
    await settle()
    gate.set()

    assert await second == "offers"
    assert first.cancelled()
    assert upstream.calls == 1


async def test_a_load_that_nobody_waits_for_any_more_fails_in_silence(clock):
    guard, upstream = make_guard(clock), Upstream(clock, down())
    gate = upstream.hold()
    only = asyncio.create_task(ask(guard, upstream))
    await settle()
    only.cancel()
    await settle()
    gate.set()
    await settle()
    assert guard.view().cache.load_errors == 1


async def test_an_invalidation_during_a_load_keeps_the_old_answer_out(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "old", "new")
    gate = upstream.hold()
    early = asyncio.create_task(ask(guard, upstream))
    await settle()

    assert guard.invalidate_cache() == 0
    late = asyncio.create_task(ask(guard, upstream))
    await settle()
    gate.set()

    assert await early == "old"
    assert await late == "new"
    assert await ask(guard, upstream) == "new"
    assert upstream.calls == 2


async def test_invalidation_says_how_many_entries_it_dropped(clock):
    guard, upstream = make_guard(clock), Upstream(clock)
    for key in "abc":
        await ask(guard, upstream, key)
    assert guard.invalidate_cache() == 3
    assert guard.view().cache.size == 0
    await ask(guard, upstream, "a")
    assert upstream.calls == 4


async def test_fresh_passes_the_cache_by_and_refills_it(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "first", "second")
    await ask(guard, upstream)
    assert await ask(guard, upstream, fresh=True) == "second"
    assert await ask(guard, upstream) == "second"
    assert upstream.calls == 2


async def test_fresh_does_not_join_a_load_begun_before_it_and_its_answer_stays(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "before", "after")
    gate = upstream.hold()
    slow = asyncio.create_task(ask(guard, upstream))
    await settle()
    upstream.gate = None

    assert await ask(guard, upstream, fresh=True) == "after"
    gate.set()
    assert await slow == "before"
    assert await ask(guard, upstream) == "after"


async def test_an_overtaken_load_does_not_take_the_newer_one_with_it(clock):
    guard = make_guard(clock)
    before, after = Upstream(clock, "before"), Upstream(clock, "after")
    gates = before.hold(), after.hold()
    slow = asyncio.create_task(ask(guard, before))
    await settle()
    fresh = asyncio.create_task(ask(guard, after, fresh=True))
    await settle()

    gates[0].set()
    assert await slow == "before"
    gates[1].set()
    assert await fresh == "after"

    assert await ask(guard, before) == "after"


async def test_fresh_is_never_served_stale(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "old", default=down())
    await ask(guard, upstream)
    assert isinstance(await outcome(ask(guard, upstream, fresh=True)), errors.Unavailable)


async def test_an_old_answer_stands_in_for_a_failure_and_says_so(clock, events):
    guard = make_guard(clock, listener=events.append)
    upstream = Upstream(clock, "old", default=down())
    await ask(guard, upstream)
    clock.advance(100)

    got = await fetch(guard, upstream)

    assert (got.value, got.stale, got.age_s, got.from_cache) == ("old", True, 100, True)
    assert events[-1] == StaleServed(NAME, OFFERS, 100, "provider_unavailable")
    view = guard.view().cache
    assert (view.stale_served, view.hits, view.misses, view.load_errors) == (1, 0, 2, 1)
    assert await ask(guard, upstream) == "old"


async def test_past_the_stale_limit_the_failure_comes_through(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "old", default=down())
    await ask(guard, upstream)
    clock.advance(899)
    assert await ask(guard, upstream) == "old"
    clock.advance(1)
    assert isinstance(await outcome(ask(guard, upstream)), errors.Unavailable)
    assert guard.view().cache.size == 0


@pytest.mark.parametrize(
    "error",
    [
        refusal(errors.NotSent),
        refusal(errors.ProviderTimeout),
        refusal(errors.MalformedAnswer),
        refusal(errors.RateLimited, status=429),
        refusal(errors.DeadlineExceeded),
    ],
)
async def test_want_of_an_answer_may_be_bridged(clock, error):
    guard, upstream = make_guard(clock), Upstream(clock, "old", error)
    await ask(guard, upstream)
    clock.advance(60)
    assert await ask(guard, upstream) == "old"


@pytest.mark.parametrize(
    "error",
    [
        refusal(errors.CredentialRefused, status=401),
        refusal(errors.CredentialRefused, status=403),
        refusal(errors.InstanceNotFound, status=404),
        refusal(errors.Unavailable, status=404),
        refusal(errors.PaymentRequired, status=402),
        refusal(errors.OfferGone),
        refusal(errors.InvalidProviderRequest, status=422),
        refusal(errors.Misconfigured, status=301),
    ],
)
async def test_a_definite_answer_is_never_hidden(clock, error):
    guard, upstream = make_guard(clock), Upstream(clock, "old", error)
    await ask(guard, upstream)
    clock.advance(60)
    assert await outcome(ask(guard, upstream)) is error


async def test_an_open_circuit_is_bridged_without_asking(clock):
    guard = make_guard(clock, breaker=BreakerPolicy(threshold=1))
    upstream = Upstream(clock, "old", default=down())
    await ask(guard, upstream)
    clock.advance(60)
    await ask(guard, upstream)

    assert await ask(guard, upstream) == "old"
    assert upstream.calls == 2


async def test_a_bug_is_not_bridged(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "old", KeyError("field"))
    await ask(guard, upstream)
    clock.advance(60)
    with pytest.raises(KeyError):
        await ask(guard, upstream)


async def test_a_hit_tells_its_age(clock):
    guard, upstream = make_guard(clock), Upstream(clock)
    assert (await fetch(guard, upstream)).from_cache is False
    clock.advance(12)
    got = await fetch(guard, upstream)
    assert (got.from_cache, got.stale, got.age_s) == (True, False, 12)


async def test_stale_while_revalidate_answers_at_once_and_refreshes_beside(clock, events):
    guard = make_guard(
        clock,
        cache=CachePolicy(ttl_jitter=0, stale_while_revalidate_s=60),
        listener=events.append,
    )
    upstream = Upstream(clock, "old", "new")
    await ask(guard, upstream)
    clock.advance(40)
    gate = upstream.hold()

    first = await fetch(guard, upstream)
    second = await fetch(guard, upstream)
    assert (first.value, first.stale, second.value) == ("old", True, "old")
    gate.set()
    await settle()

    assert upstream.calls == 2
    assert await ask(guard, upstream) == "new"
    assert StaleServed(NAME, OFFERS, 40, None) in events

    clock.advance(30 + 60)
    upstream.script = ["newest"]
    assert await ask(guard, upstream) == "newest"


async def test_a_refresh_outlives_the_deadline_of_the_one_who_began_it(clock):
    guard = make_guard(clock, cache=CachePolicy(ttl_jitter=0, stale_while_revalidate_s=60))
    upstream = Upstream(clock, "old", "new")
    await ask(guard, upstream)
    clock.advance(40)
    gate = upstream.hold()
    with deadline(clock, 0.01):
        await ask(guard, upstream)
    await settle()
    gate.set()
    await settle()
    assert await ask(guard, upstream) == "new"


async def test_a_refresh_that_fails_is_counted_and_nobody_is_told_it_was_forgotten(clock):
    guard = make_guard(clock, cache=CachePolicy(ttl_jitter=0, stale_while_revalidate_s=60))
    upstream = Upstream(clock, "old", down())
    forgotten = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: forgotten.append(context))
    await ask(guard, upstream)
    clock.advance(40)
    await ask(guard, upstream)
    await settle()
    gc.collect()

    assert guard.view().cache.load_errors == 1
    assert forgotten == []


async def test_a_joiner_with_more_time_than_the_first_begins_again(clock):
    guard, upstream = make_guard(clock), Upstream(clock, refusal(errors.DeadlineExceeded), "offers")
    gate = upstream.hold()

    async def hurried():
        with deadline(clock, 1):
            return await outcome(ask(guard, upstream))

    first = asyncio.create_task(hurried())
    await settle()
    patient = asyncio.create_task(ask(guard, upstream))
    await settle()
    gate.set()

    assert isinstance(await first, errors.DeadlineExceeded)
    assert await patient == "offers"
    assert upstream.calls == 2


async def test_a_joiner_with_less_time_leaves_the_load_to_the_others(clock):
    guard, upstream = make_guard(clock), Upstream(clock, "offers")
    gate = upstream.hold()
    patient = asyncio.create_task(ask(guard, upstream))
    await settle()

    with deadline(clock, 0.005):
        assert isinstance(await outcome(ask(guard, upstream)), errors.DeadlineExceeded)
    gate.set()

    assert await patient == "offers"
    assert upstream.calls == 1


def cache_with(clock, rate, samples, *, chance=0.0, **policy) -> Cache:
    return Cache(
        NAME,
        CachePolicy(**policy),
        clock=clock,
        rng=Steady(chance),
        success_rate=lambda: (rate, samples),
        hooks=Hooks(),
    )


@pytest.mark.parametrize(
    ("rate", "samples", "ttl"),
    [
        (None, 0, 30),
        (1.0, 9, 30),
        (0.0, 9, 30),
        (1.0, 10, 300),
        (0.90, 10, 300),
        (0.899, 100, 45),
        (0.70, 10, 45),
        (0.699, 100, 30),
        (0.50, 10, 30),
        (0.499, 100, 10),
        (0.0, 10, 10),
    ],
)
def test_the_lifetime_follows_the_success_rate(clock, rate, samples, ttl):
    assert cache_with(clock, rate, samples).current_ttl() == ttl


def test_one_and_a_half_times_the_ttl_stays_below_the_longest(clock):
    assert cache_with(clock, 0.8, 10, ttl_s=250).current_ttl() == 300


async def test_the_lifetime_is_chosen_when_stored_and_shortened_by_chance(clock):
    cache = cache_with(clock, 1.0, 50, chance=0.5, ttl_jitter=0.1)

    async def load(ends_at):
        return "offers"

    await cache.fetch((OFFERS, "k"), load, fresh=False, ends_at=1e9, refresh_s=1)

    clock.advance(284.9)
    assert cache.hit((OFFERS, "k")) is not None
    clock.advance(0.1)
    assert cache.hit((OFFERS, "k")) is None


async def test_entries_are_bounded_by_count_or_by_size(clock):
    guard = make_guard(clock, cache=CachePolicy(max_size=3))
    upstream = Upstream(clock)
    for n in range(10):
        await ask(guard, upstream, str(n))
    assert guard.view().cache.size == 3

    guard = make_guard(clock, cache=CachePolicy(max_size=10, size_of=len))
    upstream = Upstream(clock, "x" * 8, "x" * 8, "x" * 11, default="x")
    for key in "abc":
        await ask(guard, upstream, key)
    assert guard.view().cache.size == 1
    await ask(guard, upstream, "c")
    assert upstream.calls == 4


async def test_hits_and_misses_are_told(clock, events):
    guard, upstream = make_guard(clock, listener=events.append), Upstream(clock)
    await ask(guard, upstream)
    await ask(guard, upstream)
    assert events[0] == CacheMiss(NAME, OFFERS, coalesced=False)
    assert events[-1] == CacheHit(NAME, OFFERS)


async def test_closing_stops_the_loads(clock):
    guard, upstream = make_guard(clock), Upstream(clock)
    upstream.hold()
    caller = asyncio.create_task(ask(guard, upstream))
    await settle()
    await guard.aclose()
    with pytest.raises(asyncio.CancelledError):
        await caller


def test_an_unused_cache_has_a_ratio_of_zero(clock):
    view = make_guard(clock).view().cache
    assert (view.hit_ratio, view.current_ttl, view.size) == (0.0, 30, 0)
