"""The app on a real socket of this machine, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the served app; its paths are relative to it.

    The server is started and stopped by hand: uvicorn's own end looks around ten times a second.
    """
    # The protocol is named: without it asyncio does not set TCP_NODELAY and every answer waits 40 ms for an ACK.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, lifespan="off", log_config=None, loop="asyncio")
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listening])
        host, port = listening.getsockname()
        try:
            async with aiohttp.ClientSession(f"http://{host}:{port}") as client:
                yield client
        finally:
            await _stop(server)


async def _stop(server: uvicorn.Server) -> None:
    """Close the door, then wait for whoever is still inside."""
    for each in server.servers:
        each.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    async with asyncio.timeout(5):
        while server.server_state.connections or server.server_state.tasks:
            await asyncio.sleep(0)
