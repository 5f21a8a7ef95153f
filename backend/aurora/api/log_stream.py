"""Log lines as plain text, for as long as there are any and somebody reads them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from aurora.api.answers import iso
from aurora.domain.errors import AuroraError
from aurora.domain.instance import LogLine

HEADERS_AFTER_S = 1.0
"""A quiet log: the answer begins after this long, so that the reader knows that it is connected."""


class LogStream(Response):
    """Streams lines until the log ends, the client goes away or `stopping` is set; the source is closed each time.

    An error before the first line becomes a problem answer; a later one ends the stream with a line that says so.
    """

    media_type = "text/plain"

    def __init__(
        self,
        lines: AsyncIterator[LogLine],
        *,
        written: Callable[[LogLine], str],
        headers_after_s: float = HEADERS_AFTER_S,
        stopping: asyncio.Event | None = None,
    ) -> None:
        super().__init__()
        # The length of a stream is not known.
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store"
        self._lines = lines
        self._written = written
        self._headers_after_s = headers_after_s
        self._stopping = stopping or asyncio.Event()
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        copying = asyncio.create_task(self._copy(send))
        gone = asyncio.create_task(_disconnected(receive))
        stopped = asyncio.create_task(self._stopping.wait())
        parts: set[asyncio.Task[Any]] = {copying, gone, stopped}
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            if copying.done():
                copying.result()
        finally:
            for task in parts:
                task.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        if stopped.done() and not stopped.cancelled() and (copying.cancelled() and gone.cancelled()):
            await self._stop(send)

    async def _stop(self, send: Send) -> None:
        """A whole answer, although not a whole log."""
        if not self._started:
            await self._start(send)
        await _send_text(send, "[aurora] the log ends here: Aurora is stopping")
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _copy(self, send: Send) -> None:
        async with aclosing(_closable(self._lines)) as lines:
            first = asyncio.ensure_future(anext(lines, None))
            try:
                await asyncio.wait({first}, timeout=self._headers_after_s)
                if first.done():
                    first.result()
                await self._start(send)
                await self._body(first, lines, send=send)
            finally:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)

    async def _start(self, send: Send) -> None:
        self._started = True
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers},
        )

    async def _body(
        self, first: asyncio.Future[LogLine | None], lines: AsyncIterator[LogLine], *, send: Send
    ) -> None:
        try:
            line = await first
            while line is not None:
                await _send_text(send, self._written(line))
                line = await anext(lines, None)
        except AuroraError as exc:
            await _send_text(send, f"[aurora] the log ends here: {exc}")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def bare(line: LogLine) -> str:
    """The line as the container wrote it."""
    return line.text


def stamped(line: LogLine) -> str:
    """With the market's time in front, where it gives one."""
    return f"{iso(line.at)} {line.text}" if line.at is not None else line.text


async def _closable(lines: AsyncIterator[LogLine]) -> AsyncGenerator[LogLine, None]:
    """The same lines from a generator, so that closing it closes the source."""
    try:
        async for line in lines:
            yield line
    finally:
        if isinstance(lines, AsyncGenerator):
            await lines.aclose()


async def _send_text(send: Send, text: str) -> None:
    body = f"{text}\n".encode("utf-8", "replace")
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
