"""A world in which everything waits `SPEED` times shorter: the product's own times, no policy bent, no test that sleeps.

An event loop whose clock runs fast makes every time-out, poll and back-off of Aurora and of the emulator shorter alike, so
that their proportions stay true: a provider time-out of 10 s is 50 ms of ours.
"""

import asyncio
import selectors
import time
from datetime import UTC, datetime, timedelta

SPEED = 300.0


class QuickSelector(selectors.DefaultSelector):
    """Waits for sockets `SPEED` times shorter than it is told."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / SPEED)


class QuickLoop(asyncio.SelectorEventLoop):
    """Its seconds are `SPEED` times shorter."""

    def __init__(self) -> None:
        super().__init__(QuickSelector())

    def time(self) -> float:
        return time.monotonic() * SPEED


class QuickClock:
    """The loop's time for Aurora and for the emulator; begins at `began`, by default now."""

    def __init__(self, began: datetime | None = None) -> None:
        self._began = began or datetime.now(UTC)
        self._origin = self.monotonic()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self.monotonic() - self._origin)

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
