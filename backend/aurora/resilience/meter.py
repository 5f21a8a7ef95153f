"""What has been used of one limit, and when there will be room again.

aiolimiter keeps the level. The waiting is ours: `AsyncLimiter.acquire` has no time limit, lets small amounts
overtake large ones for ever, and knows neither reserves nor pauses.
"""

import asyncio
import math
from collections import deque
from typing import Protocol, cast

from aiolimiter import AsyncLimiter

from aurora.domain.clock import Clock


class Meter(Protocol):
    """A limit that can be asked, used and overdrawn."""

    @property
    def capacity(self) -> float: ...

    def used(self) -> float:
        """Units taken and not yet given back; above `capacity` after an overdraft."""
        ...

    def wait_for(self, amount: float, *, behind: float = 0.0) -> float:
        """Seconds until `amount` fits (0: now) after others have taken `behind` units.

        An amount above the capacity fits when all is free.
        """
        ...

    async def spend(self, amount: float) -> None:
        """Take what `wait_for` said fits. Never suspends."""
        ...

    def charge(self, amount: float) -> None:
        """Take `amount` whether or not it fits: it has already been used."""
        ...


class _ClockTime:
    """The time source under an AsyncLimiter, which asks its event loop and nothing else as long as it never waits.

    With the real loop's `time()` the injected clock would not govern the limiter: tests would sleep and a
    simulated day would take a day. Waiting would raise AttributeError here; the limiter never lets it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.monotonic()

    def is_closed(self) -> bool:
        return False


class Bucket(AsyncLimiter):
    """A token bucket that starts full: `capacity` tokens, refilled at `per_second`."""

    def __init__(self, capacity: float, per_second: float, clock: Clock) -> None:
        super().__init__(capacity, capacity / per_second)
        self._time_source = _ClockTime(clock)

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return cast("asyncio.AbstractEventLoop", self._time_source)

    @property
    def capacity(self) -> float:
        return self.max_rate

    def used(self) -> float:
        self._leak()
        return self._level

    def wait_for(self, amount: float, *, behind: float = 0.0) -> float:
        over = self.used() + min(amount, self.max_rate) + behind - self.max_rate
        return over / self._rate_per_sec if over > 0 else 0.0

    async def spend(self, amount: float) -> None:
        await self.acquire(min(amount, self.max_rate))

    def charge(self, amount: float) -> None:
        self._leak()
        self._level += amount


class StrictWindow:
    """Never more than `capacity` units in any `period_s` seconds: for markets that count windows."""

    def __init__(self, capacity: float, period_s: float, clock: Clock) -> None:
        self.capacity = capacity
        self._period_s = period_s
        self._clock = clock
        self._grants: deque[tuple[float, float]] = deque()
        self._used = 0.0

    def used(self) -> float:
        now = self._clock.monotonic()
        while self._grants and now - self._grants[0][0] >= self._period_s:
            self._used -= self._grants.popleft()[1]
        if not self._grants:
            self._used = 0.0  # sums of floats drift; an empty window is empty
        return self._used

    def wait_for(self, amount: float, *, behind: float = 0.0) -> float:
        wanted = min(amount, self.capacity) + behind
        whole_periods = math.ceil(wanted / self.capacity) - 1 if wanted > 0 else 0
        return whole_periods * self._period_s + self._until_fits(wanted - whole_periods * self.capacity)

    async def spend(self, amount: float) -> None:
        self.charge(min(amount, self.capacity))

    def _until_fits(self, amount: float) -> float:
        used = self.used()
        wait = 0.0
        for granted_at, granted in self._grants:
            if used + amount <= self.capacity:
                break
            used -= granted
            wait = granted_at + self._period_s - self._clock.monotonic()
        return wait

    def charge(self, amount: float) -> None:
        self._grants.append((self._clock.monotonic(), amount))
        self._used += amount
