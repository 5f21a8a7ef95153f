"""What the recorder writes down, on both databases."""

import random
from datetime import timedelta

import pytest

from aurora.db.repositories import health, incidents, pauses
from aurora.db.repositories.health import Observation
from aurora.db.repositories.incidents import Incident, IncidentKind
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.health import BreakerState, ProviderStatus
from aurora.providers.registry import ProviderRegistry
from aurora.resilience.events import PauseSet
from aurora.resilience.pause import Pause
from aurora.resilience.policy import GuardPolicy
from aurora.services.health_recorder import HealthRecorder
from aurora.services.provider_check import CheckableGuard
from tests.fakes.clock import START, FakeClock
from tests.fakes.health_room import HealthMarket, HealthRoom


class Notes:
    """A room with its recorder."""

    def __init__(self, database):
        self.database = database
        self.room = HealthRoom(database, ["vastai"], disabled=["render"])
        self.recorder = HealthRecorder(self.room.desk, database, clock=self.room.clock)
        self.room.hooks.add(self.recorder.on_event)

    async def rows(self):
        async with self.database.read() as connection:
            return await health.last(connection)

    async def spans(self):
        async with self.database.read() as connection:
            found = await incidents.since(connection, START - timedelta(days=1))
        return [(each.kind, each.started_at, each.ended_at) for each in found]


@pytest.fixture
def notes(database):
    return Notes(database)


def after(seconds: float):
    return START + timedelta(seconds=seconds)


async def test_the_first_tick_writes_every_provider_the_disabled_too(notes):
    await notes.recorder.tick()

    rows = await notes.rows()
    assert {name: row.status for name, row in rows.items()} == {
        "vastai": ProviderStatus.HEALTHY,
        "render": ProviderStatus.DISABLED,
    }
    assert rows["vastai"].success_rate is None


async def test_without_a_change_a_row_is_written_again_only_after_its_interval(notes):
    await notes.recorder.tick()
    notes.room.clock.advance(29)
    await notes.recorder.tick()
    early = (await notes.rows())["vastai"].observed_at
    notes.room.clock.advance(1)
    await notes.recorder.tick()

    assert early == START
    assert (await notes.rows())["vastai"].observed_at == after(30)


async def test_a_change_is_written_at_once_with_its_reason_and_trips(notes):
    await notes.recorder.tick()
    await notes.room.calls("vastai", failing=5)
    notes.room.clock.advance(1)
    await notes.recorder.tick()

    row = (await notes.rows())["vastai"]
    assert (row.status, row.breaker, row.trips) == (
        ProviderStatus.UNAVAILABLE,
        BreakerState.OPEN,
        1,
    )
    assert row.reason == "circuit open for read calls"


async def test_an_outage_is_one_span_from_its_first_to_its_last_tick(notes):
    await notes.recorder.tick()
    await notes.room.calls("vastai", failing=5)
    for _ in range(3):
        notes.room.clock.advance(5)
        await notes.recorder.tick()
    await notes.room.desk.reset("vastai", actor="ann")
    await notes.room.calls("vastai", ok=50)
    notes.room.clock.advance(5)
    await notes.recorder.tick()

    outage = [span for span in await notes.spans() if span[0] is not IncidentKind.BREAKER_RESET]
    assert outage == [(IncidentKind.UNAVAILABLE, after(5), after(20))]


async def test_the_desk_measures_uptime_from_what_was_recorded(notes):
    await notes.recorder.tick()
    await notes.room.calls("vastai", failing=5)
    notes.room.clock.advance(10)
    await notes.recorder.tick()
    await notes.room.desk.reset("vastai", actor="ann")
    notes.room.clock.advance(10)
    await notes.recorder.tick()

    assert notes.room.desk.summary()["uptime"]["vastai"]["uptime"] == 0.5


async def test_a_reset_is_recorded_with_who_and_when(notes):
    notes.room.clock.advance(7)

    answer = await notes.room.desk.reset("vastai", operation_class="read", actor="ann")

    async with notes.database.read() as connection:
        [found] = await incidents.since(connection, START)
    assert answer["reset"]["recorded"] is True
    assert found == Incident(
        "vastai",
        IncidentKind.BREAKER_RESET,
        after(7),
        ended_at=after(7),
        actor="ann",
        detail="closed read",
    )


async def test_a_short_pause_is_no_incident_and_a_long_one_is(notes):
    await notes.recorder.tick()
    guard = notes.room.guards["vastai"]
    guard.restore([Pause(None, after(10), "429", dated=False)])
    for _ in range(4):
        notes.room.clock.advance(5)
        await notes.recorder.tick()
    short = await notes.spans()

    guard.restore([Pause("search", after(600), "daily quota", dated=True)])
    for _ in range(4):
        notes.room.clock.advance(5)
        await notes.recorder.tick()

    assert short == []
    assert await notes.spans() == [(IncidentKind.DEGRADED, after(25), None)]


async def test_recovering_to_degraded_ends_the_outage_and_begins_the_next_span_where_it_ended(notes):
    await notes.recorder.tick()
    await notes.room.calls("vastai", failing=5)
    await notes.recorder.tick()
    notes.room.clock.advance(60)  # the circuit is half-open now
    for _ in range(4):
        await notes.recorder.tick()
        notes.room.clock.advance(5)

    assert await notes.spans() == [
        (IncidentKind.UNAVAILABLE, START, after(60)),
        (IncidentKind.DEGRADED, after(60), None),
    ]


async def test_spans_of_a_process_that_died_end_when_their_provider_was_last_seen(notes):
    long_ago = START - timedelta(hours=2)
    async with notes.database.write() as connection:
        await incidents.begin(connection, Incident("vastai", IncidentKind.UNAVAILABLE, long_ago))
        seen = Observation(
            "vastai",
            ProviderStatus.UNAVAILABLE,
            BreakerState.OPEN,
            trips=1,
            observed_at=long_ago + timedelta(minutes=3),
        )
        await health.save(connection, seen)

    await notes.recorder.tick()

    assert await notes.spans() == [(IncidentKind.UNAVAILABLE, long_ago, seen.observed_at)]


async def test_a_quick_restart_goes_on_with_the_open_span(notes):
    begun = START - timedelta(seconds=40)
    async with notes.database.write() as connection:
        await incidents.begin(connection, Incident("vastai", IncidentKind.UNAVAILABLE, begun))
        await health.save(
            connection,
            Observation(
                "vastai",
                ProviderStatus.UNAVAILABLE,
                BreakerState.OPEN,
                trips=1,
                observed_at=START - timedelta(seconds=10),
            ),
        )
    await notes.room.calls("vastai", failing=5)

    await notes.recorder.tick()

    assert await notes.spans() == [(IncidentKind.UNAVAILABLE, begun, None)]


async def test_dated_pauses_survive_a_restart_and_expired_ones_do_not(notes):
    guard = notes.room.guards["vastai"]
    guard.restore([Pause("search", after(3600), "daily quota", dated=True)])
    guard.restore([Pause(None, after(60), "maintenance", dated=True)])
    await notes.recorder.tick()
    clock = FakeClock(after(120))
    registry = ProviderRegistry()
    reborn = CheckableGuard("vastai", GuardPolicy(), clock=clock, rng=random.Random(1))
    registry.register("vastai", HealthMarket("vastai", guard=reborn, clock=clock), guard=reborn)

    restored = await HealthRecorder(notes.room.desk, notes.database, clock=clock).restore_pauses(registry)

    assert restored == 1
    assert reborn.view().pauses == (Pause("search", after(3600), "daily quota", dated=True),)
    async with notes.database.read() as connection:
        assert [each.endpoint for each in await pauses.current(connection, START)] == ["search"]


async def test_a_pause_that_was_written_is_not_written_again_after_its_end(notes):
    notes.recorder.on_event(PauseSet("vastai", None, after(60), "maintenance", dated=True))
    await notes.recorder.tick()
    for _ in range(2):
        notes.room.clock.advance(61)
        await notes.recorder.tick()

    async with notes.database.read() as connection:
        assert await pauses.current(connection, START) == []
    assert notes.recorder._pauses == {}


async def test_a_pause_of_a_provider_that_is_gone_restores_nothing(notes):
    notes.recorder.on_event(PauseSet("nowhere", None, after(60), "quota", dated=True))
    await notes.recorder.tick()

    assert await notes.recorder.restore_pauses(notes.room.registry) == 0


async def test_what_a_tick_could_not_write_the_next_one_writes(notes):
    await notes.recorder.tick()
    await notes.room.calls("vastai", failing=5)
    notes.recorder.on_event(PauseSet("vastai", "search", after(900), "quota", dated=True))
    working = notes.recorder._database
    notes.recorder._database = Refusing()
    with pytest.raises(DatabaseUnavailable):
        await notes.recorder.tick()
    notes.recorder._database = working
    notes.room.clock.advance(5)

    await notes.recorder.tick()

    assert await notes.spans() == [(IncidentKind.UNAVAILABLE, START, None)]
    async with notes.database.read() as connection:
        assert len(await pauses.current(connection, START)) == 1


class Refusing:
    """A database that is away."""

    def write(self):
        raise DatabaseUnavailable("away")
