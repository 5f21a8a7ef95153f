"""The shared token rows, on a real Postgres with callers that come at the same time."""

import asyncio
import time

import pytest

from aurora.db.repositories import rate_buckets
from aurora.db.repositories.rate_buckets import BucketRule, NoBucket, Want

ALL = BucketRule("vastai", capacity=10, per_second=50)
SEARCH = BucketRule("vastai/search", capacity=1, per_second=0.2)


async def ensured(database, *rules: BucketRule) -> None:
    async with database.write() as connection:
        await rate_buckets.ensure(connection, rules)


async def take(database, *wants: Want) -> float:
    async with database.write() as connection:
        return await rate_buckets.take(connection, wants)


async def test_a_bucket_starts_full_and_says_how_long_to_wait(postgres_database):
    await ensured(postgres_database, BucketRule("vastai", capacity=2, per_second=0.1))

    assert await take(postgres_database, Want("vastai", 1)) == 0
    assert await take(postgres_database, Want("vastai", 1)) == 0
    assert await take(postgres_database, Want("vastai", 1)) == pytest.approx(10, abs=1)


async def test_what_is_kept_back_is_not_taken(postgres_database):
    await ensured(postgres_database, BucketRule("vastai", capacity=5, per_second=0.1))

    took = [await take(postgres_database, Want("vastai", 1, keep=2)) for _ in range(4)]

    assert took[:3] == [0, 0, 0]
    assert took[3] > 0
    assert await take(postgres_database, Want("vastai", 1)) == 0


async def test_a_call_takes_of_all_its_buckets_or_of_none(postgres_database):
    await ensured(postgres_database, BucketRule("vastai", capacity=10, per_second=0.01), SEARCH)

    assert await take(postgres_database, Want("vastai", 1), Want("vastai/search", 1)) == 0
    assert await take(postgres_database, Want("vastai", 1), Want("vastai/search", 1)) > 4

    async with postgres_database.read() as connection:
        assert (await rate_buckets.levels(connection, ["vastai"]))["vastai"] == pytest.approx(9, abs=0.1)


async def test_a_bucket_that_nobody_made_is_said(postgres_database):
    with pytest.raises(NoBucket, match="akash"):
        await take(postgres_database, Want("akash", 1))


async def test_new_numbers_keep_what_was_used(postgres_database):
    await ensured(postgres_database, BucketRule("vastai", capacity=10, per_second=0.01))
    await take(postgres_database, Want("vastai", 7))
    await ensured(postgres_database, BucketRule("vastai", capacity=5, per_second=0.01))

    async with postgres_database.read() as connection:
        assert (await rate_buckets.levels(connection, ["vastai"]))["vastai"] == pytest.approx(3, abs=0.1)


async def test_a_charge_may_overdraw(postgres_database):
    await ensured(postgres_database, BucketRule("vastai", capacity=10, per_second=1))
    async with postgres_database.write() as connection:
        await rate_buckets.charge(connection, "vastai", amount=64)

    assert await take(postgres_database, Want("vastai", 1)) == pytest.approx(55, abs=1)


async def test_eight_callers_at_once_never_get_more_than_the_bucket_holds(postgres_database):
    await ensured(postgres_database, ALL)
    granted = 0
    started = time.monotonic()

    async def caller() -> None:
        nonlocal granted
        while time.monotonic() - started < 1.0:
            wait = await take(postgres_database, Want("vastai", 1))
            if wait == 0:
                granted += 1
            await asyncio.sleep(wait)

    await asyncio.gather(*(caller() for _ in range(8)))
    seconds = time.monotonic() - started

    assert granted <= ALL.capacity + ALL.per_second * seconds
    assert granted >= 0.8 * (ALL.capacity + ALL.per_second * 1.0)
