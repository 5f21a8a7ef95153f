"""The way of every call: count it, draw the faults that hit it, let the provider act, send what is left of the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from aurora.emulators import sockets, streams, wire
from aurora.emulators.clock import Clock
from aurora.emulators.exchange import Call, Endpoint, Opener, Reply
from aurora.emulators.faultbook import Drawn, FaultBook
from aurora.emulators.faults import Fault, Stage
from aurora.emulators.journal import Journal
from aurora.emulators.spoil import spoiled

WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """Front door of one provider. `base` gives the provider's URL as a given request reached it."""

    def __init__(
        self, *, faults: FaultBook, journal: Journal, clock: Clock, base: Callable[[web.Request], str]
    ) -> None:
        self._faults = faults
        self._journal = journal
        self._clock = clock
        self._base = base
        self._lines = sockets.Switchboard(clock)
        self._streams = streams.Streams(clock)

    async def hang_up(self) -> None:
        """End all open WebSockets and streams: the server stops."""
        self._streams.hang_up()
        await self._lines.hang_up()

    def door(self, endpoint: Endpoint) -> WebHandler:
        """The web handler of an endpoint."""

        async def answer(request: web.Request) -> web.StreamResponse:
            call = await self._call(request)
            operation = endpoint.operation_of(call)
            self._journal.record(operation, call)
            drawn = self._faults.draw(operation)
            if endpoint.socket and sockets.asked_for(request):
                return await self._converse(request, endpoint.socket, call=call, drawn=drawn)
            return await self._play(request, call, endpoint=endpoint, drawn=drawn)

        return answer

    async def _call(self, request: web.Request) -> Call:
        body = await request.read()
        base = self._base(request)
        return Call(
            method=request.method,
            path=request.path,
            base=base,
            now=self._clock.now(),
            params=dict(request.match_info),
            query=dict(request.query),
            headers=request.headers,
            body=body,
            peer=request.remote or "",
            raw_query=request.raw_path.partition("?")[2],
        )

    async def _play(
        self, request: web.Request, call: Call, *, endpoint: Endpoint, drawn: Sequence[Drawn]
    ) -> web.StreamResponse:
        faults = [hit.fault for hit in drawn]
        early = any(fault.parameters.get("effect") for fault in faults)
        reply = _true_answer(call, endpoint=endpoint, drawn=drawn) if early else None
        for hit in drawn:
            if hit.fault.stage is Stage.HOLD:
                await hit.lifted.wait()
        instead = next((fault for fault in faults if fault.stage is Stage.INSTEAD), None)
        if instead:
            reply = _stand_in(instead)
        reply = reply or _true_answer(call, endpoint=endpoint, drawn=drawn)
        await asyncio.sleep(sum(fault["ms"] for fault in faults if fault.stage is Stage.DELAY) / 1000)
        if instead and instead.kind in {"reset", "oversize", "gzip_bomb"}:
            return await _misbehave(request, instead)
        if reply.feed is not None and not any(fault.kind == "lost_response" for fault in faults):
            return await self._streams.carry(request, reply, reply.feed, faults=faults)
        return await _send(request, reply, faults=faults)

    async def _converse(
        self, request: web.Request, opener: Opener, *, call: Call, drawn: Sequence[Drawn]
    ) -> web.StreamResponse:
        """A WebSocket: faults of the HOLD and INSTEAD stages hit the handshake, those of SEND cut the line after its first words."""
        faults = [hit.fault for hit in drawn]
        for hit in drawn:
            if hit.fault.stage is Stage.HOLD:
                await hit.lifted.wait()
        instead = next((fault for fault in faults if fault.stage is Stage.INSTEAD), None)
        await asyncio.sleep(sum(fault["ms"] for fault in faults if fault.stage is Stage.DELAY) / 1000)
        if instead and instead.kind in {"reset", "oversize", "gzip_bomb"}:
            return await _misbehave(request, instead)
        opened = _stand_in(instead) if instead else opener(call)
        if isinstance(opened, Reply):
            return wire.whole(opened)
        cut = any(fault.stage is Stage.SEND for fault in faults)
        return await self._lines.connect(request, opened, cut=cut)


def _true_answer(call: Call, *, endpoint: Endpoint, drawn: Sequence[Drawn]) -> Reply:
    reply = endpoint.handler(call)
    for hit in drawn:
        if hit.fault.stage is Stage.SPOIL and reply.status < 400:
            reply = spoiled(reply, hit=hit, endpoint=endpoint)
    return reply


def _stand_in(fault: Fault) -> Reply:
    if fault.kind == "status":
        text = isinstance(fault["body"], str)
        content_type = "text/plain" if text else "application/json"
        return Reply(fault["body"], fault["code"], fault["headers"], content_type)
    if fault.kind == "redirect":
        return Reply("", fault["code"], {"Location": fault["location"]}, "text/plain")
    return wire.html_page()


async def _misbehave(request: web.Request, fault: Fault) -> web.StreamResponse:
    if fault.kind == "oversize":
        return await wire.oversized(request, size=fault["bytes"])
    if fault.kind == "gzip_bomb":
        return await wire.bomb(request, size=fault["bytes"])
    return wire.cut(request)


async def _send(request: web.Request, reply: Reply, *, faults: Sequence[Fault]) -> web.StreamResponse:
    for fault in faults:
        if fault.kind == "lost_response":
            return wire.cut(request)
        if fault.kind == "truncate":
            return await wire.half(request, reply)
        if fault.kind == "slow_drip":
            return await wire.dripped(request, reply, delay_s=fault["ms"] / 1000)
    return wire.whole(reply)
