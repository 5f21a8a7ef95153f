"""A database that is away when the test says so."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from aurora.db.database import Database


class Switch:
    """An engine that refuses connections while `away`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.dialect = engine.dialect
        self.away = False

    def begin(self) -> Any:
        return self._there().begin()

    def connect(self) -> Any:
        return self._there().connect()

    def _there(self) -> AsyncEngine:
        if self.away:
            raise ConnectionRefusedError("nobody listens")
        return self._engine


def switched(database: Database) -> tuple[Database, Switch]:
    """Another way to the same database, which can be cut."""
    switch = Switch(database.engine)
    return Database(switch), switch  # type: ignore[arg-type]
