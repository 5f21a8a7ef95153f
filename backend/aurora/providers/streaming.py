"""Answers that go on: a log that is sent while it is written."""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from aurora.providers.answers import by_status
from aurora.providers.failures import translated
from aurora.providers.http import JsonClient
from aurora.providers.log_overlap import LONGEST_LINE
from aurora.providers.redaction import Redactor
from aurora.providers.request import Request

if TYPE_CHECKING:
    import aiohttp

_SILENT = ("event:", "id:", "retry:")
"""Fields of an event stream that are no data (WHATWG HTML 9.2)."""


class LineStream:
    """The lines of an answer that goes on. Raises only ProviderError. Close it, also after it ended."""

    def __init__(self, response: "aiohttp.ClientResponse", *, provider: str, redact: Redactor) -> None:
        self._response = response
        self._provider = provider
        self._redact = redact
        self._rest = b""
        self._lines: list[str] = []
        self._ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def line(self, *, within: float | None = None) -> str | None:
        """The next line without its end; None at the end of the answer. Raises ProviderTimeout after `within` silent
        seconds, which leaves the stream usable.
        """
        while not self._lines:
            if self._ended:
                return None
            self._take(await self._chunk(within))
        return self._lines.pop(0)

    def close(self) -> None:
        """Let the connection go; twice is fine."""
        self._response.close()

    async def _chunk(self, within: float | None) -> bytes:
        with translated(self._provider, self._redact):
            async with asyncio.timeout(within):
                return await self._response.content.readany()

    def _take(self, chunk: bytes) -> None:
        """Cut into lines; one that grows beyond all measure is given in pieces."""
        self._ended = not chunk
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if self._rest and (self._ended or len(self._rest) > LONGEST_LINE):
            whole.append(self._rest)
            self._rest = b""
        self._lines += [each.decode("utf-8", errors="replace").rstrip("\r") for each in whole]


class StreamingClient(JsonClient):
    """A client that also opens answers that go on."""

    async def open_lines(self, request: Request) -> LineStream:
        """Send it once; its answer's headers come within the attempt's time. Raises ProviderError."""
        redact = Redactor((*self._secrets, *request.hide))
        with translated(self.provider, redact):
            async with asyncio.timeout(self._transport.attempt_s):
                response = await self._send(request, endless=True).__aenter__()
                if response.status != HTTPStatus.OK:
                    refusal = self._refusal(response, await self._beginning(response), redact)
                    response.close()
                    raise request.explain(refusal) or by_status(refusal)
        return LineStream(response, provider=self.provider, redact=redact)


def event_text(line: str) -> str | None:
    """The log line in a line of an event stream; None for what carries none. Servers that send the bare line are
    understood too.
    """
    if not line.strip() or line.startswith((":", *_SILENT)):
        return None
    return line.removeprefix("data:").removeprefix(" ")[:LONGEST_LINE] if line.startswith("data:") else line
