"""Time that moves only when the test, or somebody who sleeps, moves it."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


class FakeClock:
    """An `aurora.domain.clock.Clock` in which no time passes by itself.

    `auto` (default): as soon as no task can run, the earliest sleeper is woken and its time becomes the present
    one. Real I/O counts as "cannot run": with sockets use `auto=False`, then only `advance` and `run_for` wake.
    """

    def __init__(self, start: datetime = START, *, auto: bool = True) -> None:
        self._start = start
        self._elapsed = 0.0
        self._auto = auto
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._ticking = False

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._elapsed

    @property
    def sleeping(self) -> int:
        return sum(not woken.done() for _, _, woken in self._sleepers)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._elapsed + max(0.0, seconds), next(self._order), woken))
        if self._auto and not self._ticking:
            self._ticking = True
            loop.call_soon(self._tick, loop)
        await woken

    def advance(self, seconds: float) -> None:
        """Jump; sleepers whose time has come are woken in its order and run when the test next awaits."""
        self._elapsed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            self._wake()

    async def run_for(self, seconds: float) -> None:
        """Let `seconds` pass step by step: each sleeper runs at its own time, as often as it sleeps again."""
        end = self._elapsed + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._elapsed = max(self._elapsed, self._sleepers[0][0])
            self._wake()
            await settle()
        self._elapsed = end

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        self._ticking = bool(self._sleepers)
        if not self._ticking:
            return
        if not loop._ready:  # type: ignore[attr-defined]
            self._elapsed = max(self._elapsed, self._sleepers[0][0])
            self._wake()
        loop.call_soon(self._tick, loop)

    def _wake(self) -> None:
        _, _, woken = heapq.heappop(self._sleepers)
        if not woken.done():
            woken.set_result(None)


async def settle(rounds: int = 20) -> None:
    """Let every task that can run do so, for some turns of the loop."""
    for _ in range(rounds):
        await asyncio.sleep(0)
