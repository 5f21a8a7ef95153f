"""What a check says when it was ourselves who let its time pass."""

from collections.abc import Sequence

import pytest

from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.resilience.shared import TokenWant
from tests.fakes.clock import FakeClock
from tests.fakes.health_room import HealthRoom


class SlowTokens:
    """Tokens that are granted after the attempt's own time: the database that was asked for them stood still."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    async def take(self, wants: Sequence[TokenWant]) -> float:
        del wants
        await self._clock.sleep(31)
        return 0.0

    def charge(self, bucket: str, amount: float) -> None:
        del bucket, amount


@pytest.fixture
def room() -> HealthRoom:
    return HealthRoom(Database(create_engine("postgresql://nobody@127.0.0.1:1/none")))


async def test_what_was_not_asked_for_want_of_time_says_nothing_about_the_provider(room):
    room.guards["vastai"].limiter.shared = SlowTokens(room.clock)

    answer = await room.desk.check("vastai")

    assert room.markets["vastai"].asked == 0
    assert (answer["ok"], answer["skipped"], answer["error"]) == (None, "no time left", "deadline_exceeded")
    assert answer["status"] == "HEALTHY"
