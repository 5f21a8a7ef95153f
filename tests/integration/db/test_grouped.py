"""Whoever comes while a transaction is written goes into the next one, and answers for nobody else's rows."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.grouped import Grouped
from aurora.domain.errors import DatabaseUnavailable, NotFound
from tests.databases import Unreachable


class Bad(Exception):
    """Of one row."""


def commits(database: Database) -> list[object]:
    seen: list[object] = []
    for engine in database.engines:
        event.listen(engine, "commit", seen.append)
    return seen


async def tables(numbers: Sequence[int], connection: AsyncConnection) -> list[str | Exception]:
    """One table each; 13 breaks the transaction, 14 is refused."""
    found: list[str | Exception] = []
    for number in numbers:
        if number == 14:
            found.append(NotFound("14"))
            continue
        await connection.execute(text(f"CREATE TABLE grouped_{number} (id INTEGER)"))
        if number == 13:
            raise Bad
        found.append(f"made {number}")
    return found


async def made(database: Database) -> set[int]:
    kind = {
        "sqlite": "SELECT name FROM sqlite_master",
        "postgresql": "SELECT tablename FROM pg_catalog.pg_tables",
    }
    async with database.read() as connection:
        names = (await connection.execute(text(kind[database.dialect]))).scalars().all()
    return {int(name.removeprefix("grouped_")) for name in names if name.startswith("grouped_")}


async def test_those_who_come_together_share_a_transaction(database):
    seen = commits(database)
    grouped = Grouped(database, tables, largest=3)

    answers = await asyncio.gather(*(grouped.commit(number) for number in range(5)))

    assert answers == [f"made {number}" for number in range(5)]
    assert len(seen) == 2, "three and two"
    assert await made(database) == set(range(5))


async def test_one_that_is_refused_or_breaks_takes_nobody_with_it(database):
    grouped = Grouped(database, tables, largest=9)

    answers = await asyncio.gather(
        *(grouped.commit(number) for number in (1, 13, 2, 14)), return_exceptions=True
    )

    assert [type(one) for one in answers] == [str, Bad, str, NotFound]
    assert await made(database) == {1, 2}
    assert await grouped.commit(3) == "made 3"


async def test_whoever_is_cancelled_in_line_is_not_written(database):
    grouped = Grouped(database, tables, largest=1)
    tasks = [asyncio.create_task(grouped.commit(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) for one in answers] == [str, asyncio.CancelledError, str]
    assert await made(database) == {0, 2}


async def test_without_the_database_all_are_told(postgres_database):
    grouped = Grouped(Database(Unreachable(postgres_database.engine)), tables, largest=9)

    answers = await asyncio.gather(*(grouped.commit(number) for number in range(2)), return_exceptions=True)

    assert [type(one) for one in answers] == [DatabaseUnavailable] * 2
    assert answers[0] is not answers[1], "each raises its own"


@pytest.mark.parametrize("times", [1, 3])
async def test_one_alone_waits_for_nobody(sqlite_database, times):
    seen = commits(sqlite_database)
    grouped = Grouped(sqlite_database, tables, largest=9)

    for number in range(times):
        await grouped.commit(number)

    assert len(seen) == times
