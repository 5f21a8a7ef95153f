"""Steps that end at the same time share a transaction, and lose none of their promises by it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event

from aurora.db.repositories import claims
from aurora.domain.errors import OfferGone
from aurora.domain.operation import Operation
from aurora.lifecycle.pages import Ask, ClaimLost
from aurora.lifecycle.work import Work
from aurora.providers.fake import Pace
from tests.unit.lifecycle.world import CALLER, World, offer, setting


def commits(world: World) -> list[object]:
    seen: list[object] = []
    for engine in world.database.engines:
        event.listen(engine, "commit", seen.append)
    return seen


async def claimed(world: World) -> list[Work]:
    now = world.clock.now()
    ask = Ask("mine", now, now + timedelta(seconds=150), 50)
    found = await world.context.journal.take_due(ask)
    return [Work(view, now=now) for view in found.views]


async def test_looks_that_are_due_together_are_two_transactions_however_many_they_are(database):
    async with setting(database, offers=[offer(str(number)) for number in range(8)]) as stage:
        world = await stage.boot()
        ids = [await world.deploy() for _ in range(8)]
        for one in ids:
            await world.until(one, "running")
        stage.clock.advance(20)
        seen = commits(world)

        assert await world.reconciler.run_once() == 8

        assert len(seen) == 2, "one claims them, one writes what they saw"


async def test_an_end_that_is_asked_for_between_two_steps_of_one_claim_is_obeyed(database):
    async with setting(database, offers=[offer("a")], pace=Pace(boot_s=0)) as stage:
        world = await stage.boot()
        one = await world.deploy()
        [work] = await claimed(world)
        await world.desk.terminate(one, caller=CALLER)

        await world.context.journal.go_on(work, claim_s=150)

        assert work.ending
        assert work.loaded.claim == "mine"
        assert (await world.view(one)).deployment.claimed_until == stage.clock.now() + timedelta(seconds=150)


async def test_one_that_was_taken_over_takes_nobody_with_it(database):
    async with setting(database, offers=[offer("a"), offer("b")]) as stage:
        world = await stage.boot()
        for _ in range(2):
            await world.deploy()
        lost, good = await claimed(world)
        async with database.write() as connection:
            await claims.write(connection, [(lost.loaded, {"claim": "another"})])
        lost.event("odd", "never written")
        good.event("odd", "written")
        journal = world.context.journal

        both = [journal.finish(lost), journal.finish(good)]
        first, second = await asyncio.gather(*both, return_exceptions=True)

        assert isinstance(first, ClaimLost)
        assert second == good.now + timedelta(seconds=5)
        assert "odd" in await world.kinds(good.deployment.id)
        assert "odd" not in await world.kinds(lost.deployment.id)


async def test_on_postgres_what_another_replica_took_is_told_to_its_own_page_only(postgres_database):
    async with setting(postgres_database, offers=[offer(name) for name in "abcd"]) as stage:
        one, other = await stage.boot(), await stage.boot()
        ids = [await one.deploy() for _ in range(2)]
        stage.providers["fake"].script.fail_next(Operation.CREATE, OfferGone("fake", "taken"))
        await other.deploy()

        for deployment in ids:
            await one.until(deployment, "running")

        assert one.seen.failures == []
        taken = [(await one.view(deployment)).current.offer_id for deployment in ids]
        assert len(set(taken)) == 2


async def test_what_did_not_change_is_not_written_again(database):
    async with setting(database, offers=[offer("a")]) as stage:
        world = await stage.boot()
        one = await world.deploy()
        await world.until(one, "running")
        stage.clock.advance(20)
        [work] = await claimed(world)
        async with database.write() as connection:
            # the market's own word about the price, written by hand: the step that knows nothing of it leaves it
            price = {"quoted_usd_per_hour": Decimal("0.5")}
            await claims.write_attempts(connection, [((one, 1), price)])
        work.change_attempt(work.attempts[1], billed_s=7.0)

        await world.context.journal.finish(work)

        attempt = (await world.view(one)).attempts[0]
        assert (attempt.billed_s, attempt.quoted_usd_per_hour) == (7.0, Decimal("0.5"))


@pytest.mark.parametrize("changes", [{}, {"allowed_s": 1.0}])
async def test_a_change_to_what_is_there_already_is_none(database, changes):
    async with setting(database, offers=[offer("a")]) as stage:
        world = await stage.boot()
        await world.deploy()
        [work] = await claimed(world)
        before = work.deployment

        work.change(**changes, phase=before.phase)

        assert (work.deployment is before) is not bool(changes)
        assert work.deployment == replace(before, **changes)


async def test_looks_at_running_ones_fall_on_whole_seconds_and_never_later_than_they_should(database):
    async with setting(database, offers=[offer("a")], pace=Pace(boot_s=0)) as stage:
        world = await stage.boot()
        stage.clock.advance(0.3)
        one = await world.deploy()
        await world.reconciler.run_once()

        due_at = (await world.view(one)).deployment.due_at

        assert due_at is not None
        assert due_at.microsecond == 0
        assert 9 <= (due_at - stage.clock.now()).total_seconds() <= stage.policy.running_poll
