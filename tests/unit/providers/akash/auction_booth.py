"""A booth at which an auction can be won: prices and a provider to show, a bid for every order, and a log socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.unit.providers.akash.booth import FAR, NEAR, Booth, bid, services
from tests.unit.providers.loopback import Reply

H100 = {"vendor": "nvidia", "model": "h100", "ram": "80Gi", "interface": "SXM5"}
PRICES = {
    "models": [
        {
            **H100,
            "availability": {"total": 68, "available": 15},
            "price": {
                "currency": "USD",
                "min": 2.04,
                "max": 3.16,
                "avg": 2.58,
                "weightedAverage": 2.72,
                "med": 2.56,
            },
        }
    ]
}
_NO_LEASE = 4001


def provider_row(owner: str) -> dict[str, Any]:
    return {
        "owner": owner,
        "hostUri": f"https://{owner[-6:]}.example.net:8443",
        "isOnline": True,
        "isAudited": True,
        "gpuModels": [H100],
        "stats": {"gpu": {"active": 6, "available": 2, "pending": 0, "total": 8}},
        "uptime30d": 0.99,
        "attributes": [],
    }


class AuctionBooth(Booth):
    """Whoever orders gets one bid, and what is leased runs."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.prices = PRICES
        self.providers = [provider_row(NEAR), provider_row(FAR)]
        self.logs: dict[str, list[str]] = {}

    def _create(self, body: dict[str, Any]) -> Reply:
        made = super()._create(body)
        dseq = made.body["data"]["dseq"]
        self.bids[dseq] = [bid(dseq, NEAR)]
        self.status[dseq] = services(1)
        return made

    def vanish(self, dseq: str) -> None:
        """It is gone without our doing."""
        del self.deployments[dseq]


class LogSocket:
    """The provider-proxy of a booth; `asked` counts the streams."""

    def __init__(self, booth: AuctionBooth) -> None:
        self._booth = booth
        self.asked = 0
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["LogSocket"]:
        """Answer at `url` inside the block."""
        app = web.Application()
        app.router.add_get("/ws", self._talk)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        order = await line.receive_json()
        self.asked += 1
        path, _, query = order["url"].partition("?")
        dseq, follow = path.split("/lease/")[1].split("/")[0], "follow=true" in query
        tail = int(query.rpartition("tail=")[2])
        written = self._booth.logs.setdefault(dseq, [])
        sent = max(0, len(written) - tail)
        while True:
            for text in written[sent:]:
                said = json.dumps({"name": "app-7c9d", "message": text})
                await line.send_json({"type": "websocket", "message": said})
            sent = len(written)
            gone = dseq not in self._booth.deployments
            if gone or not follow:
                code = _NO_LEASE if gone else 1000
                await line.send_json({"type": "websocket", "message": "", "closed": True, "code": code})
                await line.close()
                return line
            await asyncio.sleep(0.001)
