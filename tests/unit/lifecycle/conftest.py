"""The database of lifecycle tests: the embedded one (the repositories themselves are tested on both)."""

import pytest

from aurora.db.database import Database


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database
