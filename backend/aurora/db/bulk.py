"""Many rows of one table, as tuples that the driver takes as they are.

A statement made of expressions picks each row apart by name and looks at each of its values again: of writing a whole
catalogue that was the larger part.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import JSON, Dialect, Select, Table, any_, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.types import Money, UtcDateTime

_CONVERTED = (Money, UtcDateTime, JSON)
"""Types whose values no driver takes as we have them; it takes all others."""
_EXACT = {"postgresql": _CONVERTED, "sqlite": (JSON,)}
"""Of these, what the driver takes as it is when it is as it should be."""
_WORTH_COPYING = 50
"""Rows from which COPY is quicker than the two statements that must come before it."""
_BY_INDEX = "SET LOCAL enable_seqscan = off"
"""For the rest of the transaction. A plan made while the table was empty would read all of it for each question."""
_Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class BulkInsert:
    """INSERT of `columns` for many rows; a row that is there gets the new values of the columns in `update`.

    `columns` in the table's order; with `update` the first of them is the key. Serves both dialects. Rows that are
    not there go by COPY on Postgres: nobody else may insert the same ones meanwhile. `exact`: the rows hold money with
    the decimals that are kept, aware times and documents as text, so that none is looked at where the driver takes it.
    """

    table: Table
    columns: tuple[str, ...]
    update: tuple[str, ...] = ()
    exact: bool = False

    async def write(
        self, connection: AsyncConnection, rows: Sequence[tuple[Any, ...]], *, all_new: bool = False
    ) -> None:
        """`rows` in the order of `columns`, each key once; `all_new`: none of the keys is taken.

        Raises what the driver raises.
        """
        statement, converters = _prepared(self, connection.dialect)
        ready = [_converted(row, converters) for row in rows] if converters else rows
        if connection.dialect.name == "postgresql" and len(ready) >= _WORTH_COPYING:
            there = frozenset[Any]() if all_new else await self._taken(connection, ready)
            await self._copy(connection, [row for row in ready if row[0] not in there] if there else ready)
            ready = [row for row in ready if row[0] in there] if there else []
        if ready:
            await connection.exec_driver_sql(statement, ready)

    async def _taken(self, connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> Collection[Any]:
        """The keys that are there already."""
        if not self.update:
            return frozenset()
        await connection.exec_driver_sql(_BY_INDEX)
        return await self._there(connection, [row[0] for row in rows])

    async def _there(self, connection: AsyncConnection, keys: Sequence[Any]) -> Collection[Any]:
        """The keys that are taken."""
        return set((await connection.scalars(_question(self), {"keys": keys})).all())

    async def _copy(self, connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> None:
        """In the transaction that is open: the driver itself would not begin one."""
        if not rows:
            return
        driver: Any = (await connection.get_raw_connection()).driver_connection
        try:
            await driver.copy_records_to_table(self.table.name, records=rows, columns=self.columns)
        except asyncpg.PostgresError as exc:
            raise DBAPIError(f"COPY {self.table.name}", None, exc) from exc


@lru_cache(maxsize=16)
def _prepared(insert: BulkInsert, dialect: Dialect) -> tuple[str, tuple[tuple[int, _Converter], ...]]:
    """The statement in the driver's own words, and which places of a row are converted how."""
    rows = postgresql.insert(insert.table) if dialect.name == "postgresql" else sqlite.insert(insert.table)
    statement = rows.inline()
    if insert.update:
        statement = statement.on_conflict_do_update(
            index_elements=list(insert.table.primary_key.columns),
            set_={name: statement.excluded[name] for name in insert.update},
        )
    compiled = statement.compile(dialect=dialect, column_keys=list(insert.columns))
    converters = []
    for place, name in enumerate(insert.columns):
        kind = insert.table.c[name].type
        if not isinstance(kind, _CONVERTED):
            continue
        if insert.exact and isinstance(kind, _EXACT[dialect.name]):
            continue
        found = kind.dialect_impl(dialect).bind_processor(dialect)
        if found is not None:
            converters.append((place, found))
    return compiled.string, tuple(converters)


@lru_cache(maxsize=16)
def _question(insert: BulkInsert) -> Select[Any]:
    """Which of these `keys` are there?"""
    key = insert.table.c[insert.columns[0]]
    return select(key).where(key == any_(bindparam("keys", type_=postgresql.ARRAY(key.type))))


def _converted(row: tuple[Any, ...], converters: Sequence[tuple[int, _Converter]]) -> tuple[Any, ...]:
    values = list(row)
    for place, convert in converters:
        values[place] = convert(values[place])
    return tuple(values)
