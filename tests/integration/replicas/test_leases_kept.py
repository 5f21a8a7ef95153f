"""A duty is ours from before the database was asked, for as long as it is renewed, and nobody's once it is given back."""

from typing import Any

from sqlalchemy import text

from aurora.db.database import Database
from aurora.replicas.leases import Leases
from tests.fakes.clock import FakeClock
from tests.integration.replicas.switch import Switch

TTL_S = 10


class SlowLine(Switch):
    """Every question takes three seconds."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        super().__init__(database.engine)
        self._clock = clock

    def begin(self) -> Any:
        self._clock.advance(3)
        return super().begin()


def leases(database: Database, clock: FakeClock, owner: str = "a") -> Leases:
    return Leases(database, owner=owner, clock=clock, ttl_s=TTL_S)


async def test_the_time_of_a_duty_counts_from_before_the_question(postgres_database):
    clock = FakeClock(auto=False)
    own = leases(Database(SlowLine(postgres_database, clock)), clock)  # type: ignore[arg-type]

    for hold in (lambda: own.take("sweep"), own.renew):
        await hold()
        clock.advance(6.9)
        assert own.holds("sweep")
        clock.advance(0.2)
        assert not own.holds("sweep")


async def test_a_duty_that_is_renewed_stays_ours(postgres_database):
    clock = FakeClock(auto=False)
    own = leases(postgres_database, clock)
    assert await own.take("sweep")

    clock.advance(6)
    await own.renew()
    clock.advance(6)

    assert own.holds("sweep")
    assert own.fence("sweep") == 1


async def test_a_duty_that_is_given_back_is_anybodys_at_once(postgres_database):
    clock = FakeClock(auto=False)
    one, other = leases(postgres_database, clock), leases(postgres_database, clock, "b")
    assert await one.take("sweep")
    assert not await other.take("sweep")

    await one.give_back("sweep")

    assert not one.holds("sweep")
    assert await other.take("sweep")
    assert other.fence("sweep") == 2


async def test_processes_that_ended_long_ago_are_forgotten(postgres_database):
    async with postgres_database.write() as connection:
        await connection.execute(
            text(
                "INSERT INTO leases (name, owner, expires_at, fence) "
                "VALUES ('replica:old', 'old', now() - interval '2 h', 1),"
                " ('replica:late', 'late', now() - interval '2 min', 1)"
            )
        )

    await leases(postgres_database, FakeClock(auto=False)).renew()

    async with postgres_database.read() as connection:
        found = await connection.execute(text("SELECT name FROM leases ORDER BY name"))
        assert list(found.scalars()) == ["replica:a", "replica:late"]
