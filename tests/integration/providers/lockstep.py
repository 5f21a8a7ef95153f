"""The emulators behind a door that answers in rounds: how long a sync takes, counted instead of timed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

from aiohttp import web

from aurora.emulators.options import EmulatorOptions
from aurora.emulators.server import build_app

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door:
    """Lets requests through in rounds: a round begins once every market that is being read has a request waiting.

    A round stands for the time that one answer takes. Markets that were read one after the other would wait for each
    other for ever.
    """

    def __init__(self) -> None:
        self.rounds = 0
        self.asked: Counter[str] = Counter()
        self.own: dict[str, Handler] = {}
        """Markets whose requests are answered by the test, and are no part of the rounds."""
        self._reading: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def expect(self, markets: Collection[str]) -> None:
        """These are read from now on."""
        self._reading, self.rounds = set(markets), 0
        self.asked.clear()

    def ended(self, market: str) -> None:
        """It is read to its end: the others need not wait for it any more."""
        self._reading.discard(market)
        self._let_through()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        market = request.path.split("/")[1]
        self.asked[market] += 1
        if market in self.own:
            return await self.own[market](request)
        passed = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(market, []).append(passed)
        self._let_through()
        await passed
        return await handler(request)

    def _let_through(self) -> None:
        if not self._waiting or not self._reading <= self._waiting.keys():
            return
        waiting, self._waiting = self._waiting, {}
        self.rounds += 1
        for passed in (each for market in waiting.values() for each in market):
            if not passed.done():
                passed.set_result(None)


@asynccontextmanager
async def behind(door: Door, **options: object) -> AsyncIterator[str]:
    """The emulators behind this door, on a real socket; yields their address."""
    app = build_app(EmulatorOptions(**options))  # type: ignore[arg-type]
    app.middlewares.append(door.middleware)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
