"""The database goes away and comes back: limits and breakers go on alone, and agree again by themselves."""

import random

import pytest

from aurora.db.repositories import breakers, rate_buckets
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.health import BreakerState
from aurora.domain.operation import OperationClass
from aurora.replicas.circuits import Circuits
from aurora.replicas.leases import Leases
from aurora.replicas.limits import SharedTokens
from aurora.resilience.breaker import Breaker
from aurora.resilience.events import Hooks
from aurora.resilience.policy import GuardPolicy
from aurora.resilience.shared import TokenWant
from aurora.resilience.verdict import Verdict
from tests.fakes.clock import FakeClock
from tests.integration.replicas.switch import switched

READ = OperationClass.READ
RATE = TokenWant("", 1, 0, capacity=60, per_second=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto=False)


def tokens(database, clock, replicas: int = 2) -> SharedTokens:
    return SharedTokens("vastai", database, clock=clock, replicas=lambda: replicas)


async def taken_in(clock: FakeClock, seconds: float, *all_tokens: SharedTokens) -> list[float]:
    """When tokens were granted: everybody takes whenever it may."""
    granted = []
    end = clock.elapsed + seconds
    while clock.elapsed < end:
        waits = []
        for each in all_tokens:
            wait = await each.take([RATE])
            while wait == 0:
                granted.append(clock.elapsed)
                wait = await each.take([RATE])
            waits.append(wait)
        clock.advance(min(*waits, 1.0) + 0.001)
    return granted


async def test_two_replicas_without_the_database_stay_below_the_rate_together(postgres_database, clock):
    cut, switch = switched(postgres_database)
    both = [tokens(cut, clock) for _ in range(2)]
    for each in both:
        assert await each.take([RATE]) == 0
    switch.away = True

    granted = await taken_in(clock, 30, *both)

    assert all(each.away for each in both)
    assert 25 <= len(granted) <= 31
    assert all(each.fallbacks > 0 for each in both)


async def test_a_burst_is_not_granted_anew_by_those_who_cannot_see_it(postgres_database, clock):
    cut, switch = switched(postgres_database)
    one = tokens(cut, clock)
    switch.away = True

    assert await one.take([RATE]) == pytest.approx(2, abs=0.1)


async def test_when_it_is_back_the_row_rules_and_knows_what_was_taken_meanwhile(postgres_database, clock):
    cut, switch = switched(postgres_database)
    one = tokens(cut, clock)
    assert await one.take([RATE]) == 0
    switch.away = True
    spent = await taken_in(clock, 20, one)
    assert len(spent) in {9, 10}

    switch.away = False
    clock.advance(6)

    assert await one.take([RATE]) == 0
    assert not one.away
    async with postgres_database.read() as connection:
        level = (await rate_buckets.levels(connection, ["vastai"]))["vastai"]
    # what was spent lately and not yet given back by the time that passed
    assert 51 <= level < 59


async def test_a_row_that_vanished_is_made_anew(postgres_database, clock):
    one = tokens(postgres_database, clock)
    assert await one.take([RATE]) == 0
    async with postgres_database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM rate_buckets")

    assert await one.take([RATE]) == 0
    assert not one.away


class Desk:
    """One replica's breaker of one provider."""

    def __init__(self, database, clock: FakeClock) -> None:
        self.database = database
        policy = GuardPolicy()
        self.breaker = Breaker(
            "vastai", READ, policy.breaker, clock=clock, rng=random.Random(1), hooks=Hooks()
        )
        self.words: list[str] = []
        self.circuits = Circuits(
            "vastai",
            {READ: self.breaker},
            policy,
            database=database,
            rng=random.Random(1),
            tell=self.words.append,
        )

    async def look(self) -> None:
        try:
            async with self.database.read() as connection:
                known = await breakers.present(connection)
        except DatabaseUnavailable:
            self.circuits.away()
            return
        ours = self.circuits.follow(known)
        async with self.database.write() as connection:
            await self.circuits.give(connection, ours)

    async def joined(self) -> "Desk":
        await self.look()
        await self.look()
        assert self.circuits.reachable
        return self

    async def failed(self, times: int = 1) -> None:
        for _ in range(times):
            generation = self.breaker.admit()
            if self.circuits.reachable:
                self.breaker.note(generation, Verdict.FAIL)
                await self.circuits.tell(READ, generation, Verdict.FAIL)
            else:
                self.breaker.record(generation, Verdict.FAIL)

    @property
    def state(self) -> BreakerState:
        return self.breaker.view().state


async def test_what_opened_while_the_database_was_away_opens_for_all_when_it_is_back(
    postgres_database, clock
):
    cut, switch = switched(postgres_database)
    one, other = await Desk(cut, clock).joined(), await Desk(postgres_database, clock).joined()
    await one.failed(2)
    switch.away = True
    await one.failed(3)

    assert one.state is BreakerState.OPEN
    assert not one.circuits.reachable
    await other.look()
    assert other.state is BreakerState.CLOSED

    switch.away = False
    await one.look()
    await one.look()
    await other.look()

    assert one.circuits.reachable
    assert other.state is BreakerState.OPEN
    left = other.breaker.view().next_attempt_in
    assert left == pytest.approx(60, abs=2)


async def test_what_others_did_meanwhile_wins_if_it_is_newer(postgres_database, clock):
    cut, switch = switched(postgres_database)
    one, other = await Desk(cut, clock).joined(), await Desk(postgres_database, clock).joined()
    switch.away = True
    await one.look()
    await one.failed(5)
    await other.failed(5)
    other.breaker.reset()
    await other.circuits.reset(READ, actor="ops")

    switch.away = False
    await one.look()

    assert one.state is BreakerState.CLOSED
    assert one.breaker.generation == other.breaker.generation


async def test_a_reset_by_hand_while_the_database_is_away_reaches_the_others_later(postgres_database, clock):
    cut, switch = switched(postgres_database)
    one, other = await Desk(cut, clock).joined(), await Desk(postgres_database, clock).joined()
    await other.failed(5)
    await one.look()
    assert one.state is BreakerState.OPEN

    switch.away = True
    one.breaker.reset()
    assert not await one.circuits.reset(None, actor="ops")
    assert one.state is BreakerState.CLOSED
    switch.away = False
    await one.look()
    await other.look()

    assert other.state is BreakerState.CLOSED


async def test_a_duty_is_ours_no_longer_than_its_time_when_it_cannot_be_renewed(postgres_database, clock):
    cut, switch = switched(postgres_database)
    leases = Leases(cut, owner="a", clock=clock, ttl_s=10)
    assert await leases.take("sweep")
    switch.away = True

    clock.advance(9.9)
    with pytest.raises(DatabaseUnavailable):
        await leases.renew()
    assert leases.holds("sweep")
    clock.advance(0.2)
    assert not leases.holds("sweep")
    assert leases.fence("sweep") is None


async def test_a_duty_that_another_took_is_lost_at_the_next_renewal(postgres_database, clock):
    one = Leases(postgres_database, owner="a", clock=clock, ttl_s=10)
    other = Leases(postgres_database, owner="b", clock=clock, ttl_s=10)
    assert await one.take("sweep")
    await one.renew()
    await other.renew()
    assert other.replicas == 2
    async with postgres_database.write() as connection:
        await connection.exec_driver_sql(
            "UPDATE leases SET expires_at = now() - interval '1 s' WHERE name = 'sweep'"
        )
    assert await other.take("sweep")
    assert other.fence("sweep") == 2

    await one.renew()

    assert not one.holds("sweep")
    assert one.names == ()
    await other.aclose()
    assert await one.take("sweep")
