"""Sharing the event loop during work that takes long."""

import asyncio
from collections import deque

_TURNS = 3
"""One `sleep(0)` puts its caller before what a socket or a timer has only just made ready; with the second those have
told whoever waits for them, and with the third that one has taken its next step."""


async def give_way() -> None:
    """Let whoever waits for the event loop go one step on before our work does."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class OneByOne:
    """Lets one through in each turn of the event loop.

    Requests that come together would all be decided in one turn, and a transaction under way, which needs the loop for
    a moment at each of its steps, would stand still meanwhile: at its end nobody has anything left to do.
    """

    def __init__(self) -> None:
        self._line: deque[asyncio.Future[None]] = deque()
        self._busy = False

    async def turn(self) -> None:
        """Returns when nobody else was let through in this turn of the loop; at once when nobody is about."""
        loop = asyncio.get_running_loop()
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next, loop)
            return
        mine = loop.create_future()
        self._line.append(mine)
        await mine

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._line:
            told = self._line.popleft()
            if not told.done():
                told.set_result(None)
                loop.call_soon(self._next, loop)
                return
        self._busy = False
