"""The server of `aurora serve`: who is slow, or says too much, does not hold it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from aurora.cli.prompt_protocol import PromptProtocol

_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


class Quick(PromptProtocol):
    head_s = 0.05


async def app(scope, receive, send):
    """Answers once the body is there."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            http=Quick,
            server_header=False,
            h11_max_incomplete_event_size=2048,
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listening])
        try:
            yield listening.getsockname()[1]
        finally:
            for each in server.servers:
                each.close()
            for connection in list(server.server_state.connections):
                connection.shutdown()


async def said(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Everything that is answered until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_who_says_nothing_is_let_go():
    async with served() as port:
        assert await said(port) == b""


async def test_who_never_ends_the_headers_is_let_go():
    async with served() as port:
        assert await said(port, _HEAD) == b""
        assert await said(port, b"GET", b" / HTTP/1.1\r\n", b"A: b\r\n") == b""


async def test_drops_of_headers_do_not_buy_time():
    async with served() as port:
        assert await said(port, _HEAD, *(b"A: b\r\n" for _ in range(20)), pause=0.01) == b""


async def test_half_a_second_request_is_let_go_as_well():
    async with served() as port:
        answer = await said(port, _HEAD + b"\r\n", b"GET / HT", pause=0.01)

    assert answer.count(b"204") == 1


async def test_a_request_that_was_announced_may_take_its_time():
    """Its body has a limit of its own."""
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
    async with served() as port:
        answer = await said(port, request, b"a", b"b", b"c", pause=0.06)

    assert answer.startswith(b"HTTP/1.1 204")
    assert b"server:" not in answer.lower()


async def test_headers_and_addresses_do_not_go_on_for_ever():
    """What is not complete within the limit is refused; nobody reads on."""
    async with served() as port:
        for endless in (_HEAD + b"X: " + b"x" * 1_000_000, b"GET /" + b"y" * 1_000_000):
            assert (await said(port, endless)).split(b"\r\n")[0] in {b"HTTP/1.1 400 Bad Request", b""}
