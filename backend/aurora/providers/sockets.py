"""Connections under the requests: names that lead to the public internet only, and WebSockets of text."""

import asyncio
import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from aurora.providers import targets
from aurora.providers.failures import ConnectionLost, ForbiddenTarget, translated
from aurora.providers.redaction import Redactor


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only; used for URLs that come out of answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family
        )
        if not found or not all(targets.is_public(str(address[0])) for *_, address in found):
            raise ForbiddenTarget("the name does not lead to the public internet")
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class TextSocket:
    """An open WebSocket of text frames. Raises only ProviderError. Close it, also after the other end did."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, provider: str, redact: Redactor) -> None:
        self._socket = socket
        self._provider = provider
        self._redact = redact

    async def send(self, text: str) -> None:
        """One frame."""
        with translated(self._provider, self._redact):
            await self._socket.send_str(text)

    async def receive(self, *, within: float | None = None) -> str | None:
        """The next frame; None when the other end closed. Raises ProviderTimeout after `within` silent seconds,
        which leaves the socket usable.
        """
        with translated(self._provider, self._redact):
            async with asyncio.timeout(within):
                while True:
                    message = await self._socket.receive()
                    if message.type is aiohttp.WSMsgType.TEXT:
                        return str(message.data)
                    if message.type is aiohttp.WSMsgType.ERROR:
                        raise ConnectionLost("the socket broke")
                    if message.type is not aiohttp.WSMsgType.BINARY:
                        return None

    async def aclose(self) -> None:
        """Close it; twice is fine."""
        await self._socket.close()
