"""The shared breaker rows: compare-and-set under callers that come at the same time."""

import asyncio
from datetime import UTC, datetime

import pytest

from aurora.db.repositories import breakers
from aurora.db.repositories.breakers import BreakerKey, TripRule
from aurora.domain.health import BreakerState
from aurora.domain.operation import OperationClass
from aurora.resilience.shared import SharedState

KEY = BreakerKey("vastai", OperationClass.READ)
RULE = TripRule(threshold=5, open_s=60, longest_s=300, stretch=1.0)
QUICK = TripRule(threshold=1, open_s=0.001, longest_s=0.001, stretch=1.0)
NEED = 3


@pytest.fixture
async def rows(postgres_database):
    async with postgres_database.write() as connection:
        await breakers.ensure(connection, KEY)
        await breakers.ensure(connection, KEY)
    return Rows(postgres_database)


class Rows:
    def __init__(self, database) -> None:
        self.database = database

    async def fail(self, generation: int = 0, rule: TripRule = RULE) -> SharedState | None:
        async with self.database.write() as connection:
            return await breakers.fail(connection, KEY, generation=generation, rule=rule)

    async def succeed(self, generation: int) -> SharedState | None:
        async with self.database.write() as connection:
            return await breakers.succeed(connection, KEY, generation=generation, need=NEED)

    async def probe(self, *, force: bool = False, deadline_s: float = 60) -> SharedState | None:
        async with self.database.write() as connection:
            return await breakers.probe(connection, KEY, need=NEED, deadline_s=deadline_s, force=force)

    async def now(self) -> SharedState:
        async with self.database.read() as connection:
            return (await breakers.present(connection))[KEY]

    async def opened(self) -> int:
        """Tripped, and its time is over."""
        state = await self.fail((await self.now()).generation, QUICK)
        assert state is not None
        await asyncio.sleep(0.003)
        return state.generation


async def test_of_twenty_failures_at_once_five_count_and_it_trips_once(rows):
    counted = [each for each in await asyncio.gather(*(rows.fail() for _ in range(20))) if each is not None]

    now = await rows.now()
    assert len(counted) == 5
    assert (now.state, now.generation, now.trips, now.failures) == (BreakerState.OPEN, 1, 1, 5)
    assert 59 < now.open_left_s <= 60


async def test_a_late_success_of_an_older_generation_has_no_effect(rows):
    for _ in range(5):
        await rows.fail()

    assert await rows.succeed(0) is None
    assert (await rows.now()).state is BreakerState.OPEN


async def test_a_success_forgets_the_failures(rows):
    await rows.fail()
    state = await rows.succeed(0)

    assert state is not None
    assert (state.state, state.failures, state.generation) == (BreakerState.CLOSED, 0, 0)


async def test_no_probe_before_its_time_unless_forced(rows):
    for _ in range(5):
        await rows.fail()

    assert await rows.probe() is None
    forced = await rows.probe(force=True)
    assert forced is not None
    assert (forced.state, forced.generation, forced.probes) == (BreakerState.HALF_OPEN, 2, 1)


async def test_of_twenty_probes_at_once_three_are_granted(rows):
    generation = await rows.opened()

    granted = [each for each in await asyncio.gather(*(rows.probe() for _ in range(20))) if each is not None]

    assert [each.generation for each in granted] == [generation + 1] * 3
    assert sorted(each.probes for each in granted) == [1, 2, 3]


async def test_three_good_probes_close_it(rows):
    generation = await rows.opened() + 1
    for _ in range(3):
        await rows.probe()

    states = [await rows.succeed(generation) for _ in range(3)]

    assert [each.state for each in states] == [BreakerState.HALF_OPEN] * 2 + [BreakerState.CLOSED]
    closed = states[-1]
    assert (closed.generation, closed.trips_in_a_row, closed.open_since) == (generation + 1, 0, None)


async def test_a_failed_probe_opens_again_for_twice_as_long(rows):
    await rows.opened()
    probed = await rows.probe()
    again = await rows.fail(probed.generation, TripRule(threshold=5, open_s=60, longest_s=300, stretch=1.1))

    assert again.state is BreakerState.OPEN
    assert again.trips_in_a_row == 2
    assert again.open_left_s == pytest.approx(132, abs=1)
    assert again.open_since is not None


async def test_a_probe_that_says_nothing_gives_its_place_back(rows):
    await rows.opened()
    for _ in range(3):
        probed = await rows.probe()
    assert await rows.probe() is None

    async with rows.database.write() as connection:
        await breakers.give_back(connection, KEY, generation=probed.generation)

    assert await rows.probe() is not None


async def test_the_places_of_probes_that_died_are_given_anew(rows):
    await rows.opened()
    for _ in range(3):
        await rows.probe(deadline_s=0.005)
    await asyncio.sleep(0.01)

    assert (await rows.probe()).probes == 1


async def test_a_reset_closes_and_says_who(rows):
    for _ in range(5):
        await rows.fail()

    async with rows.database.write() as connection:
        state = await breakers.reset(connection, KEY, generation=7, actor="ops")

    assert (state.state, state.generation, state.failures, state.reset_by) == (
        BreakerState.CLOSED,
        7,
        0,
        "ops",
    )


async def test_what_is_newer_is_pushed_and_what_is_older_is_not(rows):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    newer = SharedState(
        BreakerState.OPEN, 3, failures=5, trips=2, trips_in_a_row=1, open_left_s=30, open_since=since
    )
    async with rows.database.write() as connection:
        pushed = await breakers.push(connection, KEY, newer)
        older = await breakers.push(connection, KEY, SharedState(BreakerState.CLOSED, 3))

    assert older is None
    assert (pushed.state, pushed.generation, pushed.trips) == (BreakerState.OPEN, 3, 2)
    assert pushed.open_left_s == pytest.approx(30, abs=0.5)
