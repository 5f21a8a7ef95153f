"""What the parts of the adapter share: the way to the API, time, and what is remembered.

Everything remembered may be forgotten: a restart costs a few requests, no money.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from aurora.domain.clock import Clock
from aurora.domain.instance import Endpoint
from aurora.domain.operation import Operation
from aurora.providers.base import MOST_ROWS, CallGuard
from aurora.providers.ionet.client import IonetClient
from aurora.providers.ionet.money import RefundRule

T = TypeVar("T")

_MOST_KNOWN = 10_000


@dataclass(slots=True)
class Known:
    """One deployment. Times are the clock's monotonic seconds."""

    name: str | None = None
    created_at: float | None = None
    """Made by this process then; None for one that it only came to know."""
    shown: bool = False
    """The market has shown it: from then on its absence is no lag."""
    ended: bool = False
    """We asked for its end: its absence is no lag."""
    endpoints: tuple[Endpoint, ...] = ()
    looked_at: float = float("-inf")
    """When its containers were asked for."""


@dataclass(slots=True)
class Parts:
    """One account's."""

    name: str
    client: IonetClient
    guard: CallGuard
    clock: Clock
    refund: RefundRule = RefundRule.FIRST_HOUR_KEPT
    most_rows: int = MOST_ROWS
    _known: dict[str, Known] = field(default_factory=dict)

    async def call(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
    ) -> T:
        """One request through the guard."""
        return await self.guard.call(operation, send, endpoint=endpoint, cache_key=cache_key)

    def known(self, deployment: str) -> Known:
        """What is known of it; from now on it is known."""
        while len(self._known) >= _MOST_KNOWN and deployment not in self._known:
            self._known.pop(next(iter(self._known)))
        return self._known.setdefault(deployment, Known())
