"""Who is told of what a step found: of what was committed all of it, of the rest that it is free again."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from aurora.db.repositories import claims, holds
from aurora.db.tables import decision_outcomes
from aurora.domain.errors import OfferGone
from aurora.domain.operation import Operation
from aurora.lifecycle.pages import Ask, ClaimLost
from aurora.lifecycle.steps.fail_over import fail_over
from aurora.lifecycle.work import Work
from tests.unit.lifecycle.world import CALLER, World, offer, setting


def held(world: World) -> list[str]:
    return sorted(hold.offer_id for hold in world.overlay.present(world.clock.now()) if hold.attempt)


async def test_what_is_chosen_anew_is_held_and_how_it_went_is_told(database):
    async with setting(database, offers=[offer("a"), offer("b", usd="1.10")]) as stage:
        world = await stage.boot()
        one = await world.deploy()
        assert held(world) == ["fake:a"]
        stage.providers["fake"].script.fail_next(Operation.CREATE, OfferGone("fake", "taken"))

        running = await world.until(one, "running")

        assert running.current.offer_id == "fake:b"
        assert held(world) == ["fake:b"]
        assert [outcome.attempt for outcome in world.seen.outcomes] == [1, 2]


async def test_what_was_refused_is_closed_to_other_decisions_for_a_while(database):
    async with setting(database, offers=[offer("a", available=3), offer("b", usd="1.10")]) as stage:
        world = await stage.boot()
        one = await world.deploy()
        stage.providers["fake"].script.fail_next(Operation.CREATE, OfferGone("fake", "taken"))
        await world.until(one, "running")

        refused = [hold for hold in world.overlay.present(world.clock.now()) if hold.attempt is None]

        assert [hold.offer_id for hold in refused] == ["fake:a"]


async def test_what_was_chosen_and_never_committed_is_free_again(database):
    async with setting(database, offers=[offer("a"), offer("b", usd="1.10")]) as stage:
        world = await stage.boot()
        await world.deploy()
        now = world.clock.now()
        due = await world.context.journal.take_due(Ask("mine", now, now + timedelta(seconds=150), 50))
        work = Work(due.views[0], now=now)
        async with database.write() as connection:
            await claims.write(connection, [(work.loaded, {"claim": "another"})])
        fail_over(world.context, work, reason="taken")
        assert held(world) == ["fake:a", "fake:b"]
        with pytest.raises(ClaimLost):
            await world.context.journal.finish(work)

        world.context.journal.drop(work)

        assert held(world) == ["fake:a"]


async def test_what_was_learned_and_held_is_in_the_database_as_long_as_it_counts(database):
    async with setting(database, offers=[offer("a")]) as stage:
        world = await stage.boot()
        one = await world.deploy()
        await world.until(one, "running")
        async with database.read() as connection:
            [launched] = await holds.present(connection, now=world.clock.now())
            known = list(await connection.execute(select(decision_outcomes.c.attempt)))
        assert launched.launched_at is not None
        assert [row.attempt for row in known] == [1]

        await world.desk.terminate(one, caller=CALLER)
        await world.until(one, "terminated")

        async with database.read() as connection:
            assert list(await holds.present(connection, now=world.clock.now())) == []
        assert held(world) == []
