"""The HTTP server around a running Aurora."""

import asyncio
import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aurora.api.access import AccessPolicy
from aurora.api.app import create_app
from aurora.api.problems import Problem
from aurora.bootstrap import Aurora
from aurora.cli.prompt_protocol import PromptProtocol
from aurora.cli.surface import Surface

_BACKLOG = 2048
_LONGEST_HEAD = 32 * 1024
"""Bytes of a request's first line and headers."""
_LOOK_S = 0.05
_STILL_OPEN_S = 5.0
"""A busy server goes on accepting for so long after it was told to stop, with /ready at 503: what is sent to it before
a load balancer has noticed is answered. One with nothing to do closes at once."""


class QuietServer(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again after its own shutdown, which would skip ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class LastAnswers:
    """While the process stops, every answer closes its connection: the next request goes to somebody else.

    What is not answered within DRAIN_TIMEOUT is cancelled by the server and answered with a 503 here.
    """

    def __init__(self, app: ASGIApp, draining: asyncio.Event) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def closing(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if self._draining.is_set():
                    MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, closing)
        except asyncio.CancelledError:
            if not self._draining.is_set():
                raise
            if not started:
                late = Problem(
                    503, "not_ready", "Aurora stopped before this was done; look before asking again"
                )
                await late.answer()(scope, receive, closing)


async def serve(aurora: Aurora, sockets: list[socket.socket], *, service_only: bool = False) -> None:
    """Answer requests until Aurora drains; those under way are finished within DRAIN_TIMEOUT.

    `service_only`: /health, /ready and /metrics.
    """
    server = _server(aurora, service_only=service_only)
    stopping = asyncio.create_task(_stop(server, aurora))
    try:
        await server.serve(sockets=sockets)
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def _stop(server: uvicorn.Server, aurora: Aurora) -> None:
    await aurora.draining.wait()
    began, whole = aurora.clock.monotonic(), aurora.settings.drain_timeout
    closes = began + min(_STILL_OPEN_S, whole)
    while server.server_state.tasks and aurora.clock.monotonic() < closes:
        await aurora.clock.sleep(_LOOK_S)
    left = whole - (aurora.clock.monotonic() - began)
    server.config.timeout_graceful_shutdown = max(1, math.ceil(left))
    server.should_exit = True


def _server(aurora: Aurora, *, service_only: bool = False) -> uvicorn.Server:
    settings = aurora.settings
    access = AccessPolicy(
        live=not settings.emulated,
        host=settings.host,
        admin_key=None if settings.aurora_admin_key is None else settings.aurora_admin_key.get_secret_value(),
    )
    config = uvicorn.Config(
        LastAnswers(create_app(Surface.of(aurora, access), service_only=service_only), aurora.draining),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        # Who asks is whoever is connected: headers that anybody can send change neither address nor scheme.
        proxy_headers=False,
        http=PromptProtocol,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        timeout_graceful_shutdown=math.ceil(settings.drain_timeout),
        backlog=_BACKLOG,
    )
    return QuietServer(config)
