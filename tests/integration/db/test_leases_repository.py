"""Lease rows: one holder at a time, by the database's clock."""

import asyncio

from aurora.db.repositories import leases


async def take(database, owner: str, *, ttl_s: float = 30.0, name: str = "sweep") -> int | None:
    async with database.write() as connection:
        return await leases.take(connection, name, owner=owner, ttl_s=ttl_s)


async def test_of_eight_that_come_at_once_one_gets_it(postgres_database):
    got = await asyncio.gather(*(take(postgres_database, f"r{n}") for n in range(8)))

    assert sorted(got, key=str) == [1, *[None] * 7]


async def test_the_holder_renews_and_keeps_its_fence(postgres_database):
    assert await take(postgres_database, "a") == 1
    assert await take(postgres_database, "b") is None
    assert await take(postgres_database, "a") == 1

    async with postgres_database.write() as connection:
        assert await leases.renew(connection, ["sweep", "other"], owner="a", ttl_s=30) == {"sweep"}


async def test_after_its_time_another_takes_it_with_the_next_fence(postgres_database):
    assert await take(postgres_database, "a", ttl_s=0.01) == 1
    await asyncio.sleep(0.02)

    assert await take(postgres_database, "b") == 2
    assert await take(postgres_database, "a") is None
    async with postgres_database.write() as connection:
        assert await leases.renew(connection, ["sweep"], owner="a", ttl_s=30) == frozenset()


async def test_what_is_given_back_is_free_at_once(postgres_database):
    await take(postgres_database, "a")
    await take(postgres_database, "a", name="sync:vastai")
    async with postgres_database.write() as connection:
        await leases.release(connection, owner="a", name="sweep")

    assert await take(postgres_database, "b") == 2
    assert await take(postgres_database, "b", name="sync:vastai") is None
    async with postgres_database.write() as connection:
        await leases.release(connection, owner="a")
    assert await take(postgres_database, "b", name="sync:vastai") == 2


async def test_the_living_are_listed_and_the_dead_forgotten(postgres_database):
    await take(postgres_database, "a", name="replica:a")
    await take(postgres_database, "b", name="replica:b", ttl_s=0.01)
    await take(postgres_database, "a", name="sync:vastai")
    await asyncio.sleep(0.02)

    async with postgres_database.write() as connection:
        assert await leases.live(connection, "replica:") == {"replica:a": "a"}
        await leases.forget(connection, "replica:", after_s=0)
    assert await take(postgres_database, "b", name="replica:b") == 1
