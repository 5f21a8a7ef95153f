from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.databases import Databases, NoPostgres
from tests.settings.room import Emulator, emulator


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nothing is printed."""
    with capture_logs():
        yield


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated database for a process of its own; once SQLite, once Postgres."""
    if request.param == "sqlite":
        yield await databases.sqlite_url(tmp_path / "aurora.db")
        return
    try:
        async with databases.postgres_url() as found:
            yield found
    except NoPostgres as exc:
        pytest.fail(str(exc), pytrace=False)


@pytest.fixture
async def market() -> AsyncIterator[Emulator]:
    async with emulator() as found:
        yield found
