import asyncio

from tests.fakes.clock import START, FakeClock, settle


async def test_sleepers_wake_in_the_order_of_their_times(clock):
    woken = []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append((seconds, clock.elapsed))

    await asyncio.gather(*(sleeper(seconds) for seconds in (5, 1, 3, 1)))

    assert woken == [(1, 1), (1, 1), (3, 3), (5, 5)]


async def test_a_sleeper_that_sleeps_again_keeps_its_place_in_time(clock):
    seen = []

    async def every(seconds, times):
        for _ in range(times):
            await clock.sleep(seconds)
            seen.append(clock.elapsed)

    await asyncio.gather(every(2, 3), every(3, 2))

    assert seen == [2, 3, 4, 6, 6]


async def test_a_cancelled_sleeper_moves_no_time(clock):
    task = asyncio.create_task(clock.sleep(100))
    await asyncio.sleep(0)
    task.cancel()
    await settle()

    assert clock.elapsed == 0
    await clock.sleep(1)
    assert clock.elapsed == 1


async def test_without_auto_only_the_test_moves_time():
    clock = FakeClock(auto=False)
    task = asyncio.create_task(clock.sleep(10))
    await settle()
    assert clock.sleeping == 1

    clock.advance(9)
    await settle()
    assert not task.done()

    clock.advance(1)
    await task
    assert (clock.now() - START).total_seconds() == 10


async def test_run_for_lets_a_loop_turn_at_its_own_times():
    clock = FakeClock(auto=False)
    turns = []

    async def loop():
        while True:
            await clock.sleep(3)
            turns.append(clock.elapsed)

    task = asyncio.create_task(loop())
    await clock.run_for(10)
    task.cancel()

    assert turns == [3, 6, 9]
    assert clock.elapsed == 10
