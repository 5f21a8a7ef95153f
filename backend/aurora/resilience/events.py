"""What happened, told to listeners: telemetry counts and logs, the database keeps dated pauses."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from aurora.domain.health import BreakerState
from aurora.domain.operation import Operation, OperationClass
from aurora.resilience.verdict import Verdict


@dataclass(frozen=True, slots=True)
class CallFinished:
    """One attempt that was really sent (a retry is another)."""

    provider: str
    operation: Operation
    endpoint: str
    outcome: Verdict
    ms: float
    code: str | None
    """The error's code; None after a success, `internal` for a bug, `cancelled` for a cancellation."""


@dataclass(frozen=True, slots=True)
class Retried:
    """Another attempt follows after `delay_s`."""

    provider: str
    operation: Operation
    attempt: int
    """The attempt that failed, from 1."""
    delay_s: float
    code: str


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    provider: str
    operation_class: OperationClass
    old: BreakerState
    new: BreakerState
    retry_after: float | None
    """Seconds to the first probe, when it opened."""


@dataclass(frozen=True, slots=True)
class BreakerRefused:
    """A call was not made because the circuit is open."""

    provider: str
    operation: Operation
    retry_after: float


@dataclass(frozen=True, slots=True)
class RateLimitedLocally:
    """Our own limiter or bulkhead had no room; the provider was not asked."""

    provider: str
    operation: Operation
    endpoint: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class PauseSet:
    """The provider asked for silence. A dated one must survive a restart: store it, hand it to `restore`."""

    provider: str
    endpoint: str | None
    """None: the whole provider."""
    until: datetime
    reason: str
    dated: bool


@dataclass(frozen=True, slots=True)
class PauseEnded:
    provider: str
    endpoint: str | None
    dated: bool


@dataclass(frozen=True, slots=True)
class CacheHit:
    provider: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class CacheMiss:
    provider: str
    operation: Operation
    coalesced: bool
    """True: somebody else's load was joined."""


@dataclass(frozen=True, slots=True)
class StaleServed:
    provider: str
    operation: Operation
    age_s: float
    code: str | None
    """Why there is nothing fresh; None while a refresh runs beside."""


@dataclass(frozen=True, slots=True)
class CredentialChanged:
    """The credential was refused, or is accepted again."""

    provider: str
    refused: bool
    detail: str


Event = (
    CallFinished
    | Retried
    | BreakerChanged
    | BreakerRefused
    | RateLimitedLocally
    | PauseSet
    | PauseEnded
    | CacheHit
    | CacheMiss
    | StaleServed
    | CredentialChanged
)

Listener = Callable[[Event], None]


class Hooks:
    """The listeners. They are called in the call's path: they must be quick and must not block.

    Falsy while nobody listens, so that events need not be built: `if hooks: hooks.emit(...)`.
    """

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._listeners = tuple(listeners)
        self.errors = 0
        """Listeners' exceptions so far; they never reach a call."""

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Listener) -> None:
        self._listeners = (*self._listeners, listener)

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - a listener's bug must not become the call's
                self.errors += 1
