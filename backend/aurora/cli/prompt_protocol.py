"""HTTP connections that say what they want in time.

uvicorn's own time-out begins after an answer: who sends half a request line and waits holds a connection for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""From the first byte (or the connection) to the end of the headers."""


class PromptProtocol(H11Protocol):
    """Closes connections whose next request has not been announced within `head_s`."""

    head_s = HEAD_S
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_served():
            self._relax()
        elif self._waiting is None:
            self._expect()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # A request that came behind the one just answered has been begun by now, or something of it lies there.
        if not self._is_served() and self.conn.trailing_data[0]:
            self._expect()

    def _is_served(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete  # there is none before the first request

    def _expect(self) -> None:
        self._relax()
        self._waiting = self.loop.call_later(self.head_s, self._give_up)

    def _relax(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self._is_served() and not self.transport.is_closing():
            self.transport.close()
