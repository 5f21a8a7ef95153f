"""Who we are is made by the first migration and stays, on both databases."""

import re

import pytest
from sqlalchemy import select

from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.db.repositories import installation, tenants
from aurora.db.schema import at_head, migrate
from aurora.db.tables import installation as rows
from tests.databases import Databases


async def own_id(database: Database) -> str:
    async with database.read() as connection:
        return await installation.installation_id(connection)


async def test_the_installation_has_six_characters_of_its_own(database):
    assert re.fullmatch(r"[a-z0-9]{6}", await own_id(database))


async def test_migrating_again_changes_neither_the_id_nor_the_schema(database):
    before = await own_id(database)

    for _ in range(2):
        await migrate(database.engine)

    assert await own_id(database) == before
    assert await at_head(database.engine)
    async with database.read() as connection:
        assert len((await connection.execute(select(rows))).all()) == 1


async def test_two_installations_have_different_ids(databases: Databases, tmp_path):
    ids = set()
    for name in ("one.db", "two.db"):
        engine = create_engine(await databases.sqlite_url(tmp_path / name, empty=True))
        try:
            await migrate(engine)
            ids.add(await own_id(Database(engine)))
        finally:
            await engine.dispose()

    assert len(ids) == 2


async def test_the_default_tenant_is_there_from_the_start(database):
    async with database.read() as connection:
        tenant = await tenants.find(connection, "default")

        assert tenant is not None
        assert (tenant.id, dict(tenant.limits)) == ("default", {})
        assert await tenants.find(connection, "nobody") is None


@pytest.mark.parametrize("revision", ["head", "base"])
async def test_an_empty_database_can_be_brought_to_any_revision(databases, tmp_path, revision):
    engine = create_engine(await databases.sqlite_url(tmp_path / "a.db", empty=True))
    try:
        await migrate(engine, revision)

        assert await at_head(engine) == (revision == "head")
    finally:
        await engine.dispose()
