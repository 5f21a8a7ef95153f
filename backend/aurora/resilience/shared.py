"""What the replicas of one installation share of a provider, by shape. Alone, a guard has none of it.

Whoever implements it keeps the state somewhere that all replicas reach; nothing here knows where.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aurora.domain.health import BreakerState
from aurora.domain.operation import OperationClass
from aurora.resilience.verdict import Verdict


@dataclass(frozen=True, slots=True)
class SharedState:
    """One breaker as all replicas have it. The higher `generation` is the newer state."""

    state: BreakerState
    generation: int
    failures: int = 0
    """Consecutive counted failures, over all replicas."""
    probes: int = 0
    """Under way in half-open, over all replicas."""
    successes: int = 0
    """Good probes of this half-open."""
    trips: int = 0
    trips_in_a_row: int = 0
    open_left_s: float = 0.0
    """Seconds until the first probe."""
    open_since: datetime | None = None
    reset_by: str | None = None
    """Who closed it by hand, if that is how it was closed."""


@dataclass(frozen=True, slots=True)
class TokenWant:
    """`cost` tokens of one shared bucket, of which `keep` more must be left; and the bucket's numbers."""

    bucket: str
    cost: float
    keep: float
    capacity: float
    per_second: float


class SharedLimits(Protocol):
    """The tokens that all replicas take from."""

    async def take(self, wants: Sequence[TokenWant]) -> float:
        """0: all was taken. Else the seconds to wait, and nothing was taken. Never raises: it has its own fallback."""
        ...

    def charge(self, bucket: str, amount: float) -> None:
        """Take `amount` after the fact."""
        ...


class SharedCircuits(Protocol):
    """The breakers that all replicas share. The local ones follow them."""

    def rules(self, operation_class: OperationClass) -> bool:
        """False while the shared state cannot be reached: then the local breaker goes on by itself."""
        ...

    async def probe(self, operation_class: OperationClass, *, force: bool) -> bool:
        """Ask for leave to probe; the local breaker has adopted the answer. True: go on under its present state."""
        ...

    def tell(
        self, operation_class: OperationClass, generation: int, verdict: Verdict
    ) -> "asyncio.Future[None]":
        """The outcome of a call admitted under `generation`. Done when the local breaker has adopted the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Shared:
    """One provider's part."""

    limits: SharedLimits
    circuits: SharedCircuits
