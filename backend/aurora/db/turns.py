"""One after the other, in the order in which they came, those for whom somebody waits first.

SQLite has one write lock and lets those who wait for it sleep and look again: under load some never get it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aurora.domain.errors import DatabaseUnavailable


class Turns:
    """A lock with two lines. `longest_s`: who would wait longer is told that the database is busy.

    `at_once` may hold it at the same time.
    """

    def __init__(self, longest_s: float, *, at_once: int = 1) -> None:
        self._longest = longest_s
        self._free = self._at_once = at_once
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._urgent) + len(self._others)

    @property
    def inside(self) -> int:
        """How many hold it."""
        return self._at_once - self._free

    @asynccontextmanager
    async def take(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """Hold the turn for the length of the context. Raises DatabaseUnavailable when none came in time."""
        await self._wait(self._urgent if urgent else self._others)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            async with asyncio.timeout(self._longest):
                await turn
        except BaseException as exc:
            with suppress(ValueError):
                line.remove(turn)
            if turn.done() and not turn.cancelled():
                self._pass_on()  # it came in the very moment in which we gave up
            if isinstance(exc, TimeoutError):
                raise DatabaseUnavailable(f"the database was busy for {self._longest:g} s") from None
            raise

    def _pass_on(self) -> None:
        for line in (self._urgent, self._others):
            while line:
                turn = line.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1
