"""Rows of several tables that are committed together: one statement on Postgres, one per table elsewhere.

A network journey for each of a purchase's six rows costs more than the rows. The rows travel as JSON and become rows
of their tables again in the server (`json_populate_recordset`); foreign keys among them are checked at the statement's
end, so their order is free.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import JSON, Column, Dialect, Table, TextClause, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

_Columns = tuple[str, ...]
Shapes = tuple[tuple[Table, _Columns], ...]
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class Bundle:
    """Collects rows; `write` inserts them all. Rows of one table have the same columns."""

    def __init__(self) -> None:
        self._rows: dict[Table, list[Mapping[str, Any]]] = {}

    def add(self, table: Table, *rows: Mapping[str, Any]) -> None:
        """Columns that are left out get what the database gives: a counted id, NULL or a server's default (and no default
        of ours).
        """
        if rows:
            self._rows.setdefault(table, []).extend(rows)

    async def write(self, connection: AsyncConnection) -> None:
        """Inserts, in the order in which the tables were first named. Raises what the driver raises, e.g. IntegrityError."""
        if not self._rows:
            return
        if connection.dialect.name != "postgresql":
            for table, rows in self._rows.items():
                await connection.execute(insert(table), rows)
            return
        documents = {
            _parameter(place): document for place, document in enumerate(self.documents(connection.dialect))
        }
        await connection.execute(_statement(self.shapes()), documents)

    def shapes(self) -> Shapes:
        """What tables it has rows of, and which columns."""
        return tuple((table, tuple(rows[0])) for table, rows in self._rows.items())

    def documents(self, dialect: Dialect) -> list[str]:
        """The rows as JSON, table by table. Raises ValueError for rows of one table with different columns."""
        for table, rows in self._rows.items():
            if any(row.keys() != rows[0].keys() for row in rows[1:]):
                raise ValueError(f"rows of {table.name} have different columns: some would be lost")
        return [
            _document(rows, _encoders(table, tuple(rows[0]), dialect)) for table, rows in self._rows.items()
        ]


def _parameter(place: int) -> str:
    return f"rows_{place}"


@lru_cache(maxsize=64)
def _statement(shapes: Shapes) -> TextClause:
    """All inserts but the last as common table expressions: the server runs each of them, whether it is read or not."""
    inserts = [
        insert_of(table.name, columns, rows=f"CAST(:{_parameter(place)} AS json)").replace("::", r"\:\:")
        for place, (table, columns) in enumerate(shapes)
    ]
    named = [f"put_{place} AS ({one})" for place, one in enumerate(inserts[:-1])]
    return text(f"WITH {', '.join(named)} {inserts[-1]}" if named else inserts[-1])


def insert_of(table: str, columns: Iterable[str], *, rows: str) -> str:
    """In Postgres's words; `rows`: an expression for a JSON array."""
    names = ", ".join(f'"{column}"' for column in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608 # nosec B608 - names of our own tables
        f"FROM json_populate_recordset(NULL::{table}, {rows})"
    )


_Encoder = Callable[[Any], Any]
_Encoders = tuple[tuple[str, str, _Encoder | None], ...]
"""Of each column: its name, the same as a plain text, and what makes of a value what the driver would be given."""


@lru_cache(maxsize=64)
def _encoders(table: Table, columns: _Columns, dialect: Dialect) -> _Encoders:
    """SQLAlchemy's own kind of text is slow to write; a JSON column's value stays the data that it is."""
    return tuple((name, str(name), _encoder(table.c[name], dialect)) for name in columns)


def _encoder(column: Column[Any], dialect: Dialect) -> _Encoder | None:
    if isinstance(column.type, JSON):
        return None
    found: _Encoder | None = column.type.dialect_impl(dialect).bind_processor(dialect)
    return found


def _document(rows: Sequence[Mapping[str, Any]], encoders: _Encoders) -> str:
    return json_text(
        [
            {plain: row[name] if encode is None else encode(row[name]) for name, plain, encode in encoders}
            for row in rows
        ]
    )


def json_text(content: Any) -> str:
    """Compact JSON. Decimals are texts, so that nothing of them is lost; times are ISO 8601.

    Raises TypeError for what JSON cannot say. NaN and infinity are null: whoever has floats to keep looks at them first.
    """
    try:
        return orjson.dumps(content, default=_plain, option=_OPTIONS).decode()
    except orjson.JSONEncodeError:
        # Whole numbers of more than 64 bits, keys that are only made like texts: the slower one knows them.
        return json.dumps(content, default=_plain, allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    msg = f"{type(value).__name__} is nothing that a column holds"
    raise TypeError(msg)
