"""How late the event loop wakes: what blocks it blocks everybody."""

from collections.abc import Callable
from typing import NoReturn

from aurora.domain.clock import Clock

EVERY_S = 0.5


async def watch_loop(clock: Clock, tell: Callable[[float], None], *, every_s: float = EVERY_S) -> NoReturn:
    """Tell the lag in seconds after each wait, for ever."""
    while True:
        begun = clock.monotonic()
        await clock.sleep(every_s)
        tell(max(0.0, clock.monotonic() - begun - every_s))
