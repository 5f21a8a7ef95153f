"""Both dialects behave alike: real transactions, exact money and times, one error for a database that is away."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from aurora.db.database import Database
from aurora.db.engine import create_engine, normalise_url, sqlite_path
from aurora.db.repositories import deployments
from aurora.db.types import Money, UtcDateTime
from aurora.domain.errors import DatabaseUnavailable
from tests.databases import start_postgres
from tests.integration.db.deployment_rows import a_deployment, an_event

values = Table(
    "test_values",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("usd", Money),
    Column("at", UtcDateTime),
    Column("n", Integer),
)

AMOUNTS = [
    Decimal("0.000000001"),
    Decimal("0.1"),
    Decimal("-3.999999999"),
    Decimal("9223372036.854775807"),
    Decimal(0),
]
TIMES = [
    datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC),
    datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-11))),
]


@pytest.fixture
async def noted(database: Database) -> Database:
    """A database with an empty table of values."""
    async with database.write() as connection:
        await connection.run_sync(values.metadata.create_all)
    return database


async def test_money_comes_back_exactly_and_sums_are_exact(noted):
    async with noted.write() as connection:
        await connection.execute(insert(values), [{"usd": amount} for amount in AMOUNTS])
        kept = (await connection.execute(select(values.c.usd).order_by(values.c.id))).scalars().all()
        total = (await connection.execute(select(func.sum(values.c.usd)))).scalar_one()

    assert kept == AMOUNTS
    assert total == sum(AMOUNTS)


async def test_money_is_compared_as_money(noted):
    async with noted.write() as connection:
        await connection.execute(insert(values), [{"usd": Decimal("9.5")}, {"usd": Decimal("10.25")}])
        query = select(values.c.usd).where(values.c.usd > Decimal("9.999999999"))

        assert (await connection.execute(query)).scalars().all() == [Decimal("10.25")]


async def test_times_come_back_as_the_same_moment_in_utc(noted):
    async with noted.write() as connection:
        await connection.execute(insert(values), [{"at": moment} for moment in TIMES])
        kept = (await connection.execute(select(values.c.at).order_by(values.c.id))).scalars().all()
        equal = await connection.execute(select(values.c.id).where(values.c.at == TIMES[1]))

        assert kept == TIMES
        assert {moment.tzinfo for moment in kept} == {UTC}
        assert len(equal.all()) == 1


async def test_a_time_without_a_zone_is_refused(noted):
    with pytest.raises(StatementError, match="naive"):
        async with noted.write() as connection:
            await connection.execute(insert(values).values(at=datetime(2026, 1, 1)))  # noqa: DTZ001 - that is the mistake


async def test_nothing_of_a_failed_transaction_stays(noted):
    async def fail() -> None:
        async with noted.write() as connection:
            await connection.execute(insert(values).values(n=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    async with noted.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(values))).scalar_one() == 0


async def test_foreign_keys_hold(database):
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await deployments.add_events(connection, [an_event(a_deployment(1), "intent")])


async def test_concurrent_read_modify_writes_lose_no_update_on_sqlite(sqlite_database):
    async with sqlite_database.write() as connection:
        await connection.run_sync(values.metadata.create_all)
        await connection.execute(insert(values).values(id=1, n=0))

    async def count() -> None:
        async with sqlite_database.write() as connection:
            n = (await connection.execute(select(values.c.n))).scalar_one()
            await asyncio.sleep(0.002)
            await connection.execute(update(values).values(n=n + 1))

    await asyncio.gather(*(count() for _ in range(4)))

    async with sqlite_database.read() as connection:
        assert (await connection.execute(select(values.c.n))).scalar_one() == 4


async def test_sqlite_has_a_write_ahead_log_and_waits_for_locks(sqlite_database):
    async with sqlite_database.read() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }

    assert found == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 1}


async def test_on_sqlite_readers_and_the_writer_do_not_wait_for_each_other(sqlite_database):
    async with asyncio.timeout(3), sqlite_database.write() as writer:  # below the lock time-out
        await writer.execute(text("UPDATE installation SET installation_id = 'abc123'"))

        async with sqlite_database.read() as one, sqlite_database.read() as other:
            for reader in (one, other):
                seen = await reader.execute(text("SELECT installation_id FROM installation"))
                assert seen.scalar_one() != "abc123"

    async with asyncio.timeout(3), sqlite_database.read() as reader:
        await reader.execute(text("SELECT 1 FROM installation"))
        async with sqlite_database.write() as writer:
            await writer.execute(text("UPDATE installation SET installation_id = 'def456'"))


async def test_a_connection_is_no_reader_for_ever(sqlite_database):
    """What `read` marks on a connection is gone when the pool hands it out again."""
    for _ in range(3):
        async with sqlite_database.read() as connection:
            await connection.execute(text("SELECT 1"))

    async with sqlite_database.write() as connection:
        assert not connection.sync_connection.get_execution_options().get("aurora_read", False)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    engine = create_engine(url)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


async def asked(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))


async def executed(database: Database, *steps: str | Callable[[], object]) -> None:
    """Statements, and what happens between them, in one transaction."""
    async with database.write() as connection:
        for step in steps:
            if isinstance(step, str):
                await connection.execute(text(step))
            else:
                step()


async def test_a_refused_connection_is_a_database_that_is_away():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async with opened(f"postgresql://nobody@127.0.0.1:{port}/none") as database:
        with pytest.raises(DatabaseUnavailable):
            await asked(database)


async def test_a_server_that_stops_is_a_database_that_is_away_also_within_a_transaction():
    server = start_postgres()
    try:
        async with opened(server.url) as database:
            await asked(database)

            with pytest.raises(DatabaseUnavailable):
                await executed(database, "SELECT 1", server.stop, "SELECT 1")
            with pytest.raises(DatabaseUnavailable):
                await asked(database)
    finally:
        server.stop()


async def test_an_unknown_database_is_a_database_that_is_away(databases):
    async with databases.postgres_url(empty=True) as url, opened(url + "_absent") as database:
        with pytest.raises(DatabaseUnavailable):
            await asked(database)


async def test_a_lock_that_is_not_given_in_time_is_a_database_that_is_away(postgres_database):
    locked = "SELECT 1 FROM installation FOR UPDATE"
    async with postgres_database.write() as first:
        await first.execute(text(locked))

        with pytest.raises(DatabaseUnavailable):
            await executed(postgres_database, "SET LOCAL lock_timeout = '20ms'", locked)


async def test_a_statement_that_takes_too_long_is_a_database_that_is_away(postgres_database):
    with pytest.raises(DatabaseUnavailable):
        await executed(postgres_database, "SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(5)")


async def test_a_deadlock_is_a_database_that_is_away_for_one_of_the_two(postgres_database):
    async with postgres_database.write() as connection:
        await connection.run_sync(values.metadata.create_all)
        await connection.execute(insert(values), [{"id": 1, "n": 0}, {"id": 2, "n": 0}])
    both = asyncio.Barrier(2)

    async def cross(first: int, second: int) -> None:
        async with postgres_database.write() as connection:
            await connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            await connection.execute(update(values).where(values.c.id == first).values(n=first))
            await both.wait()
            await connection.execute(update(values).where(values.c.id == second).values(n=first))

    results = await asyncio.gather(cross(1, 2), cross(2, 1), return_exceptions=True)

    assert sorted(str(type(one).__name__) for one in results) == ["DatabaseUnavailable", "NoneType"]


async def test_a_schema_that_is_not_there_yet_is_a_database_that_is_away(database):
    with pytest.raises(DatabaseUnavailable):
        async with database.read() as connection:
            await connection.execute(text("SELECT 1 FROM no_such_table"))


async def test_a_mistake_of_ours_is_not_a_database_that_is_away(postgres_database):
    with pytest.raises(DBAPIError, match="no_such_column"):
        async with postgres_database.read() as connection:
            await connection.execute(text("SELECT no_such_column FROM installation"))


async def test_a_cancelled_query_leaves_the_pool_sound(postgres_database):
    for _ in range(20):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01), postgres_database.read() as connection:
                await connection.execute(text("SELECT pg_sleep(5)"))

    await asked(postgres_database)
    assert postgres_database.engine.pool.checkedout() == 0


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("postgres://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
        (
            "postgresql://u:p%40w@h:5433/db?sslmode=require",
            "postgresql+asyncpg://u:p%40w@h:5433/db?ssl=require",
        ),
        ("postgresql+asyncpg://u@/db?host=%2Ftmp%2Fpg", "postgresql+asyncpg://u@/db?host=%2Ftmp%2Fpg"),
        ("sqlite:///var/aurora.db", "sqlite+aiosqlite:///var/aurora.db"),
        ("sqlite:////tmp/a.db", "sqlite+aiosqlite:////tmp/a.db"),
        ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite:///a.db"),
    ],
)
def test_urls_as_people_write_them_get_the_async_driver(given, normal):
    assert normalise_url(given) == normal


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///var/aurora.db", "var/aurora.db"),
        ("sqlite:////tmp/a.db?timeout=5", "/tmp/a.db"),  # noqa: S108 - only a name
        ("sqlite+aiosqlite:///a.db", "a.db"),
        ("sqlite:///:memory:", None),
        ("postgresql://h/db", None),
    ],
)
def test_the_file_of_an_embedded_database_is_known_by_its_url(url, file):
    assert sqlite_path(url) == file


async def test_an_unwritable_place_is_a_database_that_is_away(tmp_path: Path):
    async with opened(f"sqlite:///{tmp_path}/no/such/folder/a.db") as database:
        with pytest.raises(DatabaseUnavailable):
            await asked(database)
    async with asyncio.timeout(5):
        # aiosqlite's thread says goodbye to this test's loop after its connect has failed
        while any("_connection_worker" in thread.name for thread in threading.enumerate()):
            await asyncio.sleep(0.001)
