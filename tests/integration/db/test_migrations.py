"""The schema on databases that are in use: with rows in every table, several processes, an older and a newer release."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import JSON, Boolean, DateTime, Float, Integer, Numeric, String, TypeEngine

from aurora.bootstrap import running
from aurora.db.engine import create_engine
from aurora.db.schema import at_head, check, migrate, pending
from aurora.domain.errors import DatabaseUnavailable
from aurora.settings import load_settings
from tests.e2e.stack import start
from tests.fakes.clock import FakeClock

FIRST, BETWEEN, BEFORE, HEAD = "0001", ("0002",), "0003", "0004"
"""The first revision, those after it, that of the release before this one, and this one's."""
_MADE_BY_MIGRATION = frozenset({"installation", "tenants"})


@dataclass
class Place:
    url: str
    engine: AsyncEngine


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request, databases, tmp_path) -> AsyncIterator[Place]:
    """A database without any table."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            url = await databases.sqlite_url(tmp_path / "empty.db", empty=True)
        else:
            url = await stack.enter_async_context(databases.postgres_url(empty=True))
        engine = create_engine(url)
        stack.push_async_callback(engine.dispose)
        yield Place(url, engine)


def tables_of(connection: Connection) -> list[Table]:
    """The tables as they are now, parents first, whatever the code of today says."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def value(kind: TypeEngine[Any], seed: int, *, postgres: bool) -> Any:
    """Something that the column can hold, another for each seed."""
    moment = datetime(2026, 1, 1 + seed, 12, 0, tzinfo=UTC)
    makers: list[tuple[type[TypeEngine[Any]], Any]] = [
        (Boolean, bool(seed % 2)),
        (JSON, {"seed": seed, "text": "ü"}),
        (DateTime, moment if postgres else moment.replace(tzinfo=None)),
        (Float, seed + 0.5),
        (Numeric, seed),
        (Integer, seed),
        (String, f"v{seed}"),
    ]
    return next(made for each, made in makers if isinstance(kind, each))


def row(table: Table, seed: int, *, postgres: bool, parents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A full row; what refers to a parent refers to the one that was made."""
    made: dict[str, Any] = {}
    for column in table.columns:
        reference = next(iter(column.foreign_keys), None)
        if reference is not None:
            made[column.name] = parents[reference.column.table.name][reference.column.name]
        else:
            made[column.name] = value(column.type, seed, postgres=postgres)
    return made


def fill(connection: Connection, tables: list[Table], *, seed: int) -> None:
    """One row in each table, with every column of it."""
    postgres = connection.dialect.name == "postgresql"
    parents: dict[str, dict[str, Any]] = {}
    for table in tables:
        made = row(table, seed, postgres=postgres, parents=parents)
        connection.execute(table.insert().values(**made))
        parents[table.name] = made


def touch(connection: Connection, tables: list[Table], *, seed: int) -> None:
    """Change every column that is no key in the rows of that seed."""
    postgres = connection.dialect.name == "postgresql"
    for table in tables:
        keys = {column.name for column in table.primary_key}
        free: list[Column[Any]] = [
            column for column in table.columns if column.name not in keys and not column.foreign_keys
        ]
        name = next((column for column in free if isinstance(column.type, String)), None)
        changes = {
            column.name: value(column.type, seed + 1, postgres=postgres)
            for column in free
            if column is not name
        }
        if changes and name is not None:
            connection.execute(table.update().where(name == f"v{seed}").values(**changes))


def rows_of(connection: Connection, tables: list[Table]) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that the columns of `tables` hold."""
    return {
        table.name: sorted((tuple(each) for each in connection.execute(table.select())), key=repr)
        for table in tables
    }


async def in_one(engine: AsyncEngine, work: Any, *given: Any, **more: Any) -> Any:
    async with engine.begin() as connection:
        return await connection.run_sync(lambda sync: work(sync, *given, **more))


async def test_no_row_is_lost_on_the_way_up_and_down_and_up_again(place):
    await migrate(place.engine, FIRST)
    old = await in_one(place.engine, tables_of)
    await in_one(place.engine, fill, old, seed=3)
    before = await in_one(place.engine, rows_of, old)
    assert all(before.values())

    await migrate(place.engine)
    assert await in_one(place.engine, rows_of, old) == before
    await check(place.engine)
    new = await in_one(place.engine, tables_of)
    await in_one(place.engine, fill, new, seed=7)
    both = await in_one(place.engine, rows_of, old)

    await migrate(place.engine, FIRST)
    assert await in_one(place.engine, rows_of, old) == both

    await migrate(place.engine)
    await check(place.engine)
    assert await in_one(place.engine, rows_of, old) == both


async def test_a_filled_database_goes_down_to_nothing(place):
    await migrate(place.engine)
    await in_one(place.engine, fill, await in_one(place.engine, tables_of), seed=5)

    await migrate(place.engine, "base")

    assert await in_one(place.engine, tables_of) == []


async def test_the_statements_of_the_release_before_work_on_the_schema_of_this_one(place):
    """Insert, update, read and delete with the columns that it knows: both run side by side during a rollout."""
    await migrate(place.engine, BEFORE)
    old = await in_one(place.engine, tables_of)
    await migrate(place.engine)

    await in_one(place.engine, fill, old, seed=4)
    await in_one(place.engine, touch, old, seed=4)
    kept = await in_one(place.engine, rows_of, old)

    assert all(kept.values())
    async with place.engine.begin() as connection:
        for table in reversed(old):
            await connection.execute(table.delete())
    assert await at_head(place.engine)


async def test_two_processes_that_migrate_at_once_do_it_once(place):
    both = await asyncio.gather(
        *(start("migrate", "--env-file", "", env={"DATABASE_URL": place.url}) for _ in range(2))
    )
    codes = [await one.ended() for one in both]

    assert codes == [0, 0], [one.text for one in both]
    assert await at_head(place.engine)
    async with place.engine.connect() as connection:
        found = (await connection.execute(text("SELECT count(*) FROM installation"))).scalar_one()
    assert found == 1


async def test_who_waits_for_another_migration_is_not_sent_away(databases):
    """The lock is waited for longer than any other lock of ours."""
    async with databases.postgres_url(empty=True) as url:
        engine = create_engine(url, statement_s=None)
        async with engine.begin() as first:
            await first.execute(text("SELECT pg_advisory_xact_lock(8201120)"))
            waiting = asyncio.create_task(migrate(engine))
            async with engine.connect() as looking:
                while True:
                    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                    if (await looking.execute(text(query))).scalar_one():
                        break
                found = await looking.execute(
                    text("SELECT setting FROM pg_settings WHERE name = 'lock_timeout'")
                )
                assert found.scalar_one() == "5000"
            assert not waiting.done()
        await waiting
        assert await at_head(engine)
        await engine.dispose()


async def test_what_would_be_done_is_told_and_not_done(place):
    await migrate(place.engine, FIRST)

    told = await pending(place.engine)
    part = await start("migrate", "--dry-run", "--env-file", "", env={"DATABASE_URL": place.url})
    assert await part.ended() == 0, part.text

    assert (told.current, told.head) == (FIRST, HEAD)
    assert [revision for revision, _ in told.steps] == [*BETWEEN, BEFORE, HEAD]
    assert part.said[0] == f"Database is at schema {FIRST}, the newest known is {HEAD}"
    assert [line.split()[0] for line in part.said[2:5]] == [*BETWEEN, BEFORE, HEAD]
    assert (await pending(place.engine)).current == FIRST


@asynccontextmanager
async def aurora_on(url: str) -> AsyncIterator[Any]:
    settings = load_settings(None, database_url=url, emulator_url="http://127.0.0.1:9")
    async with running(settings, clock=FakeClock()) as aurora:
        yield aurora


async def test_an_old_schema_stops_the_start_and_says_what_to_run(place):
    await migrate(place.engine, FIRST)

    with pytest.raises(DatabaseUnavailable, match=f"the schema is at {FIRST}, this Aurora needs {HEAD}"):
        async with aurora_on(place.url):
            pass
    part = await start(
        "serve", "--env-file", "", env={"DATABASE_URL": place.url, "PORT": "0", "COMPAT_PORT": "off"}
    )

    assert await part.ended() == 1
    assert f"the schema is at {FIRST}, this Aurora needs {HEAD}" in part.text
    assert "run `aurora migrate`" in part.text
    assert "Traceback" not in part.text


async def test_a_newer_schema_is_worked_on_while_the_next_release_is_rolled_out(place):
    await migrate(place.engine)
    async with place.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    async with aurora_on(place.url) as aurora:
        _, checks = await aurora.ready()

    assert checks["schema"] is True
    assert (await pending(place.engine)).steps == ()


async def test_a_schema_that_goes_away_makes_aurora_unready_and_says_so(place):
    await migrate(place.engine)

    async with aurora_on(place.url) as aurora:
        async with place.engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": FIRST})
        ready, checks = await aurora.ready()

    assert not ready
    assert (checks["database"], checks["schema"]) == (True, False)
