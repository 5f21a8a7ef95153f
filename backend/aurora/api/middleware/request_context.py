"""The outermost layer: a request id, one log line, the time it took, and an answer whatever happens."""

import re
import secrets

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aurora.api.problems import Problem
from aurora.domain import request_id
from aurora.domain.clock import Clock

HEADER = "x-request-id"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_QUIET = frozenset({"/health", "/ready", "/metrics"})
"""Probes and scrapes: logged at debug, or they would be most of the log."""


class RequestContext:
    """Gives each request its id and answers 500 for what nobody foresaw, without a word about its inside."""

    def __init__(self, app: ASGIApp, *, clock: Clock, mode: str) -> None:
        self._app = app
        self._clock = clock
        self._mode = mode
        self._log = structlog.get_logger("aurora.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own_id = _request_id(Headers(scope=scope))
        token = request_id.set_request_id(own_id)
        try:
            await self._serve(scope, receive, _Opening(send, own_id=own_id, mode=self._mode))
        finally:
            request_id.reset_request_id(token)

    async def _serve(self, scope: Scope, receive: Receive, opening: "_Opening") -> None:
        started = self._clock.monotonic()
        try:
            await self._app(scope, receive, opening)
        except Exception:  # noqa: BLE001 - the last place where a bug can become an answer; it is logged in full
            self._log.exception("request_crashed", method=scope["method"], path=scope["path"])
            if opening.status is None:
                crash = Problem(500, "internal", "Aurora failed; the log has it under this request id")
                await crash.answer()(scope, receive, opening)
        finally:
            write = self._log.debug if scope["path"] in _QUIET else self._log.info
            write(
                "http_request",
                method=scope["method"],
                path=scope["path"],
                status=opening.status,
                ms=round((self._clock.monotonic() - started) * 1000, 1),
            )


class _Opening:
    """A `send` that adds our headers to the start of the answer and remembers its status."""

    def __init__(self, send: Send, *, own_id: str, mode: str) -> None:
        self._send = send
        self._own_id = own_id
        self._mode = mode
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[HEADER] = self._own_id
            headers["x-aurora-mode"] = self._mode
        await self._send(message)


def _request_id(headers: Headers) -> str:
    """The caller's own id where it is sane (it goes into logs and to markets), else a new one."""
    given = headers.get(HEADER, "")
    return given if _SANE.fullmatch(given) else f"req-{secrets.token_hex(8)}"
