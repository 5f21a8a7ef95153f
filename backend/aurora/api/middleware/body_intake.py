"""Bodies: small, whole, and JSON whatever their Content-Type says."""

import asyncio
from collections import deque

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aurora.api import strict_json
from aurora.api.problems import Problem

LIMIT = 256 * 1024
"""Bytes of a request's body."""
WITHIN_S = 15.0
"""From the headers to the end of the body, however slowly it drips."""
_CLOSE = {"Connection": "close"}
_WITHOUT = frozenset({"GET", "HEAD"})
"""Methods whose endpoints never read a body."""
_DRAINED = 8 * 1024 * 1024
"""Bytes of a refused body that are still read (and dropped), so that the client gets to see the refusal."""


class BodyIntake:
    """Reads the body before the app does. Over the limit it is 413, announced by Content-Length or not; what drips in too
    slowly is 408.
    """

    def __init__(self, app: ASGIApp, *, limit: int = LIMIT, within_s: float = WITHIN_S) -> None:
        self._app = app
        self._limit = limit
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._within_s):
                messages = await self._read(scope, receive)
        except TimeoutError:
            late = Problem(
                408, "body_too_slow", f"the body did not come within {self._within_s:g} s", headers=_CLOSE
            )
            await late.answer()(scope, receive, send)
            return
        except _TooLarge as exc:
            await self._refuse(scope, receive if exc.more else _nothing_more, send)
            return
        MutableHeaders(scope=scope)["content-type"] = "application/json"
        reads = scope["method"] not in _WITHOUT
        await self._app(scope, _Replay(messages, receive, strict=reads), send)

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
        refusal = Problem(413, "body_too_large", detail, headers=_CLOSE)
        await refusal.answer()(scope, receive, send)


class _TooLarge(Exception):
    """The body is over the limit; `more` of it is still to come."""

    def __init__(self, *, more: bool) -> None:
        super().__init__()
        self.more = more


class _Replay:
    """A `receive` that gives the read messages first and then what really comes (the end of the connection).

    Whoever reads a body gets strict JSON, or NotJson; where an endpoint reads none, nobody minds what was sent.
    """

    def __init__(self, messages: deque[Message], receive: Receive, *, strict: bool) -> None:
        self._messages = messages
        self._receive = receive
        self._unchecked = strict

    async def __call__(self) -> Message:
        if self._unchecked:
            self._unchecked = False
            strict_json.check(b"".join(message.get("body", b"") for message in self._messages))
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
