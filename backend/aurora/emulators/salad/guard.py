"""The door of the API: who may come in, to which organization, and how often (contract, section 2)."""

import math
import re
from dataclasses import dataclass, field

from aurora.emulators.exchange import Call, Handler, Reply
from aurora.emulators.marketplace import World
from aurora.emulators.pace import WindowGate
from aurora.emulators.salad import replies, schema
from aurora.emulators.salad.estate import Estate
from aurora.emulators.salad.replies import Refused

_REFUSED_KEY = "invalid"
_UNKNOWN = "unknown"  # the organization, and the project, that do not exist
_BLOCKED_AGENT = "python-urllib"
_NAME = re.compile(schema.NAME)
_WINDOW_S = 60.0


@dataclass
class Guard:
    """Wraps handlers. All keys open the same account, and every organization but one exists."""

    world: World
    estate: Estate
    _gate: WindowGate | None = field(default=None, init=False)
    _gate_calls: int = field(default=0, init=False)

    def member(self, handler: Handler) -> Handler:
        def guarded(call: Call) -> Reply:
            if call.headers.get("User-Agent", "").lower().startswith(_BLOCKED_AGENT):
                return replies.blocked()
            try:
                self._admit(call)
                self.estate.advance(call.now)
                return marked(handler(call))
            except Refused as refusal:
                return refusal.reply

        return guarded

    def _admit(self, call: Call) -> None:
        key = call.headers.get("Salad-Api-Key", "").strip()
        if not key:
            raise Refused(401, "The Salad-Api-Key header is missing.")
        if key == _REFUSED_KEY:
            raise Refused(self.estate.knobs.bad_key_status, "The API key is not valid.")
        self._pace(call, key)
        for kind in ("organization", "project", "group"):
            name = call.params.get(kind)
            if name is not None and not _NAME.fullmatch(name):
                raise Refused(400, f"{kind}_name must match {schema.NAME}")
            if name == _UNKNOWN and kind != "group":
                raise replies.missing(f"The {kind} {name}")

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
            raise Refused(429, f"More than {calls} requests in a minute.", headers=headers)


def marked(reply: Reply) -> Reply:
    """Say in every JSON object that it is not the real market's."""
    if isinstance(reply.body, dict) and reply.status < 400:
        return reply.with_body({**reply.body, "emulated": True})
    return reply
