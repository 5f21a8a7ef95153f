"""A used Postgres database made as good as new.

A new one is some 330 files to write and later to delete: ten times the processor time of most tests that use it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy import make_url

_CATALOGUES = (
    *("pg_class s", "pg_attribute s", "pg_attrdef s", "pg_constraint s", "pg_index s", "pg_type s"),
    *("pg_proc s", "pg_trigger s", "pg_rewrite s", "pg_policy s", "pg_extension s", "pg_statistic s"),
    "pg_event_trigger s",
    "pg_namespace s WHERE nspname !~ '^pg_(toast_)?temp_'",  # stays behind when a temporary table has gone
    "pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database()",
    "pg_database s WHERE datname = current_database()",
)
_CHANGES = (f"(SELECT (count(*), max(s.xmin::text::bigint)) FROM {name})" for name in _CATALOGUES)  # noqa: S608
_CATALOGUE = f"SELECT concat_ws(' ', {', '.join(_CHANGES)})"
_WRITTEN = """
    SELECT c.relname FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND pg_relation_size(c.oid) > 0
"""
"""A table that was never written to, not even by a transaction that was rolled back, has no page."""
_ALONE = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_NUMBERS = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL
"""


@dataclass(frozen=True)
class Origin:
    """The rows that a migrated database begins with, as JSON by table."""

    rows: dict[str, str]

    @classmethod
    async def of(cls, url: str) -> "Origin":
        async with connected(url) as connection:
            names = [row[0] for row in await connection.fetch(_WRITTEN)]
            return cls({name: await _rows(connection, name) for name in names})

    async def emptied(self, url: str, catalogue: str) -> str | None:
        """Leave the rows of the beginning, count from the beginning again, and end all other connections.

        Returns the new mark of the catalogue. None where the last test changed more than rows: then the database is
        of no more use.
        """
        async with connected(url) as connection:
            await connection.execute(_ALONE)
            if await connection.fetchval(_CATALOGUE) != catalogue:
                return None
            written = {row[0] for row in await connection.fetch(_WRITTEN)} - await self._unchanged(connection)
            if written:
                tables = ", ".join(f'"{name}"' for name in sorted(written))
                await connection.execute(f"TRUNCATE {tables} CASCADE")
                for name in self.rows.keys() - await self._unchanged(connection):
                    await connection.execute(
                        f'INSERT INTO "{name}" OVERRIDING SYSTEM VALUE '  # noqa: S608 (a table of ours)
                        f'SELECT * FROM json_populate_recordset(NULL::"{name}", $1::json)',
                        self.rows[name],
                    )
            await connection.execute(_NUMBERS)
            if await self._unchanged(connection) != self.rows.keys():
                return None
            found: str = await connection.fetchval(_CATALOGUE)
            return found

    async def _unchanged(self, connection: "asyncpg.Connection[asyncpg.Record]") -> set[str]:
        """The tables that hold just what they began with."""
        return {name for name, rows in self.rows.items() if await _rows(connection, name) == rows}


async def catalogue_of(url: str) -> str:
    """A mark that changes with every table, index, trigger, function or setting that is made, altered or dropped."""
    async with connected(url) as connection:
        found: str = await connection.fetchval(_CATALOGUE)
        return found


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A bare connection: an engine of SQLAlchemy asks for much before it does what it is told."""
    parsed = make_url(url)
    connection = await asyncpg.connect(**parsed.translate_connect_args(username="user"), **parsed.query)
    try:
        yield connection
    finally:
        async with asyncio.timeout(10):
            await connection.close()


async def _rows(connection: "asyncpg.Connection[asyncpg.Record]", table: str) -> str:
    found: str = await connection.fetchval(
        f"SELECT coalesce(json_agg(x ORDER BY x::text), '[]')::text FROM \"{table}\" x"  # noqa: S608
    )
    return found
