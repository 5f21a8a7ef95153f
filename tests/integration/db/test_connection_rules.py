"""What every connection is told, and that one in steady use is not asked again and again whether it lives."""

import asyncio
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import event, text

from aurora.db.database import Database
from aurora.db.engine import create_engine

_TRUSTED_S = 0.1
_TIMES = 10


@pytest.mark.parametrize(("statement_s", "shown"), [(30, "30s"), (None, "0")])
async def test_postgres_bounds_statements_locks_and_forgotten_transactions(databases, statement_s, shown):
    async with databases.postgres_url() as url:
        engine = create_engine(url, application="bounded", statement_s=statement_s)
        async with Database(engine).read() as connection:
            found = [
                (await connection.execute(text(f"SHOW {name}"))).scalar_one()
                for name in (
                    "application_name",
                    "statement_timeout",
                    "lock_timeout",
                    "idle_in_transaction_session_timeout",
                )
            ]
        await engine.dispose()

    assert found == ["bounded", shown, "5s", "30s"]


async def test_one_in_steady_use_is_not_asked_although_it_is_old(databases):
    async with databases.postgres_url() as url:
        engine = create_engine(url, trusted_s=_TRUSTED_S)
        asked: list[str] = []

        def connected(connection: Any, _record: Any) -> None:
            connection.driver_connection.add_query_logger(lambda found: asked.append(found.query))

        event.listen(engine.sync_engine, "connect", connected)
        database, began, rested = Database(engine), monotonic(), 0
        while monotonic() - began <= 1.5 * _TRUSTED_S:
            before = monotonic()
            async with database.read() as connection:
                rested += monotonic() - before > _TRUSTED_S  # on a machine that stands still
                await connection.execute(text("SELECT 1"))
        await engine.dispose()

    assert asked.count("BEGIN;") > 1
    assert asked.count(";") <= rested


async def test_two_processes_on_one_sqlite_file_lose_no_update_and_refuse_none(sqlite_database):
    """Two engines stand for them: nothing but the file's lock is between the two."""
    both = [Database(create_engine(str(sqlite_database.engine.url))) for _ in range(2)]
    async with sqlite_database.write() as connection:
        await connection.exec_driver_sql("CREATE TABLE counted (n INTEGER)")
        await connection.exec_driver_sql("INSERT INTO counted VALUES (0)")

    async def count(database: Database) -> None:
        for _ in range(_TIMES):
            async with database.write() as connection:
                n = (await connection.execute(text("SELECT n FROM counted"))).scalar_one()
                await connection.execute(text("UPDATE counted SET n = :n"), {"n": n + 1})

    await asyncio.gather(*(count(database) for database in both))

    async with sqlite_database.read() as connection:
        assert (await connection.execute(text("SELECT n FROM counted"))).scalar_one() == 2 * _TIMES
    for database in both:
        await database.engine.dispose()
