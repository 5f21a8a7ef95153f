"""Asking a provider now: one call, no cache, no retry, whatever its adapter does for a health question."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from aurora.domain.clock import Clock
from aurora.domain.errors import CircuitBreakerOpen, DeadlineExceeded, ProviderError, RateLimitExceeded
from aurora.domain.operation import Operation
from aurora.providers.base import Provider
from aurora.resilience.guard import Guard

T = TypeVar("T")

_FORCE: ContextVar[bool | None] = ContextVar("aurora_probe_force", default=None)
"""None: calls as usual. Else every call of this task is a probe, forced or not."""


@contextmanager
def probing(*, force: bool = False) -> Iterator[None]:
    """Within, every call through a CheckableGuard is one probe; `force` also while the circuit is open."""
    token = _FORCE.set(force)
    try:
        yield
    finally:
        _FORCE.reset(token)


class CheckableGuard(Guard):
    """A Guard whose calls become probes inside `probing()`: adapters know `call` only."""

    async def call(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
        cost: float = 1.0,
        fresh: bool = False,
    ) -> T:
        """As `Guard.call`."""
        force = _FORCE.get()
        if force is not None:
            return await self.probe(operation, send, force=force)
        return await super().call(
            operation, send, endpoint=endpoint, cache_key=cache_key, cost=cost, fresh=fresh
        )


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one question. `ok` None: it was not asked, `skipped` says why."""

    ok: bool | None
    response_ms: float | None = None
    detail: str = ""
    credit_usd: float | None = None
    skipped: str | None = None
    retry_after: float | None = None
    """Seconds until asking again makes sense."""
    code: str | None = None
    """The error's code."""


async def check(provider: Provider, *, force: bool, clock: Clock) -> CheckResult:
    """One question to the provider. Never raises a ProviderError: a refusal or silence is the result."""
    started = clock.monotonic()
    try:
        with probing(force=force):
            report = await provider.health()
    except CircuitBreakerOpen as exc:
        return CheckResult(
            None, detail=exc.detail, skipped="circuit open", retry_after=exc.retry_after, code=exc.code
        )
    except RateLimitExceeded as exc:
        return CheckResult(
            None, detail=exc.detail, skipped="rate limited", retry_after=exc.retry_after, code=exc.code
        )
    except ProviderError as exc:
        if isinstance(exc, DeadlineExceeded) and exc.outcome_known:  # our own waiting took it all
            return CheckResult(None, detail=exc.detail, skipped="no time left", code=exc.code)
        elapsed_ms = (clock.monotonic() - started) * 1000
        return CheckResult(
            ok=False, response_ms=elapsed_ms, detail=exc.detail, retry_after=exc.retry_after, code=exc.code
        )
    return CheckResult(
        ok=report.ok, response_ms=report.response_ms, detail=report.detail, credit_usd=report.credit_usd
    )
