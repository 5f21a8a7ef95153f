"""The resilience layers of one provider: deadline, cache, then the pipeline (retry, breaker, limiter, ...)."""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar, cast

from aurora.domain.clock import Clock
from aurora.domain.operation import CACHEABLE, Operation, OperationClass
from aurora.resilience import deadline
from aurora.resilience.breaker import Breaker, worst
from aurora.resilience.cache import Cache, Entry, Fetched, Key
from aurora.resilience.credential import Credential
from aurora.resilience.events import Hooks
from aurora.resilience.limiter import Limiter
from aurora.resilience.pause import Pause
from aurora.resilience.pipeline import Pipeline, Request
from aurora.resilience.policy import GuardPolicy, LimiterPolicy
from aurora.resilience.shared import Shared
from aurora.resilience.view import BuyingView, GuardView

T = TypeVar("T")


class Guard:
    """Everything between an adapter and its provider. Fits `aurora.providers.base.CallGuard`."""

    def __init__(
        self,
        provider: str,
        policy: GuardPolicy,
        *,
        clock: Clock,
        rng: random.Random,
        hooks: Hooks | None = None,
    ) -> None:
        self.provider = provider
        self._policy = policy
        self._clock = clock
        self._hooks = Hooks() if hooks is None else hooks
        self._pipeline = Pipeline(provider, policy, clock=clock, rng=rng, hooks=self._hooks)
        self._cache = Cache(
            provider,
            policy.cache,
            clock=clock,
            rng=rng,
            success_rate=self._pipeline.window.success_rate,
            hooks=self._hooks,
        )

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
        """Run one upstream request under the operation's rules; see `CallGuard.call`.

        `fresh` passes the cache by and refills it. Raises ProviderError subclasses, or a bug of `send`. A CREATE
        whose outcome is not certain raises OutcomeUnknown. Values of cacheable calls go to many callers: they
        must not be mutable.
        """
        key = self._key(operation, cache_key)
        if key is not None and not fresh:
            entry = self._cache.hit(key)
            if entry is not None:
                return cast("T", entry.value)
        request = self._request(operation, send, endpoint, cost)
        if key is None:
            return cast("T", await self._pipeline.run(request))
        return cast("T", (await self._fetched(key, request, fresh=fresh)).value)

    async def call_fetched(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[T]],
        *,
        endpoint: str | None = None,
        cache_key: str | None = None,
        cost: float = 1.0,
        fresh: bool = False,
    ) -> Fetched[T]:
        """As `call`, with the answer's origin and age: an old one that stands in for a failure is `stale`."""
        key = self._key(operation, cache_key)
        entry: Entry | None = None
        if key is not None and not fresh:
            entry = self._cache.hit(key)
        if entry is not None:
            age_s = self._clock.monotonic() - entry.stored_at
            return Fetched(cast("T", entry.value), age_s=age_s, from_cache=True)
        request = self._request(operation, send, endpoint, cost)
        if key is None:
            return Fetched(cast("T", await self._pipeline.run(request)))
        return cast("Fetched[T]", await self._fetched(key, request, fresh=fresh))

    async def probe(
        self, operation: Operation, send: Callable[[], Awaitable[T]], *, force: bool = False
    ) -> T:
        """Ask the provider now: one attempt, no cache, no retry.

        While the circuit is open it raises CircuitBreakerOpen, unless `force`, which also passes a refused
        credential by; tokens and pauses hold for it as for everybody.
        """
        own = self._clock.monotonic() + self._policy.attempt_timeout_s
        request = Request(operation, send, operation.value, 1.0, min(deadline.ends_at(), own), force=force)
        return cast("T", await self._pipeline.attempt(request))

    def join(self, shared: Shared) -> None:
        """From now on tokens and circuits are those of all replicas. Before the first call."""
        self._pipeline.limiter.shared = shared.limits
        self._pipeline.circuits = shared.circuits

    @property
    def breakers(self) -> Mapping[OperationClass, Breaker]:
        """For those who keep them equal on all replicas."""
        return self._pipeline.breakers

    @property
    def limiter(self) -> Limiter:
        """As `breakers`; its pauses too."""
        return self._pipeline.limiter

    @property
    def credential(self) -> Credential:
        return self._pipeline.credential

    @property
    def policy(self) -> GuardPolicy:
        return self._policy

    def charge(self, endpoint: str, amount: float) -> None:
        """Take `amount` from an endpoint class after the fact (a quota counted in returned rows)."""
        self._pipeline.limiter.charge(endpoint, amount)

    def set_limits(self, policy: LimiterPolicy) -> None:
        """Meter by other numbers from now on; what was used stays used, pauses stay."""
        self._pipeline.limiter.set_limits(policy)

    def restore(self, pauses: Iterable[Pause]) -> None:
        """Keep the silence that was asked of a former process."""
        self._pipeline.limiter.pauses.restore(pauses)

    def invalidate_cache(self) -> int:
        """Forget every answer; returns how many entries were dropped."""
        return self._cache.invalidate()

    def reset_breaker(self, operation_class: OperationClass | None = None) -> None:
        """Close one class; or, with None, all of them, and end the pauses that the provider did not date."""
        for each in OperationClass if operation_class is None else (operation_class,):
            self._pipeline.breakers[each].reset()
        if operation_class is None:
            self._pipeline.limiter.pauses.clear_undated()

    def buying(self) -> BuyingView:
        """What stands in the way of buying: a small part of `view`, since every decision asks."""
        pipeline = self._pipeline
        return BuyingView(
            create=pipeline.breakers[OperationClass.CREATE].view().state,
            pauses=pipeline.limiter.pauses.active(),
            refused_operations=pipeline.credential.refused_operations,
        )

    def view(self) -> GuardView:
        pipeline = self._pipeline
        breakers = {each: breaker.view() for each, breaker in pipeline.breakers.items()}
        limiter = pipeline.limiter.view()
        longest = max(limiter.pauses, key=lambda pause: pause.until, default=None)
        return GuardView(
            provider=self.provider,
            at=self._clock.now(),
            breaker=worst(list(breakers.values())),
            breakers=breakers,
            limiter=limiter,
            bulkhead=pipeline.bulkhead.view(),
            cache=self._cache.view(),
            window=pipeline.window.view(),
            retry=pipeline.retry.view(),
            pauses=limiter.pauses,
            paused=None if longest is None else longest.reason,
            auth_failed_at=pipeline.credential.failed_at,
            refused_operations=pipeline.credential.refused_operations,
            listener_errors=self._hooks.errors,
        )

    async def aclose(self) -> None:
        """Stop loads that outlived their callers."""
        await self._cache.aclose()

    def _key(self, operation: Operation, cache_key: str | None) -> Key | None:
        """None: not to be cached."""
        if cache_key is None or not self._cache.enabled or operation not in CACHEABLE:
            return None
        return (operation, cache_key)

    def _request(
        self, operation: Operation, send: Callable[[], Awaitable[object]], endpoint: str | None, cost: float
    ) -> Request:
        ends_at = min(deadline.ends_at(), self._clock.monotonic() + self._policy.background_deadline_s)
        return Request(operation, send, endpoint or operation.value, cost, ends_at)

    async def _fetched(self, key: Key, request: Request, *, fresh: bool) -> Fetched[object]:
        async def load(ends_at: float) -> object:
            request.ends_at = ends_at
            return await self._pipeline.run(request)

        return await self._cache.fetch(
            key,
            load,
            fresh=fresh,
            ends_at=request.ends_at,
            refresh_s=self._policy.background_deadline_s,
        )
