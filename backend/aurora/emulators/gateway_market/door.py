"""The door of a gateway: who may come in, how often, and the headers of every answer."""

import math
import random
import re
from dataclasses import dataclass, field, replace

from aurora.emulators.exchange import Call, Handler, Reply
from aurora.emulators.gateway_market.replies import Refused
from aurora.emulators.marketplace import World
from aurora.emulators.pace import WindowGate

_REFUSED_KEY, _READ_ONLY_KEY = "invalid", "readonly"
_READING = frozenset({"GET", "HEAD"})
_CALLS_PER_MINUTE, _RELAXED_CALLS = 100, 1_000_000
_WINDOW_S = 60.0
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True)
class Door:
    """Wraps handlers. All keys open the same account; one key is refused, one may only look."""

    world: World
    brand: str
    window: WindowGate = field(init=False)
    ids: random.Random = field(init=False)
    calls: int = field(init=False)

    def __post_init__(self) -> None:
        """One count of calls for all routes; relaxed runs never reach its end."""
        calls = _CALLS_PER_MINUTE if self.world.options.realistic else _RELAXED_CALLS
        object.__setattr__(self, "calls", calls)
        object.__setattr__(self, "window", WindowGate(self.world.clock, calls=calls, seconds=_WINDOW_S))
        object.__setattr__(self, "ids", random.Random(f"{self.world.options.seed}:{self.brand}:requests"))

    def member(self, handler: Handler) -> Handler:
        """Only with a key."""

        def keyed(call: Call) -> Reply:
            key = _key_of(call)
            if key is None or key == _REFUSED_KEY:
                raise Refused("unauthenticated", "the key is missing or wrong")
            if key == _READ_ONLY_KEY and call.method not in _READING:
                raise Refused("forbidden", "this key may only look")
            return handler(call)

        return self.public(keyed)

    def public(self, handler: Handler) -> Handler:
        """With or without a key, a hundred a minute for each key (without one, for each address)."""

        def guarded(call: Call) -> Reply:
            request_id = self._request_id(call)
            caller = _key_of(call) or call.peer
            try:
                reply = self._counted(call, handler, caller=caller)
            except Refused as refusal:
                reply = refusal.reply(request_id)
            return self._with_headers(reply, caller=caller, request_id=request_id)

        return guarded

    def _counted(self, call: Call, handler: Handler, *, caller: str) -> Reply:
        if not self.window.admit(caller):
            wait = (self.window.opens_at(caller) - call.now).total_seconds()
            raise Refused("rate_limited", "too many calls", retry_after=max(1, math.ceil(wait)))
        return handler(call)

    def _with_headers(self, reply: Reply, *, caller: str, request_id: str) -> Reply:
        headers = {
            "X-Request-Id": request_id,
            "X-RateLimit-Limit": str(self.calls),
            "X-RateLimit-Remaining": str(self.window.left(caller)),
            "X-RateLimit-Reset": str(math.ceil(self.window.opens_at(caller).timestamp())),
        }
        return replace(reply, headers={**reply.headers, **headers})

    def _request_id(self, call: Call) -> str:
        given = call.headers.get("X-Request-Id", "")
        return given if _REQUEST_ID.fullmatch(given) else f"{self.ids.getrandbits(64):016x}"


def _key_of(call: Call) -> str | None:
    scheme, _, key = call.headers.get("Authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
