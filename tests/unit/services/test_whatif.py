"""The what-if desk asks about the present market and changes nothing."""

from dataclasses import replace
from decimal import Decimal

from sqlalchemy import func, select

from aurora.db import tables
from aurora.services.policy_desk import PolicyDesk
from aurora.services.whatif import WhatIfDesk
from tests.unit.lifecycle.world import CALLER, World, offer, request, setting


def desk(world: World, policies: PolicyDesk) -> WhatIfDesk:
    return WhatIfDesk(world.market, policies, clock=world.clock, offer_max_age_s=900.0)


async def rows(world: World) -> int:
    async with world.database.read() as connection:
        return sum(
            [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (tables.decisions, tables.deployments, tables.attempts, tables.capacity_holds)
            ]
        )


async def test_it_answers_from_the_present_market_and_writes_and_holds_nothing(sqlite_database):
    async with setting(sqlite_database, offers=[offer("1", usd="5.00")]) as stage:
        world = await stage.boot()

        found = desk(world, PolicyDesk()).ask(request())

        assert found.baseline.chosen is None
        assert [str(one.changes[0].instead) for one in found.alternatives] == ["5.00"]
        assert await rows(world) == 0
        assert world.market.holds() == ()


async def test_following_its_advice_deploys(sqlite_database):
    async with setting(sqlite_database, offers=[offer("1", usd="5.00")]) as stage:
        world = await stage.boot()
        [change] = desk(world, PolicyDesk()).ask(request()).alternatives

        followed = replace(request(), max_price=Decimal(change.changes[0].instead))
        answer = await world.routing.route(followed, caller=CALLER)

    assert (answer.status, answer.offer_id) == ("provisioning", change.best.offer_id)


async def test_capacity_that_is_taken_is_not_offered(sqlite_database):
    offers = [offer("1"), offer("2", usd="5.00")]
    async with setting(sqlite_database, offers=offers) as stage:
        world = await stage.boot()
        await world.deploy()

        found = desk(world, PolicyDesk()).ask(request())

    assert found.baseline.counts == {"price": 1, "capacity": 1, "ranked": 0}
    assert [one.best.offer_id for one in found.alternatives] == ["fake:2"]


async def test_it_takes_no_turn(sqlite_database):
    policies = PolicyDesk()
    async with setting(sqlite_database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        asked = request(policy="round-robin")

        desk(world, policies).ask(asked)

    assert policies.in_turn(asked, taken=True).seed == 0
