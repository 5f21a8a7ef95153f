"""Deployments that fail over at the same time share what the next offer has, and know of each other."""

from tests.unit.lifecycle.world import offer, setting


async def test_two_of_one_replica_fail_over_to_an_offer_that_has_room_for_both(postgres_database):
    listed = [offer("a", usd="1.00", available=2), offer("b", usd="1.10", available=2)]
    async with setting(postgres_database, offers=listed) as made:
        world = await made.boot()
        ids = [await world.deploy() for _ in range(2)]
        made.providers["fake"].market.remove_offer("a")

        running = [await world.until(one, "running", within=60) for one in ids]

        assert [view.current.offer_id for view in running] == ["fake:b", "fake:b"]
        assert world.seen.failures == []
