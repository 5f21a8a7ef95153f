from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aurora.settings import Settings
from tests.databases import Databases
from tests.settings.room import Emulator, emulator


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def database_url(databases: Databases, tmp_path: Path) -> str:
    """A migrated SQLite file."""
    return await databases.sqlite_url(tmp_path / "aurora.db")


@pytest.fixture
async def market() -> AsyncIterator[Emulator]:
    async with emulator() as found:
        yield found
