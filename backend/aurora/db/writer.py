"""Whole transactions on SQLite in one thread of their own.

The asynchronous driver hands every statement to its thread and back: a request's seven statements take twenty-three
crossings, each of which waits for its turn on a busy loop. Here a transaction crosses once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.engine import CursorResult, Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


class _AtHand:
    """Looks like an asynchronous connection to a repository; nothing in it ever waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.exec_driver_sql(statement, parameters)

    async def stream(self, statement: Executable, *, execution_options: Any = None) -> "_Portions":
        found = self._connection.execute(statement, execution_options=execution_options or {})
        return _Portions(found)

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return cast("CursorResult[Any]", self._connection.execute(statement, parameters))


class _Portions:
    """The rows of a stream."""

    def __init__(self, found: CursorResult[Any]) -> None:
        self._found = found

    async def partitions(self, size: int) -> AsyncIterator[Sequence[Any]]:
        for portion in self._found.partitions(size):
            yield portion


class Writer:
    """Runs jobs one after the other. Made for one SQLite file; `close` ends its thread and its connection."""

    def __init__(self, engine: Engine) -> None:
        """`engine`: synchronous, with the same settings as the asynchronous one."""
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aurora-writer")

    async def run(self, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """The result of `job`, committed. It may await nothing but its connection (and give way: `sleep(0)`).

        A job that is under way when its waiter is cancelled is finished first: nobody else may write meanwhile.
        """
        # The job sees the request it belongs to: its id, its trace.
        whole = partial(copy_context().run, self._transaction, job)
        running = asyncio.get_running_loop().run_in_executor(self._thread, whole)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            with suppress(Exception):
                await running
            raise

    @property
    def engine(self) -> Engine:
        """For listeners."""
        return self._engine

    def close(self) -> None:
        """After the last job."""
        self._thread.submit(self._engine.dispose)
        self._thread.shutdown()

    def _transaction(self, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        with self._engine.begin() as connection:
            return _finished(job(cast("AsyncConnection", _AtHand(connection))))


def _finished(job: Awaitable[T]) -> T:
    """What a coroutine comes to that never waits: giving way to others means nothing in a thread of its own."""
    steps = cast("Generator[Any, None, T]", job.__await__())
    try:
        while next(steps) is None:
            pass
    except StopIteration as end:
        return cast("T", end.value)
    steps.close()
    raise RuntimeError("a transaction's job waited for something else than its connection")
