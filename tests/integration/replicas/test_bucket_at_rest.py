"""A bucket that nobody asked for a long time is full, and no fuller."""

from sqlalchemy import text

from aurora.db.repositories import rate_buckets
from aurora.db.repositories.rate_buckets import BucketRule, Want

RULE = BucketRule("vastai", capacity=10, per_second=1)


async def test_rest_fills_a_bucket_to_its_brim_only(postgres_database):
    async with postgres_database.write() as connection:
        await rate_buckets.ensure(connection, [RULE])
        await connection.execute(text("UPDATE rate_buckets SET at = at - interval '1 h'"))

        assert await rate_buckets.take(connection, [Want("vastai", 10)]) == 0
        assert await rate_buckets.take(connection, [Want("vastai", 1)]) > 0
        level = (await rate_buckets.levels(connection, ["vastai"]))["vastai"]

    assert 0 <= level < 1
