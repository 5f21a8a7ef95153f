"""A deadlock's victim is run again, as a whole: provoked on a real Postgres."""

import asyncio

import pytest
from sqlalchemy import text

from aurora.db.database import Database
from aurora.domain.errors import DatabaseUnavailable


@pytest.fixture
async def accounts(postgres_database) -> Database:
    async with postgres_database.write() as connection:
        await connection.execute(text("CREATE TABLE accounts (id integer PRIMARY KEY, n integer NOT NULL)"))
        await connection.execute(text("INSERT INTO accounts VALUES (1, 0), (2, 0)"))
    return postgres_database


PATIENCE = {1: "SET LOCAL deadlock_timeout = '20ms'", 2: "SET LOCAL deadlock_timeout = '5s'"}
"""Who looks for a deadlock first is its victim: with the same patience both may be."""


async def added(connection, account: int) -> None:
    await connection.execute(text("UPDATE accounts SET n = n + 1 WHERE id = :id"), {"id": account})


async def both_at_once(database: Database, runs: list[int]) -> list[object]:
    """Two transactions that take two rows in opposite order, each waiting until the other has its first."""
    meeting = asyncio.Barrier(2)

    async def crossing(connection, first: int, second: int) -> None:
        runs.append(first)
        await connection.execute(text(PATIENCE[first]))
        await added(connection, first)
        if runs.count(first) == 1:
            async with asyncio.timeout(2):
                await meeting.wait()
        await added(connection, second)

    return await asyncio.gather(
        database.transact(lambda connection: crossing(connection, 1, 2)),
        database.transact(lambda connection: crossing(connection, 2, 1)),
        return_exceptions=True,
    )


async def test_the_victim_runs_again_and_both_are_committed_once(accounts):
    runs: list[int] = []

    assert await both_at_once(accounts, runs) == [None, None]

    assert len(runs) == 3
    async with accounts.read() as connection:
        assert (await connection.execute(text("SELECT n FROM accounts ORDER BY id"))).scalars().all() == [
            2,
            2,
        ]


async def test_a_write_that_is_not_repeated_says_that_it_could_not_be_done_now(accounts):
    meeting = asyncio.Barrier(2)

    async def crossing(first: int, second: int) -> None:
        async with accounts.write() as connection:
            await connection.execute(text(PATIENCE[first]))
            await added(connection, first)
            await meeting.wait()
            await added(connection, second)

    ended = await asyncio.gather(crossing(1, 2), crossing(2, 1), return_exceptions=True)

    assert [type(each) for each in ended if each is not None] == [DatabaseUnavailable]


async def test_what_is_no_deadlock_is_not_repeated(accounts):
    runs = 0

    async def wrong(connection) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(text("INSERT INTO accounts VALUES (1, 0)"))

    with pytest.raises(Exception, match="duplicate key"):
        await accounts.transact(wrong)
    assert runs == 1
