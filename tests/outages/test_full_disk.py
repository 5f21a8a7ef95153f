"""No room: nothing is bought, reading goes on, readiness says so, and room made is noticed without a restart."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from aurora.db.engine import create_engine
from tests.databases import Databases
from tests.outages.house import House, house, pragma
from tests.outages.servers import failing_postgres, fill, may_mount, small_disk

_REFUSING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON deployments FOR EACH ROW EXECUTE FUNCTION refuse()
"""
_WORKING = "DROP TRIGGER full_disk ON deployments; DROP FUNCTION refuse()"
HOW = ["answers", *(["disk"] if may_mount() else [])]
"""What a full disk looks like from outside, as Postgres tells it; and a small disk that is full, where a test may have one."""

_REFUSED_IN_A_ROW = 4


class FullDatabase:
    """A Postgres that answers inserts as on a full disk."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def fill(self) -> None:
        await self._run(_REFUSING)

    async def empty(self) -> None:
        await self._run(_WORKING)

    async def _run(self, statements: str) -> None:
        engine = create_engine(self._url)
        async with engine.begin() as connection:
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            await raw.driver_connection.execute(statements)
        await engine.dispose()


class FullDisk:
    """A disk with a file on it that takes all the room."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def fill(self) -> None:
        await asyncio.to_thread(fill, self._folder)

    async def empty(self) -> None:
        (self._folder / "junk").unlink()


class FullPages:
    """A SQLite file that may have as many pages as it has, and not one more; rows of no use fill those."""

    def __init__(self, file: Path, limit: Callable[[int], None]) -> None:
        self._limit = limit
        self._file = file

    async def fill(self) -> None:
        self._limit(1)  # taken as its present size
        with closing(sqlite3.connect(self._file, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout = 5000")
            other.execute("CREATE TABLE junk (page BLOB)")
            other.execute("PRAGMA max_page_count = 1")
            with suppress(sqlite3.OperationalError):
                while True:
                    other.execute("INSERT INTO junk VALUES (zeroblob(4000))")

    async def empty(self) -> None:
        self._limit(1_000_000)
        with closing(sqlite3.connect(self._file, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout = 5000")
            other.execute("DROP TABLE junk")


@asynccontextmanager
async def postgres(how: str, databases: Databases) -> AsyncIterator[tuple[House, FullDatabase | FullDisk]]:
    if how == "answers":
        async with databases.postgres_url() as url, house(url) as made:
            yield made, FullDatabase(url)
        return
    server = failing_postgres()
    try:
        with small_disk() as folder:
            try:
                async with house(await server.database("brimful", inside=folder)) as made:
                    yield made, FullDisk(folder)
            finally:
                server.stop()
    finally:
        server.stop()


async def refused_until_full(made: House) -> None:
    """Half-empty pages, and those that the loops' updates leave behind, take some more rows at first: those are
    accepted, and stored.
    """
    in_a_row = 0
    for _ in range(60):
        reply = await made.buy()
        if reply.status != 200:
            reply.refused()
        in_a_row = in_a_row + 1 if reply.status != 200 else 0
        if in_a_row == _REFUSED_IN_A_ROW:
            return
    raise AssertionError("the disk did not run full")


async def is_full(made: House) -> None:
    for _ in range(3):
        (await made.buy()).refused()
    unready, reading, healthy = [
        await made.ask("GET", path) for path in ("/ready", "/deployments", "/health")
    ]
    assert (unready.status, unready.body["checks"]["database"]) == (503, False)
    assert "takes nothing new" in unready.body["detail"]
    assert (reading.status, healthy.status) == (200, 200)


@pytest.mark.parametrize("how", HOW)
async def test_a_full_postgres(how, databases):
    async with postgres(how, databases) as (made, room):
        await room.fill()
        await refused_until_full(made)
        if how == "answers":
            (await made.buy()).refused()
        else:
            await is_full(made)
        await room.empty()

        await made.books_agree()


@pytest.mark.parametrize("how", HOW)
async def test_a_full_sqlite_file(how, databases, tmp_path):
    async with AsyncExitStack() as stack:
        folder = tmp_path if how == "answers" else stack.enter_context(small_disk())
        made = await stack.enter_async_context(house(await databases.sqlite_url(folder / "aurora.db")))
        limit = stack.enter_context(pragma("max_page_count"))
        room = FullPages(folder / "aurora.db", limit) if how == "answers" else FullDisk(folder)
        await room.fill()
        await refused_until_full(made)
        await is_full(made)
        await room.empty()

        await made.books_agree()
