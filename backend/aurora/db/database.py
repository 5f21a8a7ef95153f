"""Transactions: one short one per use case, committed at its end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from typing import Protocol, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from aurora.db.lane import Lane
from aurora.db.patience import Patience
from aurora.db.turns import Turns
from aurora.db.writer import Writer
from aurora.domain.errors import AuroraError, DatabaseUnavailable

T = TypeVar("T")

_AWAY = ("08", "25006", "28", "3D", "40", "42P01", "53", "55P03", "57", "58")
"""How the SQLSTATEs begin that speak of the server's condition (connection, login, a standby that only reads, no such
database or schema yet, deadlock, no room, lock or statement time-out, shutting down, disk) and not of a mistake."""
_TAKES_NOTHING = ("25006", "53100", "53400", "58030")
"""A standby, a full disk, a limit of temporary files, a disk that fails: reads may go on working."""
_SQLITE_TAKES_NOTHING = ("readonly", "full", "disk i/o")
"""The same in SQLite's words."""
_DRIVERS = frozenset({"asyncpg", "aiosqlite"})
_LONGEST_WAIT_S = 5.0
"""For a turn to write; as long as `busy_timeout` lets other processes keep us waiting."""
_PROBES: Mapping[str, tuple[str, ...]] = {
    "postgresql": (
        "CREATE TEMPORARY TABLE aurora_probe (page text) ON COMMIT DROP",
        "INSERT INTO aurora_probe SELECT repeat('x', 2000) FROM generate_series(1, 64)",
    ),
    "sqlite": (
        "CREATE TABLE IF NOT EXISTS aurora_probe (page BLOB)",
        "INSERT INTO aurora_probe VALUES (zeroblob(131072))",
    ),
}
"""As much as a few purchases write: a full disk has room for a page or two in files that are there already."""
_AFTER_PROBE: Mapping[str, tuple[str, ...]] = {
    "postgresql": (),
    "sqlite": ("DROP TABLE IF EXISTS aurora_probe",),
}
_VICTIM = frozenset({"40P01", "40001"})
"""Deadlock, serialisation failure: Postgres gave this transaction up so that another could go on."""


class Watch(Protocol):
    """Sees every transaction from its begin to its end; raises nothing of its own."""

    def __call__(self, kind: str) -> AbstractContextManager[None]:
        """Around one transaction; `kind` is read or write."""
        ...

    def retried(self) -> None:
        """A transaction was the victim of a deadlock and runs once more."""
        ...


class _Unwatched:
    def __call__(self, kind: str) -> AbstractContextManager[None]:
        del kind
        return nullcontext()

    def retried(self) -> None:
        """Nobody wants to know."""


class Database:
    """Hands out connections inside a transaction. Never hold one across a provider call."""

    def __init__(
        self, engine: AsyncEngine, *, patience: Patience | None = None, writer: Writer | None = None
    ) -> None:
        """`writer`: takes whole transactions on SQLite (see `engine.create_writer`)."""
        self._engine = engine
        self._writer = writer
        self._lane = Lane(engine) if engine.dialect.name == "postgresql" else None
        self._patience = (patience or Patience()) if engine.dialect.name == "postgresql" else None
        self._turns = Turns(_LONGEST_WAIT_S) if engine.dialect.name == "sqlite" else None
        self._watch: Watch = _Unwatched()
        self._takes_nothing = False

    def watch_with(self, watch: Watch) -> None:
        """From now on `watch` sees every transaction."""
        self._watch = watch

    def statements_are_watched(self) -> None:
        """Listeners on `engines` want to see every statement: none goes past SQLAlchemy from now on."""
        self._lane = None

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    @property
    def engines(self) -> tuple[Engine, ...]:
        """All that send statements, for listeners."""
        own = self._engine.sync_engine
        return (own,) if self._writer is None else (own, self._writer.engine)

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    def _turn(self, *, urgent: bool) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._turns is None else self._turns.take(urgent=urgent)

    @asynccontextmanager
    async def write(self, *, bulk: bool = False, urgent: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits at the end. Raises DatabaseUnavailable when the database is away.

        `urgent`: somebody waits for the answer; on SQLite it goes before the work in the background.

        When it is raised at the commit, the transaction may have been committed all the same.
        """
        with self._watch("write"):
            async with (
                self._turn(urgent=urgent),
                self._translated(bulk=bulk),
                self._engine.begin() as connection,
            ):
                yield connection

    async def transact(
        self,
        job: Callable[[AsyncConnection], Awaitable[T]],
        *,
        bulk: bool = False,
        urgent: bool = False,
        lean: bool = False,
    ) -> T:
        """The result of `job`, committed. When it was the victim of a deadlock it is run once more, as a whole.

        So `job` does nothing but read and write on its connection: with a writer it runs in that one's thread. `lean`:
        it only executes statements that are made once and reads `mappings`, so that it may run in the lane (`lane`).
        Raises as `write` does.
        """
        with self._watch("write"):
            async with self._turn(urgent=urgent), self._translated(bulk=bulk):
                if self._writer is not None:
                    return await self._writer.run(job)
                once = self._lane.transact if lean and self._lane is not None else self._whole
                try:
                    return await once(job)
                except DBAPIError as exc:
                    if _sqlstate(exc) not in _VICTIM:
                        raise
                self._watch.retried()
                return await once(job)

    async def _whole(self, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async with self._engine.begin() as connection:
            return await job(connection)

    @asynccontextmanager
    async def read(self, *, bulk: bool = False) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction (on SQLite it takes no write lock)."""
        with self._watch("read"):
            async with self._translated(bulk=bulk), self._engine.connect() as connection:
                await connection.execution_options(aurora_read=True)
                async with connection.begin():
                    yield connection

    async def probe(self) -> None:
        """Is it there, and does it take something new? Costs nothing until a write found no room.

        Then something is written, to a table that nobody keeps, since an idle system would never learn that there is
        room again.
        """
        if not self._takes_nothing:
            return
        for statements in (_PROBES[self.dialect], _AFTER_PROBE[self.dialect]):
            async with self.write() as connection:
                for statement in statements:
                    await connection.exec_driver_sql(statement)
        self._takes_nothing = False

    @asynccontextmanager
    async def _translated(self, *, bulk: bool = False) -> AsyncIterator[None]:
        limit = asyncio.timeout(self._limit_s(bulk=bulk))
        try:
            async with limit:
                yield
        except AuroraError:
            raise
        except (OperationalError, InterfaceError, PoolTimeout, OSError) as exc:
            self._note(exc)
            # asyncpg reports a refused connection as a bare OSError, the pool its exhaustion as its own TimeoutError
            raise DatabaseUnavailable(f"the database did not answer: {type(exc).__name__}") from exc
        except DBAPIError as exc:
            if exc.connection_invalidated:
                raise DatabaseUnavailable("the database connection was lost") from exc
            if type(exc.orig) is sqlite3.DatabaseError:  # the class itself is raised for damaged files only
                raise DatabaseUnavailable("the database file is damaged, or is none") from exc
            state = _sqlstate(exc)
            self._note(exc)
            if state is not None and state.startswith(_AWAY):
                raise DatabaseUnavailable(f"the database could not do it now (SQLSTATE {state})") from exc
            raise
        except Exception as exc:
            # whatever the driver made of being interrupted, or of a connection that broke under its hands
            if limit.expired() or type(exc).__module__.partition(".")[0] in _DRIVERS:
                raise DatabaseUnavailable(f"the database did not answer: {type(exc).__name__}") from exc
            raise

    def _note(self, exc: Exception) -> None:
        """Remember that there is no room."""
        state = _sqlstate(exc) if isinstance(exc, DBAPIError) else None
        words = str(exc.orig).lower() if isinstance(exc, DBAPIError) and self._patience is None else ""
        if (state or "").startswith(_TAKES_NOTHING) or any(word in words for word in _SQLITE_TAKES_NOTHING):
            self._takes_nothing = True

    def _limit_s(self, *, bulk: bool) -> float | None:
        if self._patience is None:
            return None
        return self._patience.bulk_s if bulk else self._patience.ordinary_s


def _sqlstate(exc: DBAPIError) -> str | None:
    """The driver's errors have no class of their own in SQLAlchemy; SQLite's have no state."""
    state: str | None = getattr(exc.orig, "sqlstate", None)
    return state
