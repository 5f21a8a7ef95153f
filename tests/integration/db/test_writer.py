"""Whole transactions in one thread: all or nothing, as on any connection, and nobody writes in between."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.engine import create_engine, create_writer
from aurora.db.tables import tenants
from aurora.domain.clock import SystemClock
from tests.databases import Databases

NOW = SystemClock().now()


@pytest.fixture
async def own(databases: Databases, tmp_path: Path) -> AsyncIterator[Database]:
    engine = create_engine(await databases.sqlite_url(tmp_path / "aurora.db"))
    yield Database(engine, writer=create_writer(engine))
    await engine.dispose()


def _tenant(name: str) -> dict[str, Any]:
    return {"id": name, "limits": {}, "created_at": NOW}


async def _names(database: Database) -> set[str]:
    async with database.read() as connection:
        return {row.id for row in await connection.execute(select(tenants.c.id))} - {"default"}


async def _whole(database: Database, job: Any) -> Any:
    return await database.transact(job)


def _adds(*names: str) -> Any:
    async def job(connection: AsyncConnection) -> str:
        assert connection.dialect.name == "sqlite"
        for name in names:
            await connection.execute(insert(tenants), _tenant(name))
        found = await connection.execute(select(tenants.c.id).where(tenants.c.id == names[0]))
        return f"{found.scalar_one()} in {threading.current_thread().name}"

    return job


async def test_a_job_is_committed_and_gives_its_result_from_a_thread_of_its_own(own: Database) -> None:
    assert (await _whole(own, _adds("a", "b"))).startswith("a in aurora-writer")
    assert await _names(own) == {"a", "b"}


async def test_a_job_that_fails_leaves_nothing(own: Database) -> None:
    with pytest.raises(IntegrityError):
        await _whole(own, _adds("a", "b", "a"))
    assert await _names(own) == set()


async def test_other_transactions_take_turns_with_it(own: Database) -> None:
    async def plain(name: str) -> None:
        async with own.write() as connection:
            await connection.execute(insert(tenants), _tenant(name))

    await asyncio.gather(
        *(_whole(own, _adds(f"t{n}")) for n in range(10)), *(plain(f"p{n}") for n in range(10))
    )

    assert len(await _names(own)) == 20


async def test_a_cancelled_job_is_over_before_the_next_begins(own: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def slow(connection: AsyncConnection) -> None:
        await connection.execute(insert(tenants), _tenant("slow"))
        begun.set()
        go_on.wait(5)

    waiting = asyncio.create_task(_whole(own, slow))
    await asyncio.to_thread(begun.wait, 5)
    waiting.cancel()
    after = asyncio.create_task(_whole(own, _adds("after")))
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await after

    assert await _names(own) == {"slow", "after"}


async def test_a_job_may_wait_for_nothing_but_its_connection(own: Database) -> None:
    elsewhere = asyncio.get_running_loop().create_future()

    async def dawdles(connection: AsyncConnection) -> None:
        await connection.execute(insert(tenants), _tenant("dawdles"))
        await elsewhere

    with pytest.raises(RuntimeError, match="waited for something else"):
        await _whole(own, dawdles)
    assert await _names(own) == set()


async def test_a_job_may_give_way_and_read_a_stream(own: Database) -> None:
    async def job(connection: AsyncConnection) -> list[str]:
        await connection.execute(insert(tenants), [_tenant(f"t{n}") for n in range(5)])
        await asyncio.sleep(0)
        rows = await connection.stream(select(tenants.c.id).where(tenants.c.id != "default"))
        return [row.id async for portion in rows.partitions(2) for row in portion]

    assert sorted(await own.transact(job)) == [f"t{n}" for n in range(5)]


async def test_only_a_sqlite_file_has_a_writer() -> None:
    memory, postgres = create_engine("sqlite://"), create_engine("postgresql://user@localhost/x")

    assert create_writer(memory) is None
    assert create_writer(postgres) is None
