"""The emulator process: one web server, each provider under its own prefix, the control API beside them."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from aiohttp import web

from aurora.emulators.akash.market import AkashMarket
from aurora.emulators.clock import Clock, SystemClock
from aurora.emulators.control import Control, Stand
from aurora.emulators.exchange import Endpoint
from aurora.emulators.faultbook import FaultBook
from aurora.emulators.gateway import Gateway
from aurora.emulators.gateway_market.brands import BRANDS
from aurora.emulators.gateway_market.market import GatewayMarket
from aurora.emulators.ionet.market import IonetMarket
from aurora.emulators.journal import Journal
from aurora.emulators.marketplace import Marketplace, World
from aurora.emulators.options import EmulatorOptions
from aurora.emulators.render.market import RenderMarket
from aurora.emulators.salad.market import SaladMarket
from aurora.emulators.vastai.market import VastMarket

PROVIDERS: Mapping[str, Callable[[World], Marketplace]] = {
    "vastai": VastMarket,
    "akash": AkashMarket,
    "ionet": IonetMarket,
    "salad": SaladMarket,
    "render": RenderMarket,
    "aethir": lambda world: GatewayMarket(world, BRANDS["aethir"]),
    "flux": lambda world: GatewayMarket(world, BRANDS["flux"]),
}

_GRACE = 1.0  # seconds for calls in flight when the server stops
_BODY_LIMIT = 8 << 20  # bytes of a request


def build_app(options: EmulatorOptions, clock: Clock | None = None) -> web.Application:
    """The web application of the emulators; `clock` is for tests."""
    clock = clock or SystemClock()
    app = web.Application(client_max_size=_BODY_LIMIT)
    stands = {name: _stand(name, options=options, clock=clock) for name in options.providers}
    app.add_routes(Control(options=options, stands=stands, started_at=clock.now()).routes())
    gateways = [
        _mount(app, name, stand=stand, options=options, clock=clock) for name, stand in stands.items()
    ]

    async def let_go(_: web.Application) -> None:
        for stand in stands.values():
            stand.faults.clear()
        for gateway in gateways:
            await gateway.hang_up()

    app.on_shutdown.append(let_go)
    return app


@asynccontextmanager
async def running(options: EmulatorOptions, clock: Clock | None = None) -> AsyncIterator[str]:
    """Serve inside the block and yield the base URL. A free port is taken whatever `options.port` says."""
    async with _serving(replace(options, port=0), clock=clock) as url:
        yield url


async def run(options: EmulatorOptions) -> None:
    """Serve until cancelled or told to stop by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        with suppress(
            NotImplementedError, RuntimeError, ValueError
        ):  # not on Windows, not off the main thread
            loop.add_signal_handler(name, stop.set)
    async with _serving(options) as url:
        ready = f"Emulators ready on {url}: {', '.join(options.providers)} (limits {options.limits})"
        print(ready, flush=True)  # noqa: T201 - the user waits for this line
        await stop.wait()


@asynccontextmanager
async def _serving(options: EmulatorOptions, *, clock: Clock | None = None) -> AsyncIterator[str]:
    app = build_app(options, clock)
    # handler_cancellation: a call that hangs ends when its client goes away
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port)
        await site.start()
        yield options.url_at(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _stand(name: str, *, options: EmulatorOptions, clock: Clock) -> Stand:
    if name not in PROVIDERS:
        raise ValueError(f"no emulator for {name}; there are {', '.join(PROVIDERS)}")
    faults = FaultBook(random.Random(f"{options.seed}:{name}:faults"), clock)
    return Stand(PROVIDERS[name](World(clock=clock, faults=faults, options=options)), faults, Journal())


def _mount(
    app: web.Application, name: str, *, stand: Stand, options: EmulatorOptions, clock: Clock
) -> Gateway:
    """Add a provider's routes, each with and without a trailing slash, and its own answer to unknown paths."""
    prefix = f"/{name}"

    def base(request: web.Request) -> str:
        return (options.public_url or f"{request.scheme}://{request.host}").rstrip("/") + prefix

    gateway = Gateway(faults=stand.faults, journal=stand.journal, clock=clock, base=base)
    for endpoint in stand.market.endpoints:
        door = gateway.door(endpoint)
        path = prefix + endpoint.path.rstrip("/")
        app.router.add_route(endpoint.method, path, door)
        app.router.add_route(endpoint.method, f"{path}/", door)
    strange = Endpoint(
        method="*", path="/{rest:.*}", operation="unknown", handler=lambda _: stand.market.unknown_route()
    )
    app.router.add_route("*", prefix + strange.path, gateway.door(strange))
    return gateway


__all__ = ["PROVIDERS", "EmulatorOptions", "build_app", "run", "running"]
