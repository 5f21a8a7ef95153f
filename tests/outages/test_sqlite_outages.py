"""The embedded database: locked by somebody else, read-only, damaged."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.domain.errors import DatabaseUnavailable
from tests.outages.house import House, eventually, house, pragma


async def test_a_file_that_another_process_keeps_locked(databases, tmp_path):
    """Reads go on; writes wait as long as `busy_timeout` says, and are refused."""
    file = tmp_path / "aurora.db"
    with pragma("busy_timeout") as busy_timeout:
        busy_timeout(200)
        await locked(file, await databases.sqlite_url(file))


async def locked(file: Path, url: str) -> None:
    async with house(url) as made:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            await eventually(lambda: takes_the_lock(other))
            replies = [await made.buy() for _ in range(2)]
            reading, healthy = await made.ask("GET", "/deployments"), await made.ask("GET", "/health")
            other.execute("ROLLBACK")

        for reply in replies:
            reply.refused()
        assert (reading.status, healthy.status) == (200, 200)
        await made.books_agree()


async def takes_the_lock(other: sqlite3.Connection) -> bool:
    """Not while Aurora writes: it needs the event loop to come to an end, so nobody waits on it here."""
    other.execute("PRAGMA busy_timeout = 0")
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


async def test_a_file_that_may_only_be_read(databases, tmp_path):
    """As SQLite tells it when the disk was remounted: connections that were opened for writing fail too."""
    async with house(await databases.sqlite_url(tmp_path / "aurora.db")) as made:
        with pragma("query_only") as query_only:
            await read_only(made, query_only)
            await made.books_agree()


async def read_only(made: House, query_only: Callable[[int], None]) -> None:
    query_only(1)
    (await made.buy()).refused()
    unready = await made.ask("GET", "/ready")
    reading = await made.ask("GET", "/deployments")
    query_only(0)
    await eventually(made.is_ready)

    assert (unready.status, unready.body["checks"]["database"]) == (503, False)
    assert reading.status == 200


@pytest.mark.parametrize(
    "damage", [b"this is no database at all" * 400, b"SQLite format 3\0" + b"\xff" * 8000]
)
async def test_a_damaged_file_is_a_database_that_is_away(tmp_path: Path, damage):
    file = tmp_path / "aurora.db"
    file.write_bytes(damage)
    engine = create_engine(f"sqlite:///{file}")
    try:
        with pytest.raises(DatabaseUnavailable):
            async with Database(engine).read() as connection:
                await connection.exec_driver_sql("SELECT * FROM installation")
    finally:
        await engine.dispose()
