"""The last free machine is won once, however many replicas decide at the same time."""

import asyncio
from datetime import timedelta

from aurora.db.repositories import claims, holds
from aurora.db.repositories.holds import Hold
from aurora.domain.errors import OfferGone
from aurora.domain.operation import Operation
from tests.unit.lifecycle.world import CALLER, offer, request, setting


async def test_of_two_replicas_that_route_to_the_last_free_slot_one_wins(postgres_database):
    async with setting(postgres_database, offers=[offer("a")]) as made:
        one, other = await made.boot(), await made.boot()

        answers = await asyncio.gather(
            *(each.routing.route(request(), caller=CALLER) for each in (one, other))
        )

        assert sorted(answer.status for answer in answers) == ["no_capacity", "provisioning"]
        async with postgres_database.read() as connection:
            assert len(await holds.present(connection, now=made.clock.now())) == 1


async def test_of_twenty_requests_at_two_replicas_exactly_as_many_win_as_there_are_slots(postgres_database):
    listed = [offer("a", available=5), offer("b", usd="1.10", available=2)]
    async with setting(postgres_database, offers=listed) as made:
        worlds = [await made.boot(), await made.boot()]

        answers = await asyncio.gather(
            *(world.routing.route(request(), caller=CALLER) for world in worlds for _ in range(10))
        )

        won = [answer for answer in answers if answer.deployment_id is not None]
        assert len(won) == 7
        async with postgres_database.read() as connection:
            present = await holds.present(connection, now=made.clock.now())
        assert sorted(hold.offer_id for hold in present) == ["fake:a"] * 5 + ["fake:b"] * 2


async def test_machines_that_two_offers_share_are_won_once(postgres_database):
    listed = [offer("a", resources=["gpu-1", "gpu-2"]), offer("b", resources=["gpu-2"])]
    async with setting(postgres_database, offers=listed) as made:
        one, other = await made.boot(), await made.boot()

        answers = await asyncio.gather(
            *(each.routing.route(request(), caller=CALLER) for each in (one, other))
        )

        assert sorted(answer.status for answer in answers) == ["no_capacity", "provisioning"]


async def test_a_failover_does_not_take_what_another_replica_holds(postgres_database):
    listed = [offer("a", usd="1.00"), offer("b", usd="1.10"), offer("c", usd="1.20")]
    async with setting(postgres_database, offers=listed) as made:
        world = await made.boot()
        moving = await world.deploy()
        elsewhere = Hold(
            provider="fake",
            offer_id="fake:b",
            resources=frozenset(),
            reason="attempt",
            held_at=made.clock.now(),
            deployment_id="dep-elsewhere",
            attempt=1,
        )
        async with postgres_database.write() as connection:
            await holds.add(connection, elsewhere)
        made.providers["fake"].script.fail_next(Operation.CREATE, OfferGone("fake", "taken"))

        running = await world.until(moving, "running")

        assert [attempt.offer_id for attempt in running.attempts] == ["fake:a", "fake:c"]
        assert world.seen.failures == []
        assert (await world.kinds(moving)).count("fail_over") == 1
        async with postgres_database.read() as connection:
            held = await holds.present(connection, now=made.clock.now())
        assert sorted(hold.offer_id for hold in held if hold.reason == "attempt") == ["fake:b", "fake:c"]


async def test_two_workers_never_have_one_deployment_at_once_and_the_living_takes_over_from_the_dead(
    postgres_database,
):
    async with setting(postgres_database, offers=[offer(str(n)) for n in range(6)]) as made:
        one, other = await made.boot(), await made.boot()
        wanted = [await one.deploy() for _ in range(6)]

        claimed = await asyncio.gather(*(_claimed(postgres_database, made, f"worker-{n}") for n in range(2)))

        assert sorted(claimed[0] + claimed[1]) == sorted(wanted)
        made.clock.advance(149)
        assert await _claimed(postgres_database, made, "late") == []
        made.clock.advance(2)
        for deployment in wanted:
            await other.until(deployment, "running")
        assert len(made.providers["fake"].market.live()) == 6


async def _claimed(database, made, claim: str) -> list[str]:
    now = made.clock.now()
    async with database.write() as connection:
        until = now + timedelta(seconds=made.policy.claim_s)
        views = await claims.take_due(connection, now=now, until=until, claim=claim, limit=4)
    return [view.deployment.id for view in views]


async def test_holds_on_shared_machines_are_found_by_an_index(postgres_database):
    """Every route asks for them: without an index each would take all holds' lists of machines apart."""
    async with postgres_database.write() as connection:
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = await connection.exec_driver_sql(
            "EXPLAIN SELECT * FROM capacity_holds WHERE offer_id = ANY('{fake:a}')"
            " OR (CAST(resources AS jsonb) ?| CAST('{gpu-1}' AS text[]) AND provider = 'fake')"
        )
        told = "\n".join(row[0] for row in plan)
    assert "ix_capacity_holds_shared" in told
    assert "Seq Scan" not in told
