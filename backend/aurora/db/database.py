"""Transactions: one short one per use case, committed at its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from aurora.domain.errors import DatabaseUnavailable

_AWAY = ("08", "28", "3D", "40", "42P01", "53", "55P03", "57", "58")
"""How the SQLSTATEs begin that speak of the server's condition (connection, login, no such database or schema yet,
deadlock, no room, lock or statement time-out, shutting down, disk) and not of a mistake in a statement."""


class Database:
    """Hands out connections inside a transaction. Never hold one across a provider call."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits at the end. Raises DatabaseUnavailable when the database is away."""
        async with self._translated(), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction (on SQLite it takes no write lock)."""
        async with self._translated(), self._engine.connect() as connection:
            await connection.execution_options(aurora_read=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeout, OSError) as exc:
            # asyncpg reports a refused connection as a bare OSError, the pool its exhaustion as its own TimeoutError
            raise DatabaseUnavailable(f"the database did not answer: {type(exc).__name__}") from exc
        except DBAPIError as exc:
            if exc.connection_invalidated:
                raise DatabaseUnavailable("the database connection was lost") from exc
            state = getattr(
                exc.orig, "sqlstate", None
            )  # asyncpg's errors have no class of their own in SQLAlchemy
            if state is not None and state.startswith(_AWAY):
                raise DatabaseUnavailable(f"the database could not do it now (SQLSTATE {state})") from exc
            raise
