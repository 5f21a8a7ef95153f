"""The door of the API: who may come in, and how often (contract, sections 1 and 5)."""

import math
from dataclasses import dataclass, field

from aurora.emulators.exchange import Call, Handler, Reply
from aurora.emulators.ionet.estate import Estate
from aurora.emulators.ionet.replies import Refused
from aurora.emulators.marketplace import World
from aurora.emulators.pace import WindowGate

_REFUSED_KEY = "invalid"
_WINDOW_S = 60.0


@dataclass
class Guard:
    """Wraps handlers. All keys open the same account; only `X-API-KEY` is read."""

    world: World
    estate: Estate
    _gate: WindowGate | None = field(default=None, init=False)
    _gate_calls: int = field(default=0, init=False)

    def public(self, handler: Handler) -> Handler:
        """With or without a key."""

        def guarded(call: Call) -> Reply:
            try:
                self.estate.advance(call.now)
                return marked(handler(call))
            except Refused as refusal:
                return refusal.reply

        return guarded

    def member(self, handler: Handler) -> Handler:
        """Only with a key, and in limited runs not too often."""

        def checked(call: Call) -> Reply:
            key = call.headers.get("x-api-key", "").strip()
            if not key:
                raise Refused(401, "Unauthorized")
            if key == _REFUSED_KEY:
                raise Refused(self.estate.knobs.bad_key_status, "Invalid API key")
            self._pace(call, key)
            return handler(call)

        return self.public(checked)

    def _pace(self, call: Call, key: str) -> None:
        calls = int(self.estate.knobs.requests_per_minute)
        if not self.world.options.realistic or calls < 1:
            return
        if self._gate is None or self._gate_calls != calls:
            self._gate = WindowGate(self.world.clock, calls=calls, seconds=_WINDOW_S)
            self._gate_calls = calls
        if not self._gate.admit(key):
            wait = math.ceil((self._gate.opens_at(key) - call.now).total_seconds())
            headers = {"Retry-After": str(max(1, wait))} if self.estate.knobs.retry_after else {}
            raise Refused(429, "Too Many Requests", headers)


def marked(reply: Reply) -> Reply:
    """Say in every JSON object that it is not the real market's."""
    if isinstance(reply.body, dict) and reply.status < 400:
        return reply.with_body({**reply.body, "emulated": True})
    return reply
