import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain.errors import CircuitBreakerOpen
from aurora.domain.health import BreakerState
from aurora.domain.operation import OperationClass
from aurora.resilience.breaker import Breaker, worst
from aurora.resilience.events import BreakerChanged, Hooks
from aurora.resilience.policy import BreakerPolicy
from aurora.resilience.verdict import Verdict
from tests.fakes.clock import START, FakeClock
from tests.unit.resilience.upstream import Steady

OK, FAIL, NEUTRAL = Verdict.OK, Verdict.FAIL, Verdict.NEUTRAL


def make(clock, *, rng: random.Random | None = None, listener=None, **policy) -> Breaker:
    return Breaker(
        "vastai",
        OperationClass.READ,
        BreakerPolicy(**policy),
        clock=clock,
        rng=rng or Steady(),
        hooks=Hooks([] if listener is None else [listener]),
    )


def one(breaker: Breaker, verdict: Verdict) -> None:
    breaker.record(breaker.admit(), verdict)


def trip(breaker: Breaker, failures: int = 5) -> None:
    for _ in range(failures):
        one(breaker, FAIL)


def test_opens_on_the_fifth_consecutive_failure_and_not_before(clock):
    breaker = make(clock)

    trip(breaker, 4)
    assert breaker.view().state is BreakerState.CLOSED
    assert breaker.view().failure_count == 4

    one(breaker, FAIL)
    assert breaker.view().state is BreakerState.OPEN
    with pytest.raises(CircuitBreakerOpen) as refused:
        breaker.admit()
    assert refused.value.retry_after == 60
    assert refused.value.provider == "vastai"


def test_a_success_between_starts_the_count_anew(clock):
    breaker = make(clock)

    trip(breaker, 4)
    one(breaker, OK)
    trip(breaker, 4)

    assert breaker.view().state is BreakerState.CLOSED
    assert breaker.view().failure_count == 4


def test_a_neutral_outcome_neither_counts_nor_forgives(clock):
    breaker = make(clock)

    trip(breaker, 4)
    for _ in range(10):
        one(breaker, NEUTRAL)
    assert breaker.view().failure_count == 4

    one(breaker, FAIL)
    assert breaker.view().state is BreakerState.OPEN


def test_eight_concurrent_failures_trip_once_and_open_for_exactly_sixty_seconds(clock):
    changes = []
    breaker = make(clock, listener=changes.append)
    admitted = [breaker.admit() for _ in range(8)]

    for generation in admitted:
        breaker.record(generation, FAIL)
        clock.advance(1)

    assert breaker.view().trip_count == 1
    assert [(change.old, change.new) for change in changes] == [(BreakerState.CLOSED, BreakerState.OPEN)]
    assert changes == [
        BreakerChanged("vastai", OperationClass.READ, BreakerState.CLOSED, BreakerState.OPEN, 60)
    ]
    # the late failures did not push the time forward: it opened at second 4
    assert breaker.view().next_attempt_in == 60 - 4


def test_fifty_callers_after_the_timeout_make_three_probes(clock):
    breaker = make(clock)
    trip(breaker)
    clock.advance(60)

    for _ in range(3):
        breaker.admit()

    for _ in range(47):
        with pytest.raises(CircuitBreakerOpen) as refused:
            breaker.admit()
        assert refused.value.retry_after == 1


def test_peek_takes_no_permit(clock):
    breaker = make(clock)
    trip(breaker)
    clock.advance(60)

    for _ in range(50):
        breaker.peek()

    assert breaker.view().trip_count == 1
    for _ in range(3):
        breaker.admit()
    with pytest.raises(CircuitBreakerOpen):
        breaker.peek()


def test_three_good_probes_close_it_and_no_fourth_is_made(clock):
    breaker = make(clock)
    trip(breaker)
    clock.advance(60)

    one(breaker, OK)
    one(breaker, OK)
    last = breaker.admit()
    with pytest.raises(CircuitBreakerOpen):
        breaker.admit()
    breaker.record(last, OK)

    view = breaker.view()
    assert view.state is BreakerState.CLOSED
    assert view.failure_count == 0
    assert view.next_attempt_in is None
    assert view.opened_at is None


def test_one_failed_probe_opens_it_again(clock):
    breaker = make(clock)
    trip(breaker)
    clock.advance(60)

    one(breaker, OK)
    one(breaker, FAIL)

    assert breaker.view().state is BreakerState.OPEN
    assert breaker.view().trip_count == 2


def test_a_cancelled_probe_gives_its_permit_back_and_proves_nothing(clock):
    breaker = make(clock)
    trip(breaker)
    clock.advance(60)

    for _ in range(10):
        breaker.record(breaker.admit(), NEUTRAL)

    assert breaker.view().state is BreakerState.HALF_OPEN
    assert breaker.view().trip_count == 1
    for _ in range(3):
        one(breaker, OK)
    assert breaker.view().state is BreakerState.CLOSED


def test_answers_from_before_the_trip_are_ignored(clock):
    breaker = make(clock)
    slow = [breaker.admit() for _ in range(3)]
    trip(breaker)

    breaker.record(slow[0], OK)
    assert breaker.view().state is BreakerState.OPEN
    assert breaker.view().failure_count == 5

    clock.advance(60)
    probe = breaker.admit()
    breaker.record(slow[1], FAIL)
    assert breaker.view().state is BreakerState.HALF_OPEN
    breaker.record(probe, OK)
    one(breaker, OK)
    one(breaker, OK)

    breaker.record(slow[2], FAIL)
    assert breaker.view().failure_count == 0
    assert breaker.view().success_count == 3


def test_a_probe_of_an_earlier_half_open_does_not_free_a_permit_of_this_one(clock):
    breaker = make(clock, max_open_s=60)
    trip(breaker)
    clock.advance(60)
    early = breaker.admit()
    one(breaker, FAIL)
    clock.advance(60)
    for _ in range(3):
        breaker.admit()

    breaker.record(early, NEUTRAL)

    with pytest.raises(CircuitBreakerOpen):
        breaker.admit()


def test_open_time_doubles_from_the_second_trip_on_up_to_the_cap(clock):
    breaker = make(clock, jitter=0)
    trip(breaker)
    seconds = [breaker.view().next_attempt_in]

    for _ in range(5):
        clock.advance(seconds[-1])
        one(breaker, FAIL)
        seconds.append(breaker.view().next_attempt_in)

    assert seconds == [60, 120, 240, 300, 300, 300]


def test_closing_in_between_ends_the_doubling(clock):
    breaker = make(clock)
    trip(breaker)
    clock.advance(60)
    one(breaker, FAIL)
    clock.advance(120)
    for _ in range(3):
        one(breaker, OK)

    trip(breaker)

    assert breaker.view().next_attempt_in == 60


def test_jitter_only_lengthens_and_spares_the_first_trip(clock):
    breaker = make(clock, jitter=0.1, rng=Steady(0.5))
    trip(breaker)
    assert breaker.view().next_attempt_in == 60

    clock.advance(60)
    one(breaker, FAIL)
    assert breaker.view().next_attempt_in == pytest.approx(120 * 1.05)


def test_an_open_time_above_the_cap_is_kept(clock):
    breaker = make(clock, open_s=600)
    trip(breaker)
    assert breaker.view().next_attempt_in == 600
    clock.advance(600)
    one(breaker, FAIL)
    assert breaker.view().next_attempt_in == 600


def test_reset_closes_forgets_the_failures_and_drops_the_answers_under_way(clock):
    breaker = make(clock)
    trip(breaker)
    clock.advance(60)
    one(breaker, FAIL)
    clock.advance(120)
    probe = breaker.admit()

    breaker.reset()
    breaker.record(probe, FAIL)

    view = breaker.view()
    assert view.state is BreakerState.CLOSED
    assert view.failure_count == 0
    assert view.trip_count == 2
    trip(breaker)
    assert breaker.view().next_attempt_in == 60


def test_reset_of_a_closed_breaker_also_drops_what_is_under_way(clock):
    changes = []
    breaker = make(clock, listener=changes.append)
    trip(breaker, 4)
    late = breaker.admit()

    breaker.reset()
    breaker.record(late, FAIL)

    assert breaker.view().failure_count == 0
    assert changes == []


def test_force_opens_the_door_before_the_time_but_adds_no_probes(clock):
    breaker = make(clock)
    trip(breaker)

    for _ in range(3):
        breaker.admit(force=True)

    assert breaker.view().state is BreakerState.HALF_OPEN
    with pytest.raises(CircuitBreakerOpen):
        breaker.admit(force=True)


def test_the_view_is_half_open_as_soon_as_the_time_has_passed(clock):
    breaker = make(clock)
    trip(breaker)

    clock.advance(59.9)
    assert breaker.view().state is BreakerState.OPEN
    assert breaker.view().next_attempt_in == pytest.approx(0.1)

    clock.advance(0.1)
    assert breaker.view().state is BreakerState.HALF_OPEN
    assert breaker.view().next_attempt_in == 0


def test_the_view_tells_when_the_trouble_began(clock):
    breaker = make(clock)
    clock.advance(10)
    trip(breaker)
    first = clock.now()
    clock.advance(60)
    one(breaker, FAIL)

    view = breaker.view()
    assert view.open_since == first
    assert view.opened_at == clock.now()
    assert view.last_failure_time == clock.now()
    assert view.last_failure_time.tzinfo is not None


def test_the_worst_of_several_leads_and_the_counts_add_up(clock):
    healthy, broken = make(clock), make(clock)
    one(healthy, OK)
    one(broken, OK)
    trip(broken)

    view = worst([healthy.view(), broken.view()])

    assert view.state is BreakerState.OPEN
    assert view.success_count == 2
    assert view.failure_count == 5
    assert view.trip_count == 1
    assert view.last_failure_time == START
    assert view.next_attempt_in == 60


async def test_concurrent_probes_under_asyncio_stay_within_the_limit(clock):
    breaker = make(clock)
    trip(breaker)
    clock.advance(60)
    running = most = 0

    async def call():
        nonlocal running, most
        generation = breaker.admit()
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        breaker.record(generation, OK)

    results = await asyncio.gather(*(call() for _ in range(50)), return_exceptions=True)

    assert most == 3
    assert sum(isinstance(result, CircuitBreakerOpen) for result in results) == 47
    assert breaker.view().state is BreakerState.CLOSED


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.just("admit"),
            st.just("reset"),
            st.tuples(st.sampled_from(list(Verdict)), st.integers(0, 30)),
            st.floats(0, 200),
        ),
        max_size=120,
    ),
    half_open_max=st.integers(1, 4),
)
def test_never_more_probes_than_allowed_and_the_counts_stay_sane(steps, half_open_max):
    clock = FakeClock()
    breaker = make(clock, threshold=2, half_open_max=half_open_max, rng=random.Random(1))
    under_way: list[tuple[int, bool]] = []
    for step in steps:
        if step == "admit":
            half_open = breaker.view().state is BreakerState.HALF_OPEN
            try:
                under_way.append((breaker.admit(), half_open))
            except CircuitBreakerOpen:
                assert breaker.view().state is not BreakerState.CLOSED
        elif step == "reset":
            breaker.reset()
            assert breaker.view().state is BreakerState.CLOSED
        elif isinstance(step, tuple):
            verdict, index = step
            if under_way:
                breaker.record(under_way.pop(index % len(under_way))[0], verdict)
        else:
            clock.advance(step)
        probes = [generation for generation, probe in under_way if probe]
        newest = max(probes, default=0)
        assert probes.count(newest) <= half_open_max
        view = breaker.view()
        assert 0 <= view.failure_count <= 2
        if view.state is BreakerState.OPEN:
            assert view.next_attempt_in is not None
            assert 0 < view.next_attempt_in <= 300


def test_a_forced_probe_half_opens_and_the_next_attempt_may_go_at_once(clock):
    breaker = make(clock, open_s=60)
    trip(breaker)

    breaker.admit(force=True)

    assert breaker.view().state is BreakerState.HALF_OPEN
    assert breaker.view().next_attempt_in == 0
