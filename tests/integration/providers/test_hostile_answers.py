"""A market that wants to make us call somebody else: a canary beside it must not be touched."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from aurora.domain.clock import SystemClock
from aurora.domain.errors import ProviderError
from aurora.providers.http import JsonClient
from aurora.providers.request import Credential, Request, Transport
from aurora.providers.vastai.client import VastClient

KEY = "canary-must-not-see-this"
REDIRECTS = (300, 301, 302, 303, 305, 307, 308)


@dataclass
class Raw:
    """A server that answers every request with the same bytes, and counts."""

    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    port: int = 0
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.heard.append(await reader.read(65536))
        writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def raw(answer: bytes | None = None) -> AsyncIterator[Raw]:
    made = Raw() if answer is None else Raw(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


def with_headers(status: int, *headers: str, body: bytes = b"{}") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[JsonClient]:
    made = JsonClient(
        "market",
        url,
        clock=SystemClock(),
        credentials=(Credential("x-api-key", SecretStr(KEY)),),
        transport=Transport(attempt_s=1.0),
    )
    try:
        yield made
    finally:
        await made.aclose()


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("status", REDIRECTS)
async def test_a_redirect_leads_nowhere(method, status):
    async with raw() as canary:
        for to in (f"{canary.url}/steal", f"//127.0.0.1:{canary.port}/steal"):
            async with (
                raw(with_headers(status, f"Location: {to}")) as market,
                client_of(market.url) as client,
            ):
                with pytest.raises(ProviderError) as refused:
                    await client.call(Request(method, "/offers"))
            assert KEY not in str(refused.value)

    assert canary.connections == 0


@pytest.mark.parametrize(
    "header",
    [
        "Refresh: 0; url={}",
        "Link: <{}>; rel=preload",
        'Alt-Svc: http/1.1="127.0.0.1:{port}"',
        "Content-Location: {}",
    ],
)
async def test_no_header_of_a_good_answer_leads_anywhere(header):
    async with raw() as canary:
        line = header.format(canary.url, port=canary.port)
        async with raw(with_headers(200, line)) as market, client_of(market.url) as client:
            for _ in range(2):
                assert await client.call(Request("GET", "/offers")) == {}

    assert canary.connections == 0


SPELLINGS: tuple[Callable[[int], str], ...] = (
    lambda port: f"http://127.0.0.1:{port}/log",
    lambda port: f"https://127.0.0.1:{port}/log",
    lambda port: f"https://localhost:{port}/log",
    lambda port: f"https://localhost.:{port}/log",
    lambda port: f"https://[::ffff:127.0.0.1]:{port}/log",
    lambda port: f"https://2130706433:{port}/log",
    lambda port: f"https://0x7f.1:{port}/log",
    lambda port: f"https://0:{port}/log",
    lambda port: f"https://user@127.0.0.1:{port}/log",
    lambda port: f"//127.0.0.1:{port}/log",
    lambda port: f"ws://127.0.0.1:{port}/log",
    lambda port: f"file:///proc/self/environ#{port}",
    lambda port: f"https://127.0.0.1.:{port}/log",
)


@pytest.mark.parametrize("spelt", SPELLINGS)
async def test_the_address_of_a_log_leads_into_no_network_of_ours(spelt):
    async with raw() as canary:
        body = b'{"success": true, "result_url": "%s"}' % spelt(canary.port).encode()
        async with raw(with_headers(200, body=body)) as market, client_of(market.url) as http:
            vast = VastClient(http)
            url = await vast.request_logs("1", tail=10)
            with pytest.raises(ProviderError) as refused:
                await vast.log_file(url, cap=1000)

    assert canary.connections == 0
    assert "result_url" not in str(refused.value)
    assert spelt(canary.port) not in str(refused.value)


async def test_a_socket_is_not_led_away_either():
    async with raw() as canary:
        away = with_headers(302, f"Location: {canary.url.replace('http', 'ws')}/ws")
        async with raw(away) as proxy, client_of(proxy.url) as client:
            with pytest.raises(ProviderError):
                await client.open_socket("/ws")

    assert canary.connections == 0


async def test_an_instance_id_cannot_turn_a_path_into_an_address():
    """Ids come out of answers, and go into paths."""
    async with raw() as canary, raw(with_headers(404)) as market, client_of(market.url) as client:
        vast = VastClient(client)
        for hostile in (
            f"@127.0.0.1:{canary.port}/",
            f"/../../..//127.0.0.1:{canary.port}/",
            "1?owner=other#",
        ):
            with pytest.raises(ProviderError):
                await vast.instance(hostile)

        assert market.connections == 3
    assert canary.connections == 0
