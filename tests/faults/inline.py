"""SQLite without a thread: a statement is done when it is asked for.

The product's driver hands each statement to a thread and waits for it. That costs more than the statement, and a test of the
fault table makes some thousands of them; how transactions meet is tested elsewhere, on both databases.
"""

import sqlite3
from collections.abc import Callable, Generator
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


class _AtOnce:
    """What the driver puts here for its thread is done on the spot."""

    def put_nowait(self, asked: tuple[Any, Callable[[], Any]]) -> None:
        future, function = asked
        try:
            result = function()
        except Exception as exc:  # noqa: BLE001 - as the driver's thread does: it belongs to whoever asked
            if future is not None:
                future.set_exception(exc)
        else:
            if future is not None:
                future.set_result(result)


class InlineConnection(aiosqlite.Connection):
    """A connection whose thread is never started."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._tx = _AtOnce()  # type: ignore[assignment]

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


def connect_inline(engine: AsyncEngine, file: Callable[[], str]) -> None:
    """All connections of this engine are of that kind, and to whichever file it is then."""

    def creator(*_: Any, **options: Any) -> InlineConnection:
        return InlineConnection(lambda: sqlite3.connect(file(), **options))

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
        options["async_creator_fn"] = creator
