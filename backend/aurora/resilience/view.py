"""One provider's state at one moment, for the endpoints that show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from aurora.domain.health import BreakerState
from aurora.domain.operation import Operation, OperationClass
from aurora.resilience.breaker import BreakerView
from aurora.resilience.bulkhead import BulkheadView
from aurora.resilience.cache import CacheView
from aurora.resilience.limiter import LimiterView
from aurora.resilience.pause import Pause
from aurora.resilience.retry import RetryView
from aurora.resilience.window import WindowView


class BuyingView(NamedTuple):
    """What may keep anything from being bought at one provider."""

    create: BreakerState
    pauses: tuple[Pause, ...]
    refused_operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class GuardView:
    provider: str
    at: datetime
    breaker: BreakerView
    """The worst of the classes."""
    breakers: Mapping[OperationClass, BreakerView]
    limiter: LimiterView
    bulkhead: BulkheadView
    cache: CacheView
    window: WindowView
    retry: RetryView
    pauses: tuple[Pause, ...]
    paused: str | None
    """Why calls are held back now; None when they are not."""
    auth_failed_at: datetime | None
    """Since when the credential, or one of its rights, is refused."""
    refused_operations: tuple[Operation, ...]
    listener_errors: int
