"""Engines for both dialects, with the settings that make them behave alike."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from aurora.domain.errors import DatabaseUnavailable

_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}


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


def create_engine(url: str, *, application: str = "aurora") -> AsyncEngine:
    """An engine whose transactions are real on both dialects (SQLite: WAL, foreign keys, BEGIN IMMEDIATE).

    Raises DatabaseUnavailable for what is no address of either.
    """
    try:
        return _engine(normalise_url(url), application)
    except (ArgumentError, ImportError, ValueError) as exc:
        detail = "not an address such as sqlite:///var/aurora.db or postgresql://user:password@host/name"
        raise DatabaseUnavailable(detail) from exc


def _engine(url: str, application: str) -> AsyncEngine:
    if url.startswith("sqlite"):
        engine = create_async_engine(url)
        event.listen(engine.sync_engine, "connect", _sqlite_connect)
        event.listen(engine.sync_engine, "begin", _sqlite_begin)
        return engine
    return create_async_engine(
        url,
        pool_size=10,
        max_overflow=5,
        pool_timeout=5,
        pool_recycle=1800,
        pool_pre_ping=True,
        connect_args={
            "timeout": 5,
            "command_timeout": 30,
            "server_settings": {
                "application_name": application,
                "statement_timeout": "30000",
                "lock_timeout": "5000",
                "idle_in_transaction_session_timeout": "30000",
            },
        },
    )


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
