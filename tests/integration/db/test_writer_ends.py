"""A writer's jobs come one after the other, belong to their request, and end with the engine."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from aurora.db.engine import create_engine, create_writer
from aurora.db.writer import Writer
from aurora.domain import request_id
from tests.databases import Databases


@pytest.fixture
async def engine(databases: Databases, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    found = create_engine(await databases.sqlite_url(tmp_path / "aurora.db"))
    yield found
    await found.dispose()


@pytest.fixture
def writer(engine: AsyncEngine) -> Writer:
    found = create_writer(engine)
    assert found is not None
    return found


class Gate:
    """A job that stays in the middle of its transaction until it may go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    async def job(self, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("CREATE TABLE gated (id INTEGER)")
        self.begun.set()
        assert self.go_on.wait(5)


async def _asked(connection: AsyncConnection) -> str | None:
    await connection.exec_driver_sql("SELECT 1")
    return request_id.current()


async def test_whoever_is_cancelled_leaves_only_when_the_job_is_over(writer: Writer) -> None:
    gate = Gate()
    waiting = asyncio.create_task(writer.run(gate.job))
    await asyncio.to_thread(gate.begun.wait, 5)

    waiting.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    gate.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async def reads(connection: AsyncConnection) -> int:
        found = await connection.exec_driver_sql("SELECT count(*) FROM gated")
        return int(found.scalar_one())

    assert await writer.run(reads) == 0


async def test_no_job_begins_before_the_one_before_it_is_over(writer: Writer) -> None:
    gate, early = Gate(), threading.Event()

    async def second(connection: AsyncConnection) -> None:
        early.set()
        await _asked(connection)

    first = asyncio.create_task(writer.run(gate.job))
    await asyncio.to_thread(gate.begun.wait, 5)
    after = asyncio.create_task(writer.run(second))
    assert not await asyncio.to_thread(early.wait, 0.05)
    gate.go_on.set()
    await asyncio.gather(first, after)

    assert early.is_set()


async def test_a_job_belongs_to_the_request_that_asked_for_it(writer: Writer) -> None:
    token = request_id.set_request_id("request-1")
    try:
        assert await writer.run(_asked) == "request-1"
    finally:
        request_id.reset_request_id(token)


async def test_the_connection_is_closed_with_the_engine(databases: Databases, tmp_path: Path) -> None:
    engine = create_engine(await databases.sqlite_url(tmp_path / "aurora.db"))
    writer = create_writer(engine)
    assert writer is not None
    await writer.run(_asked)
    closed: list[object] = []
    event.listen(writer.engine, "close", lambda connection, _record: closed.append(connection))

    await engine.dispose()

    assert len(closed) == 1
    with pytest.raises(RuntimeError, match="after shutdown"):
        await writer.run(_asked)
