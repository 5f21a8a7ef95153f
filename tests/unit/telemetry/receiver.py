"""A webhook's receiver on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PATH = "/hooks/T0KEN-of-the-address"


@dataclass
class Receiver:
    """Answers one status after the other, the last one again and again; 0 is silence."""

    url: str
    statuses: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    leave: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        body = await request.read()
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, body))
        self.arrived.set()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            await self.leave.wait()
        return web.Response(status=status or 204, headers=self.headers)

    async def messages(self, count: int) -> list[Any]:
        """The first `count` messages that came, repeats included."""
        async with asyncio.timeout(5):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.got[:count]


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        receiver = Receiver(f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}", list(statuses or (204,)))
        app.router.add_route("*", "/{tail:.*}", receiver.answer)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        try:
            yield receiver
        finally:
            receiver.leave.set()
            await runner.cleanup()
