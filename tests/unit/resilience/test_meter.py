import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.resilience.meter import Bucket, StrictWindow
from tests.fakes.clock import FakeClock


async def test_a_bucket_starts_full_and_refills_by_the_injected_clock(clock):
    bucket = Bucket(10, 2, clock)
    for _ in range(10):
        assert bucket.wait_for(1) == 0
        await bucket.spend(1)

    assert bucket.wait_for(1) == pytest.approx(0.5)
    assert bucket.used() == 10

    clock.advance(2.5)
    assert bucket.used() == pytest.approx(5)


async def test_a_bucket_can_be_overdrawn_and_works_it_off(clock):
    bucket = Bucket(10, 2, clock)

    bucket.charge(25)

    assert bucket.wait_for(1) == pytest.approx((25 + 1 - 10) / 2)
    clock.advance(8)
    assert bucket.wait_for(1) == 0


async def test_time_before_a_charge_does_not_pay_for_it(clock):
    bucket = Bucket(10, 2, clock)
    clock.advance(100)
    bucket.charge(5)
    assert bucket.used() == 5


async def test_more_than_a_bucket_holds_fits_when_it_is_full(clock):
    bucket = Bucket(4, 1, clock)
    assert bucket.wait_for(9) == 0

    await bucket.spend(9)

    assert bucket.used() == 4


async def test_a_bucket_is_not_bound_to_one_event_loop(clock):
    """The injected clock is its time source; a real AsyncLimiter would ask the running loop."""
    bucket = Bucket(1, 1, clock)
    await bucket.spend(1)
    with pytest.raises(AttributeError):
        await bucket.acquire(1)  # waiting is the limiter's, never aiolimiter's


async def test_a_strict_window_gives_all_back_only_after_the_whole_period(clock):
    window = StrictWindow(3, 60, clock)
    for _ in range(3):
        await window.spend(1)
        clock.advance(10)

    assert window.wait_for(1) == 30
    assert window.wait_for(2) == 40
    clock.advance(30)
    assert window.wait_for(1) == 0
    assert window.used() == 2


async def test_an_overdrawn_strict_window_waits_for_the_overdraft_to_leave(clock):
    window = StrictWindow(5, 60, clock)
    window.charge(50)
    assert window.wait_for(1) == 60
    clock.advance(60)
    assert window.wait_for(5) == 0
    assert window.used() == 0


async def test_an_empty_strict_window_is_exactly_empty(clock):
    window = StrictWindow(1, 60, clock)
    for amount in (0.1, 0.2, 0.3):
        window.charge(amount)
    clock.advance(60)
    assert window.used() == 0


async def test_a_line_before_a_strict_window_waits_for_whole_periods(clock):
    window = StrictWindow(5, 60, clock)
    assert window.wait_for(1, behind=4) == 0
    assert window.wait_for(1, behind=5) == 60
    window.charge(5)
    assert window.wait_for(1, behind=5) == 120


@settings(max_examples=60, deadline=None)
@given(gaps=st.lists(st.floats(0, 30), min_size=1, max_size=60), limit=st.integers(1, 6))
def test_no_window_of_a_strict_limit_ever_holds_more_than_the_limit(gaps, limit):
    clock = FakeClock()
    window = StrictWindow(limit, 60, clock)
    granted: list[float] = []
    for gap in gaps:
        clock.advance(gap)
        if window.wait_for(1) == 0:
            window.charge(1)
            granted.append(clock.elapsed)

    for first in granted:
        assert sum(first <= at < first + 60 for at in granted) <= limit
