import asyncio
import math

import pytest

from aurora.resilience.deadline import deadline, ends_at, remaining


def test_without_one_there_is_no_end(clock):
    assert remaining(clock) == math.inf


def test_it_runs_with_the_clock_and_never_below_zero(clock):
    with deadline(clock, 20):
        clock.advance(15)
        assert remaining(clock) == 5
        clock.advance(15)
        assert remaining(clock) == 0


def test_an_inner_one_can_only_shorten(clock):
    with deadline(clock, 20) as outer:
        with deadline(clock, 60) as inner:
            assert inner == outer
        with deadline(clock, 5):
            assert remaining(clock) == 5
        assert ends_at() == outer
    assert ends_at() == math.inf


def test_it_ends_with_its_block_even_after_an_error(clock):
    with pytest.raises(KeyError), deadline(clock, 5):
        raise KeyError
    assert ends_at() == math.inf


async def test_concurrent_tasks_have_their_own(clock):
    async def within(seconds):
        with deadline(clock, seconds):
            await asyncio.sleep(0)
            return remaining(clock)

    assert await asyncio.gather(within(1), within(2), within(3)) == [1, 2, 3]
