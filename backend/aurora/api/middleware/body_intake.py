"""Bodies: small, whole, and JSON whatever their Content-Type says."""

from collections import deque

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aurora.api.problems import Problem

LIMIT = 256 * 1024
"""Bytes of a request's body."""
_DRAINED = 8 * 1024 * 1024
"""Bytes of a refused body that are still read (and dropped), so that the client gets to see the refusal."""


class BodyIntake:
    """Reads the body before the app does. Over the limit it is 413, announced by Content-Length or not."""

    def __init__(self, app: ASGIApp, *, limit: int = LIMIT) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        try:
            messages = await self._read(scope, receive)
        except _TooLarge as exc:
            await self._refuse(scope, receive if exc.more else _nothing_more, send)
            return
        MutableHeaders(scope=scope)["content-type"] = "application/json"
        await self._app(scope, _Replay(messages, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> deque[Message]:
        """All messages of the body."""
        if int(Headers(scope=scope).get("content-length", 0)) > self._limit:
            raise _TooLarge(more=True)
        messages: deque[Message] = deque()
        size = 0
        more = True
        while more:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if size > self._limit:
                raise _TooLarge(more=more)
        return messages

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if Headers(scope=scope).get("expect", "").lower() != "100-continue":
            await _drain(receive)
        detail = f"a body may have {self._limit // 1024} KiB"
        refusal = Problem(413, "body_too_large", detail, headers={"Connection": "close"})
        await refusal.answer()(scope, receive, send)


class _TooLarge(Exception):
    """The body is over the limit; `more` of it is still to come."""

    def __init__(self, *, more: bool) -> None:
        super().__init__()
        self.more = more


class _Replay:
    """A `receive` that gives the read messages first and then what really comes (the end of the connection)."""

    def __init__(self, messages: deque[Message], receive: Receive) -> None:
        self._messages = messages
        self._receive = receive

    async def __call__(self) -> Message:
        return self._messages.popleft() if self._messages else await self._receive()


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _nothing_more() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _drain(receive: Receive) -> None:
    dropped = 0
    while dropped < _DRAINED:
        message = await receive()
        dropped += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
