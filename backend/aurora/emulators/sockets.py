"""WebSockets of the emulators: a conversation of the provider, carried over a real socket."""

from datetime import datetime
from weakref import WeakSet

from aiohttp import WSCloseCode, WSMsgType, web

from aurora.emulators import wire
from aurora.emulators.clock import Clock
from aurora.emulators.exchange import Conversation, HangUp, Words

_TICK_S = 0.05  # between two looks at what is due
_HEARTBEAT_S = 10.0  # pings of the server
_SPOKEN = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})


def asked_for(request: web.Request) -> bool:
    """Whether the call wants to become a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


class Switchboard:
    """The open lines of one provider."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: WeakSet[web.WebSocketResponse] = WeakSet()

    async def connect(
        self, request: web.Request, conversation: Conversation, *, cut: bool
    ) -> web.StreamResponse:
        """Carry the conversation until one side ends it; `cut` resets the line after the first words."""
        line = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, compress=False)
        await line.prepare(request)
        self._open.add(line)
        words: Words = ()
        while not line.closed:
            words = [*words, *conversation.due(self._clock.now())]
            if await _ended(line, words):
                break
            if cut and words:
                return wire.cut(request)
            words = await self._reply(line, conversation)
        return line

    async def hang_up(self) -> None:
        """Tell every client that the server goes away."""
        for line in list(self._open):
            await line.close(code=WSCloseCode.GOING_AWAY)

    async def _reply(self, line: web.WebSocketResponse, conversation: Conversation) -> Words:
        """What a message of the client is answered with; nothing if none comes until the next tick."""
        try:
            message = await line.receive(timeout=_TICK_S)
        except TimeoutError:
            return ()
        now: datetime = self._clock.now()
        if message.type not in _SPOKEN:
            return () if line.closed else (HangUp(),)
        text = message.data if isinstance(message.data, str) else bytes(message.data).decode(errors="replace")
        return conversation.heard(text, now)


async def _ended(line: web.WebSocketResponse, words: Words) -> bool:
    """Say the words; True once one of them ends the line."""
    for word in words:
        if isinstance(word, HangUp):
            await line.close(code=word.code, message=word.reason.encode())
            return True
        await line.send_str(word.text)
    return False
