"""One absolute end per inbound request or background run, carried by the context."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aurora.domain.clock import Clock

_ENDS_AT: ContextVar[float] = ContextVar("aurora_deadline", default=math.inf)


@contextmanager
def deadline(clock: Clock, seconds: float) -> Iterator[float]:
    """Everything within ends `seconds` from now, or earlier if an outer deadline says so.

    Yields the end on the clock's monotonic scale. It cancels nothing by itself: every wait of the guard is
    bounded by what remains.
    """
    end = min(_ENDS_AT.get(), clock.monotonic() + seconds)
    token = _ENDS_AT.set(end)
    try:
        yield end
    finally:
        _ENDS_AT.reset(token)


def ends_at() -> float:
    """The present deadline on the clock's monotonic scale; infinity without one."""
    return _ENDS_AT.get()


def remaining(clock: Clock) -> float:
    """Seconds left, never negative; infinity without a deadline."""
    return max(0.0, _ENDS_AT.get() - clock.monotonic())
