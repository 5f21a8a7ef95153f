"""The ways to a provider's gateway: the proxy that browsers use, and a direct mount (contract, section 10.3)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.gate import Asked, Gate
from aurora.emulators.akash.guard import marked
from aurora.emulators.akash.tokens import TokenRefused
from aurora.emulators.exchange import Call, Conversation, Frame, HangUp, Reply, Words

_ADDRESS = re.compile(r"^[\d.]+$|:")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
_HANDSHAKE_FAILED = 1006


class BadOrder(ValueError):
    """An order to the proxy that it does not take: the reply it gives."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class Proxy:
    def __init__(self, estate: Estate, gate: Gate) -> None:
        self._estate = estate
        self._gate = gate

    def forward(self, call: Call) -> Reply:
        """`POST /`: the provider's reply to the call that the body describes."""
        try:
            order = call.json()
            return self._gate.answer(self.asked(order, call.now))
        except BadOrder as exc:
            return exc.reply
        except ValueError:
            return _bad("body", "Invalid JSON")

    def status(self, _: Call) -> Reply:
        return marked(Reply({"openClientWebSocketCount": 0, "totalRequestCount": 0, "version": "emulated"}))

    def talk(self, call: Call) -> Conversation | Reply:
        """`/ws`."""
        del call
        return Talk(self, self._gate)

    def direct(self, call: Call) -> Reply:
        """A gateway as the provider itself would serve it."""
        asked = self._direct(call)
        return asked if isinstance(asked, Reply) else self._gate.answer(asked)

    def direct_talk(self, call: Call) -> Conversation | Reply:
        asked = self._direct(call)
        if isinstance(asked, Reply):
            return asked
        try:
            return self._gate.stream(asked)
        except TokenRefused as refused:
            return Reply({"message": refused.message}, refused.status)

    def asked(self, order: Any, now: datetime) -> Asked:
        """The call at the gateway that an order describes. Raises BadOrder."""
        if not isinstance(order, dict):
            raise BadOrder(_bad("body", "Expected object"))
        method = order.get("method", "GET")
        if method not in _METHODS:
            raise BadOrder(_bad("method", "Invalid enum value"))
        parts = urlsplit(_url(order.get("url")))
        auth = order.get("auth") or {}
        provider = self._estate.network.stock.by_host(parts.hostname or "")
        if provider is None:
            message = f"Provider {parts.scheme}://{parts.netloc} is temporarily unavailable"
            raise BadOrder(_plain(503, message))
        if order.get("providerAddress") != provider.owner:
            raise BadOrder(_plain(495, "Invalid certificate error: unknownCertificate"))
        return Asked(
            provider=provider,
            method=method,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            token=auth.get("token") if isinstance(auth, dict) else None,
            body=str(order.get("body") or ""),
            now=now,
        )

    def _direct(self, call: Call) -> Asked | Reply:
        provider = self._estate.network.stock.find(call.params["address"])
        if provider is None:
            return _plain(404, "404 page not found")
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if scheme and scheme.lower() != "bearer":
            return Reply({"message": "invalid authorization header"}, 400)
        return Asked(
            provider=provider,
            method=call.method,
            path="/" + call.params["rest"].rstrip("/"),
            query=call.query,
            token=token or None,
            body=call.body.decode(errors="replace"),
            now=call.now,
        )


@dataclass(frozen=True)
class _Line:
    """A stream that the proxy keeps open for its client."""

    asked: Asked
    stream: Conversation


class Talk:
    """One client of the proxy's WebSocket: it may have several providers' streams open at a time."""

    def __init__(self, proxy: Proxy, gate: Gate) -> None:
        self._proxy = proxy
        self._gate = gate
        self._lines: dict[str, _Line] = {}

    def heard(self, text: str, now: datetime) -> Words:
        try:
            message = json.loads(text)
        except ValueError:
            return _invalid("Invalid JSON")
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "ping":
            return (_frame({"type": "pong"}),)
        if kind != "websocket":
            return _invalid("Invalid discriminator value. Expected 'ping' | 'websocket'")
        return self._open(message, now)

    def due(self, now: datetime) -> Words:
        return [word for url in list(self._lines) for word in self._said(url, now)]

    def _open(self, message: Mapping[str, Any], now: datetime) -> Words:
        try:
            asked = self._proxy.asked({**message, "method": "GET"}, now)
            stream = self._gate.stream(asked)
        except BadOrder as exc:
            if exc.reply.status == 495:
                return (HangUp(1008, "invalidCertificate.unknownCertificate"),)
            return _invalid("url") if exc.reply.status == 400 else (_closed(_HANDSHAKE_FAILED, ""),)
        except TokenRefused as refused:
            return (_expired() if refused.expired else _closed(_HANDSHAKE_FAILED, refused.message),)
        self._lines[str(message["url"])] = _Line(asked, stream)
        return ()

    def _said(self, url: str, now: datetime) -> list[Frame]:
        """What a provider says, wrapped; a token that runs out meanwhile ends the stream."""
        line = self._lines[url]
        try:
            self._gate.check_again(replace(line.asked, now=now))
        except TokenRefused:
            del self._lines[url]
            return [_expired()]
        frames = []
        for word in line.stream.due(now):
            if isinstance(word, HangUp):
                del self._lines[url]
                frames.append(_closed(word.code, word.reason))
            else:
                frames.append(_frame({"type": "websocket", "message": word.text}))
        return frames


def _url(value: Any) -> str:
    """An address that the proxy would call. Raises BadOrder."""
    parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    host = parts.hostname or ""
    if parts.scheme != "https" or not host or _ADDRESS.search(host) or host.endswith(".local"):
        raise BadOrder(_bad("url", "Invalid url"))
    return str(value)


def _frame(body: Mapping[str, Any]) -> Frame:
    return Frame(json.dumps(body))


def _closed(code: int, reason: str) -> Frame:
    return _frame({"type": "websocket", "message": "", "closed": True, "code": code, "reason": reason})


def _expired() -> Frame:
    return _frame({"type": "websocket", "error": "tokenExpired"})


def _invalid(message: str) -> Words:
    errors = [{"code": "custom", "path": [], "message": message}]
    body = {
        "message": "Message doesn't match expected schema",
        "error": "Invalid message format",
        "errors": errors,
    }
    return (_frame(body),)


def _bad(name: str, message: str) -> Reply:
    issues = [{"code": "custom", "path": [name], "message": message}]
    return marked(Reply({"success": False, "error": {"name": "ZodError", "issues": issues}}, 400))


def _plain(status: int, text: str) -> Reply:
    return Reply(text, status, content_type="text/plain")
