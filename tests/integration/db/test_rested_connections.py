"""A connection that broke while it rested is noticed before it is used, or costs one transaction and no more."""

import asyncio

import pytest
from sqlalchemy import text

from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.domain.errors import DatabaseUnavailable

_CUT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database() AND application_name = 'rested'"
)


async def one(database: Database) -> int:
    async with database.read() as connection:
        return (await connection.execute(text("SELECT 1"))).scalar_one()


async def several_then_cut(mine: Database, other: Database) -> None:
    await asyncio.gather(*(one(mine) for _ in range(4)))
    async with other.write() as connection:
        cut = list(await connection.execute(_CUT))
    assert len(cut) >= 1


async def test_one_that_has_rested_for_long_is_asked_first(databases):
    async with databases.postgres_url() as url:
        mine, other = (
            Database(create_engine(url, application=name, trusted_s=0.0)) for name in ("rested", "other")
        )
        await several_then_cut(mine, other)

        assert await asyncio.gather(*(one(mine) for _ in range(4))) == [1] * 4
        for each in (mine, other):
            await each.engine.dispose()


async def test_one_that_was_used_a_moment_ago_costs_one_transaction(databases):
    async with databases.postgres_url() as url:
        mine, other = (
            Database(create_engine(url, application=name, trusted_s=60.0)) for name in ("rested", "other")
        )
        await several_then_cut(mine, other)

        with pytest.raises(DatabaseUnavailable):
            await one(mine)
        assert await asyncio.gather(*(one(mine) for _ in range(4))) == [1] * 4
        for each in (mine, other):
            await each.engine.dispose()
