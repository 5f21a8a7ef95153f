"""Transactions of several askers at once: whoever comes while one is being written goes into the next.

A transaction costs as much for twenty of them as for one. Alone nobody waits for anybody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.domain.errors import DatabaseUnavailable

One = TypeVar("One")
Result = TypeVar("Result")
Job = Callable[[Sequence[One], AsyncConnection], Awaitable[Sequence[Result | Exception]]]
"""Writes several, whole or not at all; the result of each, in their order, or why nothing of it was written."""


@dataclass(frozen=True, slots=True, eq=False)
class _Entry(Generic[One, Result]):
    one: One
    told: asyncio.Future[Result]
    context: Context


class Grouped(Generic[One, Result]):
    """One transaction at a time, of at most `largest`.

    `settled` is told of each what became of it before whoever asked is, also when nobody asks any more: None when it
    is committed, else why it is not. It must not raise. `urgent`: see `Database.write`;
    `lean`: whether the job for this one is, see `Database.transact`.
    """

    def __init__(
        self,
        database: Database,
        job: Job[One, Result],
        *,
        largest: int,
        urgent: bool = False,
        lean: Callable[[One], bool] = lambda _one: False,
        settled: Callable[[One, BaseException | None], None] = lambda _one, _why: None,
    ) -> None:
        self._database = database
        self._job = job
        self._largest = largest
        self._urgent = urgent
        self._lean = lean
        self._settled = settled
        self._line: deque[_Entry[One, Result]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def commit(self, one: One) -> Result:
        """What the job says of it, committed.

        Raises what the job says against it, what its own rows alone raise, and DatabaseUnavailable. Whoever is
        cancelled while he waits in line is not written; a transaction that has begun is ended.
        """
        told: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        entry = _Entry(one, told, copy_context())
        self._line.append(entry)
        if self._writing is None:
            self._next()
        try:
            return await told
        finally:
            if not told.done() or told.cancelled():
                self._leave(entry)

    def _leave(self, entry: _Entry[One, Result]) -> None:
        if entry in self._line:
            self._line.remove(entry)
            self._settled(entry.one, asyncio.CancelledError())

    async def drain(self) -> None:
        """Returns when nothing is being written and nobody stands in line."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    def _next(self) -> None:
        """In the context of the first: its trace is as good as any other's."""
        self._writing = (
            asyncio.get_running_loop().create_task(self._write(), context=self._line[0].context)
            if self._line
            else None
        )

    async def _write(self) -> None:
        # All who come in the same turn of the loop are here by now.
        group = [self._line.popleft() for _ in range(min(len(self._line), self._largest))]
        try:
            for entry, outcome in zip(group, await self._outcomes(group), strict=True):
                self._settled(entry.one, outcome if isinstance(outcome, Exception) else None)
                _tell(entry, outcome)
        except BaseException as exc:
            for entry in group:
                self._settled(entry.one, exc)
                entry.told.cancel()
            raise
        finally:
            self._next()

    async def _outcomes(self, group: Sequence[_Entry[One, Result]]) -> Sequence[Result | Exception]:
        if not group:
            return []
        ones = [entry.one for entry in group]
        try:
            return await self._database.transact(
                partial(self._job, ones), urgent=self._urgent, lean=all(map(self._lean, ones))
            )
        except DatabaseUnavailable as exc:
            return [DatabaseUnavailable(exc.detail) for _ in group]
        except Exception as exc:  # noqa: BLE001 - whatever the rows of one broke must not fail the others
            if len(group) == 1:
                return [exc]
        return [outcome for entry in group for outcome in await self._outcomes([entry])]


def _tell(entry: _Entry[One, Result], outcome: Result | Exception) -> None:
    if entry.told.done():
        return  # whoever asked is gone
    if isinstance(outcome, Exception):
        entry.told.set_exception(outcome)
    else:
        entry.told.set_result(outcome)
