"""What passes between an adapter and its market during an examination; nothing that changes anything passes."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from statistics import median
from typing import TypeVar

from aurora.conformance.report import Timing
from aurora.domain.clock import Clock
from aurora.domain.errors import NotSupported, ProviderError
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard

T = TypeVar("T")

WRITES = frozenset({Operation.CREATE, Operation.TERMINATE})
"""Operations that spend, change or end something."""
_ABOUT_LIMITS = ("ratelimit", "rate-limit", "retry-after")


class Watch:
    """Takes the time of every request, and keeps the headers about limits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._took: dict[Operation, list[float]] = defaultdict(list)
        self._failed: dict[Operation, int] = defaultdict(int)
        self.limit_headers: dict[str, str] = {}
        self.refused_writes = 0

    def guard(self, guard: CallGuard) -> "ReadOnlyGuard":
        """The guard that the adapter gets."""
        return ReadOnlyGuard(guard, self)

    def heard(self, headers: Mapping[str, str]) -> None:
        """The headers of one answer."""
        for name, text in headers.items():
            if any(word in name.lower() for word in _ABOUT_LIMITS):
                self.limit_headers[name] = text[:120]

    async def timed(self, operation: Operation, send: Callable[[], Awaitable[T]]) -> T:
        """Send it and take its time."""
        began = self._clock.monotonic()
        try:
            return await send()
        except ProviderError:
            self._failed[operation] += 1
            raise
        finally:
            self._took[operation].append((self._clock.monotonic() - began) * 1000)

    def timings(self) -> tuple[Timing, ...]:
        return tuple(
            Timing(operation.value, len(took), self._failed[operation], median(took), max(took))
            for operation, took in sorted(self._took.items())
        )


class ReadOnlyGuard:
    """A guard through which no write passes, whatever the adapter does."""

    def __init__(self, guard: CallGuard, watch: Watch) -> None:
        self._guard = guard
        self._watch = watch

    async def call(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
        cost: float = 1.0,
    ) -> T:
        """As `CallGuard.call`. Raises NotSupported for what would change something; it is never sent."""
        if operation in WRITES:
            self._watch.refused_writes += 1
            raise NotSupported("conformance", f"an examination never sends a {operation.value}")
        return await self._guard.call(
            operation,
            lambda: self._watch.timed(operation, send),
            endpoint=endpoint,
            cache_key=cache_key,
            cost=cost,
        )

    def charge(self, endpoint: str, amount: float) -> None:
        """As `CallGuard.charge`."""
        self._guard.charge(endpoint, amount)
