"""How an answer travels: whole, one byte at a time, cut off, or far too large. All on real sockets."""

import asyncio
import socket
import struct
import zlib
from collections.abc import AsyncIterator

from aiohttp import web

from aurora.emulators.exchange import Reply
from aurora.emulators.faults import MEBIBYTE

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST instead of FIN
_HTML = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><h1>Checking your browser</h1></body></html>\n"


def whole(reply: Reply) -> web.Response:
    return web.Response(body=reply.encoded(), status=reply.status, headers=headers_of(reply))


def html_page() -> Reply:
    return Reply(_HTML, content_type="text/html")


def cut(request: web.Request) -> web.Response:
    """End the connection with a TCP reset, without an answer. The response returned is never sent."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    return web.Response()


async def half(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Promise the whole body, send half of it, close."""
    payload = reply.encoded()
    response = web.StreamResponse(status=reply.status, headers=headers_of(reply))
    response.content_length = max(len(payload), 2)
    await response.prepare(request)
    await response.write(payload[: len(payload) // 2] or b" ")
    if request.transport is not None:
        request.transport.close()
    return response


async def dripped(request: web.Request, reply: Reply, *, delay_s: float) -> web.StreamResponse:
    """Send the body one byte at a time."""
    payload = reply.encoded()
    response = web.StreamResponse(status=reply.status, headers=headers_of(reply))
    response.content_length = len(payload)
    await response.prepare(request)
    for place in range(len(payload)):
        await response.write(payload[place : place + 1])
        await asyncio.sleep(delay_s)
    await response.write_eof()
    return response


async def oversized(request: web.Request, *, size: int) -> web.StreamResponse:
    """Stream a well-formed JSON object of at least `size` bytes, of unannounced length."""
    return await _streamed(request, _json_of(size), headers={"Content-Type": "application/json"})


async def bomb(request: web.Request, *, size: int) -> web.StreamResponse:
    """Stream a gzip body that is about a thousandth of `size` on the wire and expands to at least `size` bytes of JSON."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return await _streamed(request, _gzipped(size), headers=headers)


def headers_of(reply: Reply) -> dict[str, str]:
    """The provider's content type, bare: the official Vast.ai client compares the whole header (contract, section 2)."""
    given = {name.lower() for name in reply.headers}
    own = {} if "content-type" in given else {"Content-Type": reply.content_type}
    return {**own, **reply.headers}


async def _streamed(
    request: web.Request, chunks: AsyncIterator[bytes], *, headers: dict[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    async for chunk in chunks:
        await response.write(chunk)
    await response.write_eof()
    return response


async def _json_of(size: int) -> AsyncIterator[bytes]:
    yield b'{"padding": "'
    block = b"x" * min(size, MEBIBYTE)
    for start in range(0, size, MEBIBYTE):
        yield block[: size - start]
        await asyncio.sleep(0)
    yield b'"}'


async def _gzipped(size: int) -> AsyncIterator[bytes]:
    """One gzip stream; the block of filler is compressed once and repeated, which a full flush makes legal."""
    head, block, tail = b'{"padding": "', b"x" * MEBIBYTE, b'"}'
    blocks = -(-size // MEBIBYTE)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + _deflated(head)
    crc, squeezed = zlib.crc32(head), _deflated(block)
    for _ in range(blocks):
        crc = zlib.crc32(block, crc)
        yield squeezed
        await asyncio.sleep(0)
    length = len(head) + blocks * MEBIBYTE + len(tail)
    end = _deflated(tail, last=True)
    yield end + struct.pack("<II", zlib.crc32(tail, crc), length & 0xFFFFFFFF)


def _deflated(data: bytes, *, last: bool = False) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)
