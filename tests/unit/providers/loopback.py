"""A raw HTTP server on loopback that misbehaves on request, and the small parts that provider tests share."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from aurora.domain.gpu import GpuModel
from aurora.domain.instance import LaunchSpec
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.metrics import DirectGuard

FIXTURES = Path(__file__).parents[2] / "fixtures" / "vastai"
START = datetime(2026, 6, 3, 8, 0, tzinfo=UTC)
KEY = "vast-key-0123456789"


def fixture(name: str) -> Any:
    """A recorded reply, numbers as floats."""
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


class SkippingClock:
    """Sleeping takes no real time, only its own."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        await asyncio.sleep(0)


class RecordingGuard(DirectGuard):
    """Straight through, and notes what passed."""

    def __init__(self):
        self.passed = []
        self.charged = []

    async def call(self, operation, send, *, endpoint=None, cache_key=None, cost=1.0):
        self.passed.append((operation, endpoint or operation.value, cache_key))
        return await send()

    def charge(self, endpoint, amount):
        self.charged.append((endpoint, amount))


@dataclass(frozen=True)
class Asked:
    """One request as the server read it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    connection: int


@dataclass(frozen=True)
class Reply:
    """A well-behaved answer."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        if isinstance(self.body, bytes):
            payload, kind = self.body, "application/octet-stream"
        elif isinstance(self.body, str):
            payload, kind = self.body.encode(), "text/plain"
        else:
            payload, kind = json.dumps(self.body).encode(), "application/json"
        lines = {"Content-Type": kind, "Content-Length": str(len(payload)), **self.headers}
        head = f"HTTP/1.1 {self.status} X\r\n" + "".join(
            f"{name}: {text}\r\n" for name, text in lines.items()
        )
        return head.encode() + b"\r\n" + payload


@dataclass(frozen=True)
class Raw:
    """Bytes as they are, and what follows: `close`, `reset`, `hang`, `keep`, or more bytes `drip` by drip."""

    data: bytes = b""
    then: str = "close"


Answer = Reply | Raw
Handler = Callable[[Asked], Answer | Awaitable[Answer]]


class Loopback:
    """Serves `handler`; `asked` is what arrived. Use as `async with Loopback(handler) as server`."""

    def __init__(self, handler: Handler | Answer | list[Answer]) -> None:
        self.handler = handler
        self.asked: list[Asked] = []
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def count(self, method: str, path: str) -> int:
        return sum(asked.method == method and asked.path == path for asked in self.asked)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._serve(reader, writer, self.connections):
                    pass
        finally:
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {
            name.strip().lower(): text.strip()
            for name, _, text in (line.partition(":") for line in head[1:] if line)
        }
        payload = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        asked = Asked(
            method,
            parts.path,
            dict(parse_qsl(parts.query)),
            headers,
            json.loads(payload) if payload else None,
            connection,
        )
        self.asked.append(asked)
        return await self._answer(asked, writer)

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        answer = await self._next(asked)
        if isinstance(answer, Reply):
            writer.write(answer.encode())
            await writer.drain()
            return True
        writer.write(answer.data)
        await writer.drain()
        if answer.then == "reset":
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            writer.transport.abort()
        while answer.then == "drip":
            await asyncio.sleep(0.005)
            writer.write(b" ")
            await writer.drain()
        if answer.then == "hang":
            await asyncio.sleep(3600)
        return answer.then == "keep"

    async def _next(self, asked: Asked) -> Answer:
        if isinstance(self.handler, list):
            return self.handler.pop(0)
        if isinstance(self.handler, Reply | Raw):
            return self.handler
        answer = self.handler(asked)
        return answer if isinstance(answer, Reply | Raw) else await answer


def make_offer(external_id: str = "77", **changes: Any) -> Offer:
    """An offer; only what matters needs to be named."""
    fields: dict[str, Any] = {
        "provider": "fake",
        "external_id": external_id,
        "gpu": GpuModel("a100", "sxm", 80),
        "gpu_count": 1,
        "price_per_hour": Decimal("1.20"),
        "price_kind": PriceKind.FIRM,
        "seen_at": START,
        "disk_price_gb_hour": Decimal("0.0001"),
        "available": 1,
    }
    return Offer(**{**fields, **changes})


def make_spec(offer_external_id: str = "77", **changes: Any) -> LaunchSpec:
    """A launch; only what matters needs to be named."""
    fields: dict[str, Any] = {
        "name": "aurora-abc123-0123456789ab-1",
        "offer_external_id": offer_external_id,
        "image": "nginx:latest",
        "command": ("python", "-m", "http.server", "8080"),
        "env": {"A": "B"},
        "ports": ("8080", "53/udp"),
        "disk_gb": 20.0,
        "ceiling_usd_per_hour": Decimal(5),
        "gpu_count": 1,
    }
    return LaunchSpec(**{**fields, **changes})
