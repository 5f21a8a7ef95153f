"""Fixtures of the whole suite: real databases, one fresh and migrated for each test that asks."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from aurora.db.database import Database
from tests.databases import Databases, NoPostgres

HERE = Path(__file__).parent
LONGEST = ("e2e", "outages", "faults", "docs")
"""Folders whose modules take long, most of it waiting for processes."""
_GARBAGE_EVERY = (10_000, 10, 10)
"""Objects made between two looks for garbage, and looks between two deeper ones."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end: looking through it again and again was a tenth of the processor time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*_GARBAGE_EVERY)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun last, one module would keep one worker busy while the others have nothing left."""
    items.sort(key=lambda item: item.path.relative_to(HERE).parts[0] not in LONGEST)


def pytest_configure() -> None:
    """What the tests start is to be quick, and to be interrupted.

    Each process would compile all of Aurora anew where PYTHONDONTWRITEBYTECODE is set. A run in the background of a
    shell ignores Ctrl-C, and so would every program that the tests start and interrupt.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
