"""Answers that go on: a feed of the provider, sent over one HTTP response as it comes."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from aurora.emulators import wire
from aurora.emulators.clock import Clock
from aurora.emulators.exchange import Feed, HangUp, Reply, Words
from aurora.emulators.faults import Fault

_TICK_S = 0.05  # between two looks at what is due


class Streams:
    """The open streams of one provider."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped = asyncio.Event()

    def hang_up(self) -> None:
        """End all streams at their next look: the server stops."""
        self._stopped.set()

    async def carry(
        self, request: web.Request, reply: Reply, feed: Feed, *, faults: Sequence[Fault]
    ) -> web.StreamResponse:
        """Send the feed to its end. `truncate` resets the line after the first words, `slow_drip` sends byte by byte."""
        cut = any(fault.kind == "truncate" for fault in faults)
        drip_s = sum(fault["ms"] for fault in faults if fault.kind == "slow_drip") / 1000
        response = web.StreamResponse(status=reply.status, headers=wire.headers_of(reply))
        await response.prepare(request)
        while not self._stopped.is_set():
            words = feed.due(self._clock.now())
            if await _ended(response, words, drip_s=drip_s):
                break
            if cut and words:
                return wire.cut(request)
            await self._pause()
        await response.write_eof()
        return response

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), _TICK_S)
        except TimeoutError:
            return


async def _ended(response: web.StreamResponse, words: Words, *, drip_s: float) -> bool:
    """Send the words; True once one of them ends the stream."""
    for word in words:
        if isinstance(word, HangUp):
            return True
        await _sent(response, word.text.encode(), drip_s=drip_s)
    return False


async def _sent(response: web.StreamResponse, payload: bytes, *, drip_s: float) -> None:
    if not drip_s:
        await response.write(payload)
        return
    for place in range(len(payload)):
        await response.write(payload[place : place + 1])
        await asyncio.sleep(drip_s)
