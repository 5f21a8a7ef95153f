"""The guard that adapters get where requests are traced."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard
from aurora.telemetry.tracing import Tracer

T = TypeVar("T")


class TracedGuard:
    """Fits `providers.base.CallGuard`: each call is a span, below which its attempts are spans (`TraceHook`)."""

    def __init__(self, guard: CallGuard, tracer: Tracer, *, provider: str) -> None:
        self._guard = guard
        self._tracer = tracer
        self._provider = provider

    async def call(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
        cost: float = 1.0,
    ) -> T:
        """As `CallGuard.call`."""
        named = {"aurora.provider": self._provider, "aurora.operation": operation.value}
        with self._tracer.span(f"guard {self._provider} {operation}", attributes=named):
            return await self._guard.call(operation, send, endpoint=endpoint, cache_key=cache_key, cost=cost)

    def charge(self, endpoint: str, amount: float) -> None:
        """As `CallGuard.charge`."""
        self._guard.charge(endpoint, amount)
