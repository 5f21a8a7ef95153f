"""The HTTP server around a running Aurora."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from aurora.api.access import AccessPolicy
from aurora.api.app import create_app
from aurora.bootstrap import Aurora
from aurora.cli.surface import Surface

_BACKLOG = 2048


class QuietServer(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again after its own shutdown, which would skip ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(aurora: Aurora, sockets: list[socket.socket], stopped: asyncio.Event) -> None:
    """Answer requests until `stopped`; those under way are finished within ten seconds."""
    server = _server(aurora)
    stopping = asyncio.create_task(_stop(server, stopped))
    try:
        await server.serve(sockets=sockets)
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def _stop(server: uvicorn.Server, stopped: asyncio.Event) -> None:
    await stopped.wait()
    server.should_exit = True


def _server(aurora: Aurora) -> uvicorn.Server:
    settings = aurora.settings
    access = AccessPolicy(
        live=not settings.emulated,
        host=settings.host,
        admin_key=None if settings.aurora_admin_key is None else settings.aurora_admin_key.get_secret_value(),
    )
    config = uvicorn.Config(
        create_app(Surface.of(aurora, access)),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=10,
        backlog=_BACKLOG,
    )
    return QuietServer(config)
