"""One WebSocket to the provider-proxy, which speaks to the provider's gateway for us (Console's code [seen]).

Sent: `{"type": "websocket", "url", "auth", "providerAddress"}`. Received: frames whose `message` is again JSON,
`{"name": "<pod>", "message": "<line>"}`; `closed` at the end. Frames carry no time.
"""

import json
from dataclasses import dataclass, field

from aurora.domain.errors import InstanceNotFound, ProviderError
from aurora.providers.akash.errors import ProviderTrouble
from aurora.providers.answers import json_or_none
from aurora.providers.fields import Fields
from aurora.providers.http import JsonClient
from aurora.providers.log_overlap import LONGEST_LINE
from aurora.providers.sockets import TextSocket

PATH = "/ws"
_LEASE_GONE = 4001
"""The gateway's close code for a lease that it does not know [seen]."""
_NO_PODS = "no running pods"
"""The container is not up (yet): there is nothing to read, and nothing wrong [seen]."""
_FINE = frozenset({None, 0, 1000, 1001, 1005})
"""Close codes of a stream that simply ended."""


class TokenRefused(ProviderTrouble):
    """The token expired, also in the middle of a stream: make another."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whose log. `gateway` is the provider's `hostUri`."""

    gateway: str
    owner: str
    dseq: str
    gseq: int
    oseq: int

    def url(self, *, tail: int, follow: bool) -> str:
        """The gateway's own address of the log."""
        path = f"/lease/{self.dseq}/{self.gseq}/{self.oseq}/logs"
        return f"{self.gateway.rstrip('/')}{path}?follow={str(follow).lower()}&tail={tail}"


@dataclass(slots=True)
class LogStream:
    """Lines until the other end closes."""

    provider: str
    socket: TextSocket
    token: str = field(repr=False)

    async def line(self, *, within: float | None = None) -> str | None:
        """The next line; None at the end. Raises ProviderTimeout after `within` silent seconds, TokenRefused,
        InstanceNotFound, ProviderTrouble.
        """
        while True:
            frame = await self.socket.receive(within=within)
            if frame is None:
                return None
            told = Fields(_object(json_or_none(frame.encode())))
            self._check(told)
            if told.flag("closed"):
                self._check_end(told)
                return None
            line = _line(told.raw("message"))
            if line is not None:
                return line

    def _check(self, told: Fields) -> None:
        error = told.text("error", limit=300)
        if error is None:
            return
        if error == "tokenExpired":
            raise TokenRefused(self.provider, "the token for logs has expired")
        raise ProviderTrouble(
            self.provider, f"the provider-proxy refused: {error.replace(self.token, '***')}"
        )

    def _check_end(self, told: Fields) -> None:
        code, reason = told.integer("code"), (told.text("reason", limit=200) or "").lower()
        if code == _LEASE_GONE:
            raise InstanceNotFound(self.provider, "the provider has no such lease any more")
        if code not in _FINE and _NO_PODS not in reason:
            raise ProviderTrouble(self.provider, f"the provider ended the log with code {code}")

    async def aclose(self) -> None:
        """Close the socket."""
        await self.socket.aclose()


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _line(frame: object) -> str | None:
    """The line in a provider's frame, which came as text."""
    inner = _object(json_or_none(frame.encode())) if isinstance(frame, str) else {}
    found = inner.get("message")
    return found.rstrip("\r\n")[:LONGEST_LINE] if isinstance(found, str) else None


async def open_stream(proxy: JsonClient, target: Target, token: str, *, tail: int, follow: bool) -> LogStream:
    """Ask for a log. Raises ProviderError."""
    request = {
        "type": "websocket",
        "url": target.url(tail=tail, follow=follow),
        "auth": {"type": "jwt", "token": token},
        "providerAddress": target.owner,
    }
    socket = await proxy.open_socket(PATH, hide=(token,))
    try:
        await socket.send(json.dumps(request))
    except ProviderError:
        await socket.aclose()
        raise
    return LogStream(proxy.provider, socket, token)
