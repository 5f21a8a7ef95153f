"""The door of the API: who may come in, and how often (contract, sections 2, 3 and 13)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aurora.emulators.exchange import Call, Handler, Reply
from aurora.emulators.marketplace import World
from aurora.emulators.pace import DailyQuota, Interval, IntervalGate, WindowGate
from aurora.emulators.vastai import replies

_REFUSED_KEY = "invalid"
_SEARCHES_PER_MINUTE = 10  # per client address
# Documented least intervals, by our names of the endpoints (section 3).
INTERVALS: Mapping[str, Interval] = {
    "create": Interval(4.5, penalty=12.0),
    "status": Interval(2.0),
    "list": Interval(1.0),
    "manage": Interval(1.0),
    "restart": Interval(1.0),
    "bid": Interval(5.5),
    "command": Interval(1.5),
    "terminate": Interval(3.0),
    "charges": Interval(1.0),
}


def key_of(call: Call) -> str | None:
    """The caller's key: the header, else the query parameter of old clients."""
    scheme, _, key = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return call.query.get("api_key") or None


def caller_of(call: Call) -> str:
    """The identity that limits apply to: key and address."""
    return f"{key_of(call) or ''}@{call.peer}"


@dataclass(frozen=True)
class Guard:
    """Wraps handlers. In relaxed runs nothing is limited; keys are checked always."""

    world: World
    intervals: IntervalGate = field(init=False)
    searches: WindowGate = field(init=False)
    rows: DailyQuota = field(init=False)

    def __post_init__(self) -> None:
        """One set of counters for all endpoints."""
        clock = self.world.clock
        object.__setattr__(self, "intervals", IntervalGate(clock))
        object.__setattr__(self, "searches", WindowGate(clock, calls=_SEARCHES_PER_MINUTE, seconds=60))
        object.__setattr__(self, "rows", DailyQuota(clock, self.world.options.daily_rows))

    def member(
        self, handler: Handler, *, limit: str | None = None, refusal: Callable[[], Reply] = replies.bad_key
    ) -> Handler:
        """Only with a key; `limit` names the interval to keep."""

        def guarded(call: Call) -> Reply:
            key = key_of(call)
            if key is None:
                return replies.bad_key()
            if key == _REFUSED_KEY:
                return refusal()
            return self._paced(call, handler, limit=limit)

        return _understood(guarded)

    def search(self, handler: Handler) -> Handler:
        """With or without a key, but not with a wrong one; ten a minute for each address, and rows by the day."""

        def guarded(call: Call) -> Reply:
            if key_of(call) == _REFUSED_KEY:
                return replies.bad_search_key()
            if self.world.options.realistic and not self.searches.admit(call.peer):
                return replies.too_many_searches()
            return self._rationed(call, handler)

        return _understood(guarded)

    def _paced(self, call: Call, handler: Handler, *, limit: str | None) -> Reply:
        if limit and self.world.options.realistic:
            interval = INTERVALS[limit]
            if not self.intervals.admit(limit, caller_of(call), interval):
                late = replies.too_frequent_destroy if limit == "terminate" else replies.too_frequent
                return late(interval.seconds)
        return handler(call)

    def _rationed(self, call: Call, handler: Handler) -> Reply:
        if not self.world.options.realistic:
            return handler(call)
        caller = caller_of(call)
        if not self.rows.left(caller):
            return replies.quota_exceeded(self.rows.resets_at().timestamp())
        reply = handler(call)
        if reply.status == 200:
            self.rows.use(caller, len(reply.body["offers"]))
        return reply


def _understood(handler: Handler) -> Handler:
    """Turn what cannot be read into the provider's 400."""

    def guarded(call: Call) -> Reply:
        try:
            return handler(call)
        except replies.BadRequest as exc:
            return replies.bad_request(str(exc))
        except replies.BadToken:
            return replies.bad_token()
        except ValueError:  # of JSON or of its encoding
            return replies.bad_json()

    return guarded
