"""Whether our own event loop stood still: then a time-out of 50 ms says nothing about the market."""

import asyncio
import time
from types import TracebackType
from typing import Self

from tests.faults.quick import SPEED

TICK_S = 0.005
"""Of ours."""
STALL_S = 0.02
"""Less than half a provider's time-out."""


class Stalled(Exception):
    """A test's outcome is worth nothing: the machine did not get its turn."""


class StallWatch:
    """Looks at the clock all the time."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def stalled(self) -> bool:
        return self.longest_s >= STALL_S

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(TICK_S * SPEED)
            self.longest_s = max(self.longest_s, time.monotonic() - began - TICK_S)
