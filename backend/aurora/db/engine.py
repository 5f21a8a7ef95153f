"""Engines for both dialects, with the settings that make them behave alike."""

import asyncio
import re
from contextlib import suppress
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import create_engine as create_sync_engine
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from aurora.db.writer import Writer
from aurora.domain.errors import DatabaseUnavailable

_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}

_FAREWELL_S = 5.0
_TRUSTED_S = 1.0
_RESTS_SINCE = "aurora_rests_since"
_POOL_SIZE = 10
_OVERFLOW = 5
MOST_CONNECTIONS = _POOL_SIZE + _OVERFLOW
"""Of one process. SQLAlchemy's own 5 + 10 for a SQLite file come to the same."""


def normalise_url(url: str) -> str:
    """`postgres://`, `postgresql://` and `sqlite://` with the async driver; `sslmode` as asyncpg wants it."""
    parts = urlsplit(url)
    scheme = _DRIVERS.get(parts.scheme, parts.scheme)
    if scheme.startswith("sqlite"):
        return url.replace(parts.scheme, scheme, 1)
    query = [("ssl" if key == "sslmode" else key, value) for key, value in parse_qsl(parts.query)]
    return urlunsplit((scheme, parts.netloc, parts.path, urlencode(query), ""))


def sqlite_path(url: str) -> str | None:
    """The file of a SQLite URL; None for Postgres and for memory."""
    found = re.match(r"^sqlite(?:\+\w+)?:///([^?]+)", url)
    return found[1] if found and found[1] != ":memory:" else None


def create_engine(
    url: str, *, application: str = "aurora", statement_s: float | None = 30, trusted_s: float = _TRUSTED_S
) -> AsyncEngine:
    """An engine whose transactions are real on both dialects (SQLite: WAL, foreign keys, BEGIN IMMEDIATE).

    `statement_s` bounds each statement on Postgres; None for migrations. A connection to Postgres that has rested for
    longer than `trusted_s` is asked whether it still lives before it is used; one that broke sooner fails its first
    transaction with DatabaseUnavailable. Raises DatabaseUnavailable for what is no address of either.
    """
    try:
        return _engine(normalise_url(url), application, statement_s, trusted_s)
    except (ArgumentError, ImportError, ValueError) as exc:
        detail = "not an address such as sqlite:///var/aurora.db or postgresql://user:password@host/name"
        raise DatabaseUnavailable(detail) from exc


def _engine(url: str, application: str, statement_s: float | None, trusted_s: float) -> AsyncEngine:
    if url.startswith("sqlite"):
        engine = create_async_engine(url)
        event.listen(engine.sync_engine, "connect", _sqlite_connect)
        event.listen(engine.sync_engine, "begin", _sqlite_begin)
        return engine
    engine = create_async_engine(
        url,
        pool_size=_POOL_SIZE,
        max_overflow=_OVERFLOW,
        pool_timeout=5,
        pool_recycle=1800,
        connect_args={
            "timeout": 5,
            "command_timeout": statement_s,
            "server_settings": {
                "application_name": application,
                "statement_timeout": str(round((statement_s or 0) * 1000)),
                "lock_timeout": "5000",
                "idle_in_transaction_session_timeout": "30000",
            },
        },
    )
    _ask_the_rested(engine.sync_engine, trusted_s)
    return engine


def _ask_the_rested(engine: Engine, trusted_s: float) -> None:
    """What SQLAlchemy's `pool_pre_ping` does, but only for connections that have rested: a journey to the server before
    every transaction is a fifth of a short one.
    """

    def checkin(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_RESTS_SINCE] = monotonic()

    def checkout(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        since = record.info.get(_RESTS_SINCE)
        if since is None or monotonic() - since <= trusted_s:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as exc:
            # All others of the pool are of the same age: each is made anew when it is next wanted.
            raise InvalidatePoolError from exc

    event.listen(engine, "checkin", checkin)
    event.listen(engine, "checkout", checkout)


async def dispose(engine: AsyncEngine) -> None:
    """Close all connections; those of a server that stands still are left to it after some seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL_S):
            await engine.dispose()


def create_writer(engine: AsyncEngine) -> Writer | None:
    """A thread for whole transactions on the same SQLite file; None for any other database.

    It ends when the engine is disposed of.
    """
    if engine.dialect.name != "sqlite" or engine.url.database in {None, "", ":memory:"}:
        return None
    own = create_sync_engine(engine.url.set(drivername="sqlite"), poolclass=StaticPool)
    event.listen(own, "connect", _sqlite_connect)
    event.listen(own, "begin", _sqlite_begin)
    writer = Writer(own)
    event.listen(engine.sync_engine, "engine_disposed", lambda _: writer.close())
    return writer


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves, else the driver defers it
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # A deferred BEGIN that later writes fails at once with "database is locked", whatever the time-out.
    # `aurora_read` marks read-only transactions, which need no write lock.
    read = connection.get_execution_options().get("aurora_read", False)
    connection.exec_driver_sql("BEGIN" if read else "BEGIN IMMEDIATE")
