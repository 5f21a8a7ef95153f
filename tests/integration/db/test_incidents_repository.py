"""Spans of bad health and moments of human action, on both databases."""

from datetime import timedelta

from aurora.db.repositories import incidents
from aurora.db.repositories.incidents import Incident, IncidentKind
from tests.fakes.clock import START

DOWN = Incident("vastai", IncidentKind.UNAVAILABLE, START, detail="circuit open")
MINUTE = timedelta(minutes=1)


async def test_a_span_is_open_until_it_is_ended(database):
    async with database.write() as connection:
        await incidents.begin(connection, DOWN)
        assert await incidents.open_spans(connection) == [DOWN]
        await incidents.end(connection, "vastai", kinds=[IncidentKind.UNAVAILABLE], at=START + MINUTE)
        assert await incidents.open_spans(connection) == []

        [ended] = await incidents.since(connection, START)
        assert (ended.started_at, ended.ended_at) == (START, START + MINUTE)


async def test_a_span_that_is_open_already_is_not_opened_twice(database):
    again = Incident("vastai", IncidentKind.UNAVAILABLE, START + MINUTE, detail="circuit open")

    async with database.write() as connection:
        await incidents.begin(connection, DOWN)
        await incidents.begin(connection, again)

        assert await incidents.open_spans(connection) == [DOWN]


async def test_a_span_may_open_again_after_its_end(database):
    again = Incident("vastai", IncidentKind.UNAVAILABLE, START + 2 * MINUTE)

    async with database.write() as connection:
        await incidents.begin(connection, DOWN)
        await incidents.end(connection, "vastai", kinds=[IncidentKind.UNAVAILABLE], at=START + MINUTE)
        await incidents.begin(connection, again)

        assert await incidents.open_spans(connection) == [again]


async def test_ending_touches_only_the_provider_and_the_kinds_that_are_named(database):
    slow = Incident("vastai", IncidentKind.DEGRADED, START)
    other = Incident("akash", IncidentKind.UNAVAILABLE, START)

    async with database.write() as connection:
        for span in (DOWN, slow, other):
            await incidents.begin(connection, span)
        await incidents.end(connection, "vastai", kinds=[IncidentKind.UNAVAILABLE], at=START + MINUTE)

        assert await incidents.open_spans(connection) == [slow, other]


async def test_history_has_what_touches_the_time_asked_for_and_who_acted(database):
    reset = Incident(
        "vastai", IncidentKind.BREAKER_RESET, START, ended_at=START, actor="ann", detail="closed read"
    )

    async with database.write() as connection:
        await incidents.add(connection, reset)
        await incidents.begin(connection, DOWN)

        assert await incidents.since(connection, START - MINUTE) == [reset, DOWN]
        assert await incidents.since(connection, START + MINUTE) == [DOWN]
        assert await incidents.since(connection, START - MINUTE, provider="akash") == []
