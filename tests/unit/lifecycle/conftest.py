"""The database of lifecycle tests: the embedded one (the repositories themselves are tested on both)."""

import pytest

from aurora.db.database import Database
from aurora.db.engine import create_writer


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return Database(sqlite_database.engine, writer=create_writer(sqlite_database.engine))
