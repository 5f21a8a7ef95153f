"""What an adapter itself saw of its market: the documented extension API `provider.get_metrics()`."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aurora.domain.errors import ProviderError
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard
from aurora.resilience.verdict import Verdict, judge

T = TypeVar("T")

WINDOW = 100
"""Outcomes that the success rate looks back on."""


class ProviderMetrics:
    """Outcomes of one provider's calls, judged as the breaker judges them: "offer gone" is a good answer, a 429 or
    our own limiter says nothing.
    """

    def __init__(self) -> None:
        self._window: deque[bool] = deque(maxlen=WINDOW)
        self.successes = 0
        self.failures = 0

    def __repr__(self) -> str:
        return f"ProviderMetrics({self.successes} ok, {self.failures} failed, rate {self.get_success_rate()})"

    def record(self, error: ProviderError | None) -> None:
        """One outcome; None is success."""
        verdict = judge(error)
        if verdict is Verdict.NEUTRAL:
            return
        self._window.append(verdict is Verdict.OK)
        if verdict is Verdict.OK:
            self.successes += 1
        else:
            self.failures += 1

    def get_success_rate(self) -> float | None:
        """Fraction of the last `WINDOW` outcomes, 0..1; None without any."""
        return sum(self._window) / len(self._window) if self._window else None


class MeteredGuard:
    """A guard that also counts outcomes. It changes no call."""

    def __init__(self, guard: CallGuard) -> None:
        self._guard = guard
        self.metrics = ProviderMetrics()

    async def call(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
        cost: float = 1.0,
    ) -> T:
        """As `CallGuard.call`. An answer out of the cache is no outcome."""

        async def counted() -> T:
            answer = await send()
            self.metrics.record(None)
            return answer

        try:
            return await self._guard.call(
                operation, counted, endpoint=endpoint, cache_key=cache_key, cost=cost
            )
        except ProviderError as error:
            self.metrics.record(error)
            raise

    def charge(self, endpoint: str, amount: float) -> None:
        """As `CallGuard.charge`."""
        self._guard.charge(endpoint, amount)


class DirectGuard:
    """Sends straight through: for a provider that was registered without a guard, and for tests."""

    async def call(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
        cost: float = 1.0,
    ) -> T:
        """Send it."""
        del operation, endpoint, cache_key, cost
        return await send()

    def charge(self, endpoint: str, amount: float) -> None:
        """Nothing is limited."""
