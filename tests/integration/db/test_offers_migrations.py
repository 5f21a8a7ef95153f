"""The schema goes up, down and up again, with data in it."""

from contextlib import AsyncExitStack

import pytest
from sqlalchemy import inspect, select, text

from aurora.db import tables
from aurora.db.engine import create_engine
from aurora.db.repositories import offers as offer_rows
from aurora.db.repositories import sync_runs as run_rows
from aurora.db.repositories.offers import SliceState
from aurora.db.schema import at_head, check, migrate
from tests.databases import Binaries, NoPostgres, PostgresServer, of_wheel, start_postgres
from tests.fakes.clock import START
from tests.markets import an_offer


@pytest.fixture(params=["sqlite", "postgres"])
async def empty_engine(request, databases, tmp_path):
    """An engine on a database without any table."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            url = await databases.sqlite_url(tmp_path / "empty.db", empty=True)
        else:
            url = await stack.enter_async_context(databases.postgres_url(empty=True))
        engine = create_engine(url)
        stack.push_async_callback(engine.dispose)
        yield engine


async def names(engine) -> set[str]:
    async with engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def fill(engine) -> None:
    async with engine.begin() as connection:
        run = await run_rows.begin(connection, "market", at=START)
        await offer_rows.save(connection, [an_offer(1)], sync_id=run)
        await offer_rows.save_prices(connection, [an_offer(1)])
        await offer_rows.save_slices(connection, "market", [SliceState("a100")])


async def test_migrations_make_exactly_the_tables_of_the_code(empty_engine):
    assert not await at_head(empty_engine)

    await migrate(empty_engine)

    assert await at_head(empty_engine)
    await check(empty_engine)
    assert await names(empty_engine) == {*tables.metadata.tables, "alembic_version"}


async def test_a_filled_database_goes_down_to_nothing_and_up_again(empty_engine):
    await migrate(empty_engine)
    await fill(empty_engine)

    await migrate(empty_engine, "base")
    assert await names(empty_engine) == {"alembic_version"}

    await migrate(empty_engine)
    await check(empty_engine)
    async with empty_engine.connect() as connection:
        assert (await connection.execute(select(tables.offers))).all() == []


async def test_migrating_twice_changes_nothing(empty_engine):
    await migrate(empty_engine)
    await fill(empty_engine)

    await migrate(empty_engine)

    async with empty_engine.connect() as connection:
        assert len((await connection.execute(select(tables.offers))).all()) == 1


async def test_the_schema_of_a_newer_release_is_left_alone(empty_engine):
    await migrate(empty_engine)
    async with empty_engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await migrate(empty_engine)

    async with empty_engine.connect() as connection:
        found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        assert found.scalar_one() == "9999"


async def test_every_test_has_a_migrated_database_of_its_own(database):
    assert await at_head(database.engine)
    async with database.write() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM offers"))).scalar_one() == 0
        await offer_rows.save(connection, [an_offer(1)], sync_id=1)


async def test_the_next_test_does_not_see_it(database):
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM offers"))).scalar_one() == 0


async def test_the_wheels_binaries_serve_where_the_machine_has_no_postgres():
    server = PostgresServer(of_wheel())
    engine = create_engine(server.url)
    try:
        async with engine.connect() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    finally:
        await engine.dispose()
        server.stop()


def test_a_machine_without_any_postgres_says_what_was_tried(tmp_path):
    broken = Binaries(tmp_path / "bin")

    with pytest.raises(NoPostgres) as raised:
        start_postgres({"PATH": None, "the wheel": broken})

    assert "TEST_DATABASE_URL is not set; PATH has no postgres" in str(raised.value)
    assert "the wheel: " in str(raised.value)
