"""LISTEN and NOTIFY between two that share a Postgres."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from aurora.db.engine import create_engine
from aurora.db.notices import Notices
from aurora.domain.clock import SystemClock


@asynccontextmanager
async def listening(url: str):
    """A replica's notices and what it has heard."""
    engine = create_engine(url)
    heard: list[str] = []
    notices = Notices(engine, clock=SystemClock())
    task = asyncio.create_task(notices.run(heard.append))
    try:
        await until(lambda: notices.connected)
        yield notices, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.dispose()


async def until(condition, *, within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def url(databases):
    async with databases.postgres_url() as found:
        yield found


async def test_a_word_reaches_the_others_and_not_its_author(url):
    async with listening(url) as (one, heard_by_one), listening(url) as (_, heard_by_other):
        one.post("kick")

        await until(lambda: "kick" in heard_by_other)
        assert "kick" not in heard_by_one


async def test_after_a_lost_connection_it_listens_again_and_says_so(url, databases):
    async with listening(url) as (one, _), listening(url) as (other, heard):
        engine = create_engine(url)
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )
        await engine.dispose()

        await until(lambda: heard.count("") == 2 and other.connected and one.connected)
        one.post("kick")
        await until(lambda: "kick" in heard)
