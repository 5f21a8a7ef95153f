"""The door of the API: who may come in, and how often (contract, sections 1 and 5)."""

from dataclasses import dataclass, field

from aurora.emulators.exchange import Call, Handler, Reply
from aurora.emulators.ionet.estate import Estate
from aurora.emulators.ionet.replies import Refused
from aurora.emulators.marketplace import World
from aurora.emulators.pace import MinuteGate

_REFUSED_KEY = "invalid"


@dataclass
class Guard:
    """Wraps handlers. All keys open the same account; only `X-API-KEY` is read."""

    world: World
    estate: Estate
    _gate: MinuteGate = field(init=False)

    def __post_init__(self) -> None:
        self._gate = MinuteGate(self.world.clock)

    def public(self, handler: Handler) -> Handler:
        """With or without a key."""

        def guarded(call: Call) -> Reply:
            try:
                self.estate.advance(call.now)
                return handler(call).marked()
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
            self._pace(key)
            return handler(call)

        return self.public(checked)

    def _pace(self, key: str) -> None:
        calls = int(self.estate.knobs.requests_per_minute)
        if not self.world.options.realistic or calls < 1:
            return
        wait = self._gate.wait_s(key, calls=calls)
        if wait:
            headers = {"Retry-After": str(wait)} if self.estate.knobs.retry_after else {}
            raise Refused(429, "Too Many Requests", headers)
