"""Fixtures of the whole suite: real databases, one fresh and migrated for each test that asks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from aurora.db.database import Database
from tests.databases import Databases, NoPostgres


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The makers of databases; servers and templates start with the first test that needs them."""
    found = Databases(tmp_path_factory.mktemp("databases"))
    yield found
    with asyncio.Runner() as runner:
        runner.run(found.aclose())


@pytest.fixture(params=["sqlite", "postgres"])
async def database(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> AsyncIterator[Database]:
    """A migrated database; the test runs once on SQLite and once on Postgres."""
    opened = databases.sqlite(tmp_path / "aurora.db") if request.param == "sqlite" else databases.postgres()
    try:
        async with opened as found:
            yield found
    except NoPostgres as exc:
        pytest.fail(str(exc), pytrace=False)


@pytest.fixture
async def sqlite_database(databases: Databases, tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated SQLite file."""
    async with databases.sqlite(tmp_path / "aurora.db") as found:
        yield found


@pytest.fixture
async def postgres_database(databases: Databases) -> AsyncIterator[Database]:
    """A migrated Postgres database."""
    try:
        async with databases.postgres() as found:
            yield found
    except NoPostgres as exc:
        pytest.fail(str(exc), pytrace=False)
