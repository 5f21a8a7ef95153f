"""LISTEN and NOTIFY between two that share a Postgres."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text

from aurora.db.engine import create_engine
from aurora.db.notices import Notices
from aurora.domain.clock import SystemClock
from aurora.domain.errors import DatabaseUnavailable
from tests.fakes.clock import FakeClock


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


class BreakingDriver:
    """A connection that breaks under its driver's hands at the first word."""

    def __init__(self) -> None:
        self.told = 0

    def get_server_pid(self) -> int:
        return 1

    def add_termination_listener(self, _listener: object) -> None:
        """Never called: the driver has not noticed yet."""

    async def add_listener(self, _channel: str, _listener: object) -> None:
        """Listens."""

    def is_closed(self) -> bool:
        return False

    async def execute(self, *_: object) -> None:
        self.told += 1
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")


class BreakingEngine:
    """Gives out such connections."""

    def __init__(self) -> None:
        self.driver = BreakingDriver()
        self.driver_connection = self.driver
        self.connected = 0

    @asynccontextmanager
    async def connect(self):
        self.connected += 1
        yield self

    async def get_raw_connection(self):
        return self

    async def invalidate(self) -> None:
        """Nobody gets it again."""


async def test_a_connection_that_broke_under_the_drivers_hands_is_replaced():
    engine, clock = BreakingEngine(), FakeClock()
    notices = Notices(engine, clock=clock)
    task = asyncio.create_task(notices.run(lambda _: None))
    try:
        await until(lambda: notices.connected)
        notices.post("kick")
        await until(lambda: engine.connected > 1)
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_transaction_on_such_a_connection_says_that_the_database_is_away(database):
    with pytest.raises(DatabaseUnavailable, match="InternalClientError"):
        async with database.write():
            raise asyncpg.InternalClientError("cannot switch to state 12")


class TellingDriver(BreakingDriver):
    """Keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[tuple[str, ...]] = []

    async def execute(self, _query: str, _channel: str, words: tuple[str, ...]) -> None:
        self.words.append(words)


async def test_words_are_told_at_once_and_those_of_the_next_moment_together():
    engine, clock = BreakingEngine(), FakeClock(auto=False)
    engine.driver_connection = driver = TellingDriver()
    notices = Notices(engine, clock=clock)
    task = asyncio.create_task(notices.run(lambda _: None))
    try:
        await until(lambda: notices.connected)
        notices.post("kick")
        await until(lambda: driver.words)
        for word in ("asked", "kick", "asked"):
            notices.post(word)
        await until(lambda: clock.sleeping)
        assert driver.words == [("kick",)]

        clock.advance(0.05)
        await until(lambda: len(driver.words) == 2)
        assert driver.words == [("kick",), ("asked", "kick")]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
