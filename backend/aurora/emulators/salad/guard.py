"""The door of the API: who may come in, to which organization, and how often (contract, section 2)."""

import re
from dataclasses import dataclass, field

from aurora.emulators.exchange import Call, Handler, Reply
from aurora.emulators.marketplace import World
from aurora.emulators.pace import MinuteGate
from aurora.emulators.salad import replies, schema
from aurora.emulators.salad.estate import Estate
from aurora.emulators.salad.replies import Refused

_REFUSED_KEY = "invalid"
_UNKNOWN = "unknown"  # the organization, and the project, that do not exist
_BLOCKED_AGENT = "python-urllib"
_NAME = re.compile(schema.NAME)


@dataclass
class Guard:
    """Wraps handlers. All keys open the same account, and every organization but one exists."""

    world: World
    estate: Estate
    _gate: MinuteGate = field(init=False)

    def __post_init__(self) -> None:
        self._gate = MinuteGate(self.world.clock)

    def member(self, handler: Handler) -> Handler:
        def guarded(call: Call) -> Reply:
            if call.headers.get("User-Agent", "").lower().startswith(_BLOCKED_AGENT):
                return replies.blocked()
            try:
                self._admit(call)
                self.estate.advance(call.now)
                return handler(call).marked()
            except Refused as refusal:
                return refusal.reply

        return guarded

    def _admit(self, call: Call) -> None:
        key = call.headers.get("Salad-Api-Key", "").strip()
        if not key:
            raise Refused(401, "The Salad-Api-Key header is missing.")
        if key == _REFUSED_KEY:
            raise Refused(self.estate.knobs.bad_key_status, "The API key is not valid.")
        self._pace(key)
        for kind in ("organization", "project", "group"):
            name = call.params.get(kind)
            if name is not None and not _NAME.fullmatch(name):
                raise Refused(400, f"{kind}_name must match {schema.NAME}")
            if name == _UNKNOWN and kind != "group":
                raise replies.missing(f"The {kind} {name}")

    def _pace(self, key: str) -> None:
        calls = int(self.estate.knobs.requests_per_minute)
        if not self.world.options.realistic or calls < 1:
            return
        wait = self._gate.wait_s(key, calls=calls)
        if wait:
            headers = {"Retry-After": str(wait)} if self.estate.knobs.retry_after else {}
            raise Refused(429, f"More than {calls} requests in a minute.", headers=headers)
