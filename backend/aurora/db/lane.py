"""One connection to Postgres for short transactions that follow each other all day, past SQLAlchemy's own machinery.

Of what a purchase's transaction cost this process, more than half was not its four statements: a connection taken from
the pool and given back, a result object and two switches of context for each of them (tests/benchmarks/bench_lane.py).
The connection is the pool's, with all its settings; the statements are SQLAlchemy's, put into words once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import ClauseElement, event
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from aurora.domain.errors import AuroraError

T = TypeVar("T")

_TRUSTED_S = 1.0
_MAY_NOT = frozenset({"42501", "42704"})
"""Temporary things are not allowed to this user; the server lacks the language."""
_INTEGRITY = "23"
"""The SQLSTATEs of rows that may not stand beside others."""
_Encoder = Callable[[Any], Any]


class _Driver(Protocol):
    """asyncpg's connection, as much of it as is used."""

    async def execute(self, query: str) -> str: ...

    async def fetch(self, query: str, *values: Any) -> Sequence[Mapping[str, Any]]: ...

    def is_closed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Words:
    """A statement as the driver takes it."""

    text: str
    parameters: tuple[tuple[str, _Encoder | None], ...]
    """In their order: the name, and what makes of a value what the driver is given."""


class _Rows:
    """What a statement found."""

    def __init__(self, found: Sequence[Mapping[str, Any]]) -> None:
        self._found = found

    def mappings(self) -> Iterator[Mapping[str, Any]]:
        """Row by row, as the driver reads them: a type of ours that changes what it reads is not asked."""
        return iter(self._found)


class Lean:
    """Looks like an asynchronous connection to a repository that executes statements made once and reads `mappings`."""

    def __init__(
        self, driver: _Driver, dialect: Dialect, known: dict[ClauseElement, _Words], defined: dict[str, bool]
    ) -> None:
        self._driver = driver
        self.dialect = dialect
        self._known = known
        self._defined = defined
        self.begun = False

    async def execute(self, statement: ClauseElement, parameters: Mapping[str, Any]) -> _Rows:
        """In the transaction, which begins with the first of them."""
        if not self.begun:
            self.begun = True
            await self._driver.execute("BEGIN;")
        return await self._ask(statement, parameters)

    async def alone(self, statement: ClauseElement, parameters: Mapping[str, Any]) -> _Rows:
        """A transaction of its own, in one journey. Nothing may have been executed before it."""
        if self.begun:
            raise RuntimeError("the transaction has begun: this statement would only be a part of it")
        return await self._ask(statement, parameters)

    async def knows(self, definition: str) -> bool:
        """Whether the session has this, which is told to each connection once; not everybody may define something."""
        if definition not in self._defined:
            try:
                await self._driver.execute(definition)
            except Exception as exc:
                if sqlstate(exc) not in _MAY_NOT:
                    raise
                self._defined[definition] = False
            else:
                self._defined[definition] = True
        return self._defined[definition]

    def forget(self, definition: str) -> None:
        """The session does not have it, although it was told: it is not told again on this connection."""
        self._defined[definition] = False

    async def _ask(self, statement: ClauseElement, parameters: Mapping[str, Any]) -> _Rows:
        words = self._known.get(statement)
        if words is None:
            words = self._known[statement] = _in_words(statement, self.dialect)
        values = (
            parameters[name] if encode is None else encode(parameters[name])
            for name, encode in words.parameters
        )
        return _Rows(await self._driver.fetch(words.text, *values))


class Lane:
    """Runs jobs one after the other. Its connection is made when it is first wanted, and again after any trouble."""

    def __init__(self, engine: AsyncEngine, *, trusted_s: float = _TRUSTED_S) -> None:
        """`trusted_s`: after a longer rest the connection is asked whether it still lives."""
        self._engine = engine
        self._trusted_s = trusted_s
        self._connection: AsyncConnection | None = None
        self._driver: _Driver | None = None
        self._rests_since = 0.0
        self._one_at_a_time = asyncio.Lock()
        self._known: dict[ClauseElement, _Words] = {}
        self._defined: dict[str, bool] = {}
        """What the present connection's session was told, and whether it took it."""
        self._watches = False

    async def transact(self, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """The result of `job`, committed. It sees a connection that can `execute` and nothing else.

        Raises what SQLAlchemy would: IntegrityError, DBAPIError with the server's SQLSTATE; and the driver's own
        errors of a connection that is lost.
        """
        async with self._one_at_a_time:
            driver = await self._ready()
            lean = Lean(driver, self._engine.dialect, self._known, self._defined)
            try:
                result = await job(cast("AsyncConnection", lean))
                if lean.begun:
                    await driver.execute("COMMIT;")
            except BaseException as exc:
                await self._undo(lean, driver, exc)
                if sqlstate(exc) is not None:
                    raise _as_sqlalchemy(exc) from exc
                raise
            finally:
                self._rests_since = monotonic()
            return result

    async def _ready(self) -> _Driver:
        if self._driver is not None and await self._lives(self._driver):
            return self._driver
        self._let_go()
        self._connection = await self._engine.connect()
        if not self._watches:
            event.listen(self._engine.sync_engine, "engine_disposed", lambda _: self._let_go())
            self._watches = True
        raw = await self._connection.get_raw_connection()
        self._driver = cast("_Driver", raw.driver_connection)
        return self._driver

    async def _lives(self, driver: _Driver) -> bool:
        if driver.is_closed():
            return False
        if monotonic() - self._rests_since <= self._trusted_s:
            return True
        try:
            await driver.fetch("SELECT 1")
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not used again
            return False
        return True

    async def _undo(self, lean: Lean, driver: _Driver, why: BaseException) -> None:
        """What a job or the server says against the rows ends the transaction; anything else ends the connection."""
        if isinstance(why, AuroraError) or _is_integrity(why):
            with suppress(Exception):
                if lean.begun:
                    await driver.execute("ROLLBACK;")
                return
        self._let_go()

    def _let_go(self) -> None:
        """Close it without a word, which the server takes for a rollback."""
        connection, self._connection, self._driver = self._connection, None, None
        self._defined = {}
        if connection is not None and connection.sync_connection is not None:
            connection.sync_connection.invalidate()
            connection.sync_connection.close()


def _in_words(statement: ClauseElement, dialect: Dialect) -> _Words:
    compiled = statement.compile(dialect=dialect)
    names = cast("Sequence[str]", compiled.positiontup or ())  # type: ignore[attr-defined]
    binds = compiled.binds  # type: ignore[attr-defined]
    return _Words(
        str(compiled),
        tuple((name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names),
    )


def sqlstate(exc: BaseException) -> str | None:
    """Of what the server said; None for anything else. (The driver is not imported here: SQLite goes without it.)"""
    state: str | None = getattr(exc, "sqlstate", None)
    return state


def _is_integrity(exc: BaseException) -> bool:
    return (sqlstate(exc) or "").startswith(_INTEGRITY)


def _as_sqlalchemy(exc: BaseException) -> DBAPIError:
    return (IntegrityError if _is_integrity(exc) else DBAPIError)(None, None, exc)
