"""Rate limits as providers keep them: a least interval per endpoint and caller, calls per window, rows per day."""

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aurora.emulators.clock import Clock

_MINUTE_S = 60.0


@dataclass(frozen=True)
class Interval:
    """A least time between accepted calls; a call that comes too early may be punished with a longer wait."""

    seconds: float
    penalty: float | None = None


class IntervalGate:
    """Rejects a call when the last accepted one of the same endpoint and caller is too recent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at: dict[tuple[str, str], datetime] = {}
        self._punished: set[tuple[str, str]] = set()

    def admit(self, endpoint: str, caller: str, interval: Interval) -> bool:
        key, now = (endpoint, caller), self._clock.now()
        free_at = self._free_at.get(key)
        if free_at is None or now >= free_at:
            self._free_at[key] = now + timedelta(seconds=interval.seconds)
            self._punished.discard(key)
            return True
        if interval.penalty is not None and key not in self._punished:
            self._punished.add(key)  # once: a caller that keeps knocking is let in when the penalty is over
            self._free_at[key] = now + timedelta(seconds=interval.penalty)
        return False


class WindowGate:
    """At most `calls` per caller in any `seconds`."""

    def __init__(self, clock: Clock, *, calls: int, seconds: float) -> None:
        self._clock = clock
        self._calls = calls
        self._span = timedelta(seconds=seconds)
        self._accepted: dict[str, deque[datetime]] = {}

    def admit(self, caller: str) -> bool:
        now = self._clock.now()
        accepted = self._recent(caller)
        if len(accepted) >= self._calls:
            return False
        accepted.append(now)
        return True

    def left(self, caller: str) -> int:
        """How many more calls would be let in now."""
        return self._calls - len(self._recent(caller))

    def opens_at(self, caller: str) -> datetime:
        """When the oldest call leaves the window, and one more is let in; now if none is in it."""
        accepted = self._recent(caller)
        return accepted[0] + self._span if accepted else self._clock.now()

    def _recent(self, caller: str) -> deque[datetime]:
        now = self._clock.now()
        accepted = self._accepted.setdefault(caller, deque())
        while accepted and now - accepted[0] >= self._span:
            accepted.popleft()
        return accepted


class MinuteGate:
    """A window of a minute whose number of calls may be changed while it runs; then it begins anew."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gate: WindowGate | None = None
        self._calls = 0

    def wait_s(self, caller: str, *, calls: int) -> int:
        """0: the call is let in. Otherwise it is not, and the whole seconds after which one is."""
        if self._gate is None or self._calls != calls:
            self._gate, self._calls = WindowGate(self._clock, calls=calls, seconds=_MINUTE_S), calls
        if self._gate.admit(caller):
            return 0
        wait = (self._gate.opens_at(caller) - self._clock.now()).total_seconds()
        return max(1, math.ceil(wait))


class DailyQuota:
    """An amount per caller and UTC day."""

    def __init__(self, clock: Clock, amount: int) -> None:
        self._clock = clock
        self._amount = amount
        self._used: dict[tuple[str, str], int] = {}

    def left(self, caller: str) -> int:
        return max(0, self._amount - self._used.get(self._key(caller), 0))

    def use(self, caller: str, amount: int) -> None:
        key = self._key(caller)
        self._used = {k: v for k, v in self._used.items() if k[1] == key[1]}
        self._used[key] = self._used.get(key, 0) + amount

    def resets_at(self) -> datetime:
        """The next midnight, UTC."""
        tomorrow = self._clock.now().date() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)

    def _key(self, caller: str) -> tuple[str, str]:
        return caller, self._clock.now().date().isoformat()
