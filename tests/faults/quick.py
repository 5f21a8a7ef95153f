"""A world in which nobody waits: the product's own times, no policy bent, no test that sleeps.

An event loop whose clock jumps to the next timer as soon as there is nothing left to do: no callback, no byte on a socket, no
statement in the database's thread. Time-outs, polls and back-offs of Aurora and of the emulator keep their proportions, a
provider time-out of 15 s takes less than a millisecond of ours, and a machine that stands still spoils nothing.
"""

import asyncio
import selectors
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

_LANDING_S = 0.0001
"""For bytes that a busy kernel has not yet handed over."""
_TURN_S = 0.000005
"""What a turn of the loop takes, so that time never stands still. What it really took does not count: a slow machine changes nothing."""
_THREADS = frozenset({"aiosqlite.core", "sqlalchemy.dialects.sqlite.aiosqlite"})
"""Modules whose futures are answered by a thread of theirs."""
_LOOK_S = 0.005


class QuickSelector(selectors.DefaultSelector):
    """Skips what it is told to wait, when nothing can come of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.outside = 0
        """What threads are still to answer."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += _TURN_S
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.outside:
            return super().select(_LOOK_S)
        found = super().select(0)
        if not found:
            time.sleep(_LANDING_S)
            found = super().select(0)
        if not found:
            self.now_s += timeout
        return found


class QuickLoop(asyncio.SelectorEventLoop):
    """Its time is what was skipped."""

    def __init__(self) -> None:
        self._quick = QuickSelector()
        super().__init__(self._quick)

    def time(self) -> float:
        return self._quick.now_s

    def create_future(self) -> asyncio.Future[Any]:
        made = super().create_future()
        if sys._getframe(1).f_globals.get("__name__") in _THREADS:  # who asks tells who answers
            self._awaited(made)
        return made

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        made = super().run_in_executor(executor, func, *args)
        self._awaited(made)
        return made

    def _awaited(self, future: asyncio.Future[Any]) -> None:
        self._quick.outside += 1
        future.add_done_callback(self._answered)

    def _answered(self, _: asyncio.Future[Any]) -> None:
        self._quick.outside -= 1


class QuickClock:
    """The running loop's time for Aurora and for the emulator; begins at `began`, by default now."""

    def __init__(self, began: datetime | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = began or datetime.now(UTC)
        self._origin = self.monotonic()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self.monotonic() - self._origin)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
