"""A replica's own share while the database is away: how large, how it grows, and what is told when it is back."""

from typing import Any

import pytest

from aurora.db.database import Database
from aurora.db.repositories import rate_buckets
from aurora.replicas.limits import SharedTokens
from aurora.resilience.shared import TokenWant
from tests.fakes.clock import FakeClock
from tests.integration.replicas.switch import Switch

CAPACITY = 60
ONE = TokenWant("", 1, 0, capacity=CAPACITY, per_second=1)
READ = TokenWant("", 1, CAPACITY / 5, capacity=CAPACITY, per_second=1)
"""Leaves the reserve to others."""

SLOW_S = 5
"""The row's clock goes on: so long may a test take at most."""


class Line(Switch):
    """Counts the transactions that were tried."""

    tried = 0

    def begin(self) -> Any:
        self.tried += 1
        return super().begin()


class Desk:
    """One replica's tokens, on a clock that stands still; the row has the database's."""

    def __init__(self, database: Database) -> None:
        self.clock = FakeClock(auto=False)
        self.line = Line(database.engine)
        self.replicas = 2
        self._database = database
        self.tokens = SharedTokens(
            "vastai",
            Database(self.line),  # type: ignore[arg-type]
            clock=self.clock,
            replicas=lambda: self.replicas,
        )

    async def take(self, want: TokenWant = ONE) -> float:
        return await self.tokens.take([want])

    async def alone(self, *, after_s: float = 0) -> "Desk":
        """The first take was granted by the row; then the database went away, and `after_s` seconds passed."""
        assert await self.take() == 0
        self.line.away = True
        assert await self.take() > 0
        self.clock.advance(after_s)
        return self

    async def level(self) -> float:
        async with self._database.read() as connection:
            return (await rate_buckets.levels(connection, ["vastai"]))["vastai"]


@pytest.fixture
def desk(postgres_database) -> Desk:
    return Desk(postgres_database)


async def test_a_burst_of_the_share_is_missing_in_the_row_when_the_database_is_back(desk):
    await desk.alone(after_s=60)
    assert [await desk.take() for _ in range(20)] == [0] * 20

    desk.line.away = False
    desk.clock.advance(5)
    assert await desk.take() == 0

    assert not desk.tokens.away
    gave_back = 5 * 0.5
    assert CAPACITY - 22 <= await desk.level() <= CAPACITY - 22 + gave_back + SLOW_S


async def test_a_database_that_is_away_is_asked_less_and_less_often(desk):
    await desk.alone(after_s=60)
    gaps, last, began = [], desk.clock.elapsed, desk.clock.elapsed
    tried = desk.line.tried
    while desk.clock.elapsed < began + 20:
        await desk.take()
        if desk.line.tried > tried:
            gaps.append(round(desk.clock.elapsed - last, 1))
            tried, last = desk.line.tried, desk.clock.elapsed
        desk.clock.advance(0.1)

    assert gaps[:3] == pytest.approx([0, 1, 2], abs=0.31)
    assert len(gaps) > 3
    assert min(gaps[3:]) >= 5


async def test_whoever_was_told_to_wait_does_not_ask_before(desk):
    big = TokenWant("", CAPACITY, 0, capacity=CAPACITY, per_second=1)
    assert await desk.take(big) == 0
    wait = await desk.take()
    assert 0 < wait <= 1
    tried = desk.line.tried

    desk.clock.advance(wait / 2)
    assert await desk.take() == pytest.approx(wait / 2)
    assert desk.line.tried == tried


async def test_the_share_follows_the_number_of_replicas(desk):
    desk.replicas = 1
    await desk.alone()
    desk.clock.advance(0.5)
    assert await desk.take() == pytest.approx(0.5, abs=0.01)

    desk.replicas = 4
    desk.clock.advance(0.6)
    assert await desk.take() == pytest.approx(4, abs=0.01), "it begins anew, and empty"


async def test_the_reserve_is_kept_of_the_share_too(desk):
    await desk.alone(after_s=12)

    assert await desk.take(READ) == pytest.approx(2, abs=0.01)
    assert await desk.take(ONE) == 0


async def test_what_is_charged_is_told_once_however_often_it_could_not_be(desk):
    assert await desk.take() == 0
    desk.tokens.charge("", 10)
    desk.line.away = True
    assert await desk.take() > 0

    desk.line.away = False
    desk.clock.advance(60)
    assert await desk.take() == 0
    assert CAPACITY - 12 <= await desk.level() <= CAPACITY - 12 + SLOW_S
    assert await desk.take() == 0

    assert CAPACITY - 13 <= await desk.level() <= CAPACITY - 13 + SLOW_S


async def test_what_is_charged_while_the_database_is_away_is_missing_at_once(desk):
    await desk.alone(after_s=60)

    desk.tokens.charge("", 30)

    assert await desk.take() == pytest.approx(2, abs=0.01)
