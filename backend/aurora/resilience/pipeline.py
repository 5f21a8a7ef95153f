"""What one upstream request passes through on its way out, and what its outcome tells to whom.

retry                              the only layer that repeats
 └ breaker.peek, credential.peek   refused at once; no token spent
    └ limiter                      bounded by the deadline; every attempt takes tokens
       └ bulkhead                  bounded too
          └ breaker.admit          a probe's permit is taken only now, after all waiting
             └ attempt time-out
                └ send
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aurora.domain.clock import Clock
from aurora.domain.errors import (
    AuroraError,
    CircuitBreakerOpen,
    CredentialRefused,
    DeadlineExceeded,
    OutcomeUnknown,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    Unavailable,
)
from aurora.domain.operation import CLASS_OF, REPEAT_OF, Operation, OperationClass
from aurora.resilience.breaker import Breaker
from aurora.resilience.bulkhead import Bulkhead
from aurora.resilience.credential import Credential
from aurora.resilience.events import BreakerRefused, CallFinished, Hooks, Retried
from aurora.resilience.limiter import Limiter
from aurora.resilience.policy import GuardPolicy
from aurora.resilience.retry import Retry
from aurora.resilience.shared import SharedCircuits
from aurora.resilience.verdict import Verdict, judge
from aurora.resilience.window import Window

OWN_TIME_SHARE = 0.95
"""An attempt that had this much of its own time-out has been given its time; a background call's last attempt
never has all of it, because waiting has used some of the total."""
_TELL_S = 0.5
"""An outcome that other replicas must know of holds its call up for no longer."""


@dataclass(slots=True, eq=False)
class Request:
    """One upstream request and what it may use."""

    operation: Operation
    send: Callable[[], Awaitable[object]]
    endpoint: str
    cost: float
    ends_at: float
    """The deadline on the clock's monotonic scale."""
    force: bool = False
    """Pass an open circuit and a refused credential by."""


class Pipeline:
    """The layers under the cache, for one provider."""

    def __init__(
        self, provider: str, policy: GuardPolicy, *, clock: Clock, rng: random.Random, hooks: Hooks
    ) -> None:
        self._provider = provider
        self._policy = policy
        self._clock = clock
        self._hooks = hooks
        self.breakers = {
            each: Breaker(provider, each, policy.breaker, clock=clock, rng=rng, hooks=hooks)
            for each in OperationClass
        }
        self.limiter = Limiter(provider, policy.limiter, clock=clock, hooks=hooks)
        self.bulkhead = Bulkhead(provider, policy.bulkhead, hooks=hooks)
        self.retry = Retry(policy.retry, clock=clock, rng=rng)
        self.credential = Credential(
            provider, recheck_s=policy.credential_recheck_s, clock=clock, hooks=hooks
        )
        self.window = Window(clock)
        self.circuits: SharedCircuits | None = None
        """The state that all replicas share; the breakers follow it."""

    async def run(self, request: Request) -> object:
        """The answer, after as many attempts as the operation's rule, the budget and the deadline allow.

        Raises ProviderError subclasses; for a CREATE without a certain outcome OutcomeUnknown.
        """

        def on_retry(attempt: int, delay_s: float, error: ProviderError) -> None:
            if self._hooks:
                self._hooks.emit(Retried(self._provider, request.operation, attempt, delay_s, error.code))

        try:
            return await self.retry.run(
                lambda: self.attempt(request),
                repeat=REPEAT_OF[request.operation],
                ends_at=request.ends_at,
                on_retry=on_retry,
            )
        except OutcomeUnknown:
            raise
        except ProviderError as error:
            if request.operation is Operation.CREATE and not error.outcome_known:
                raise OutcomeUnknown(error.provider, error.detail, status=error.status) from error
            raise

    async def attempt(self, request: Request) -> object:
        """One attempt through every layer below the retry."""
        operation = request.operation
        breaker = self.breakers[CLASS_OF[operation]]
        self._require_time(request)
        if not request.force:
            self._peek(breaker, operation)
            self.credential.peek(operation)
        await self.limiter.acquire(
            operation, endpoint=request.endpoint, cost=request.cost, remaining=self._left(request)
        )
        await self.bulkhead.enter(operation, remaining=self._left(request))
        try:
            self._require_time(request)
            self.credential.enter(operation, force=request.force)
            generation = await self._leave(breaker, request)
            return await self._send(request, breaker, generation)
        finally:
            self.bulkhead.leave()

    def _left(self, request: Request) -> float:
        return max(0.0, request.ends_at - self._clock.monotonic())

    def _require_time(self, request: Request) -> None:
        if self._left(request) < self._policy.min_attempt_s:
            error = DeadlineExceeded(self._provider, "no time left for an attempt")
            error.outcome_known = True  # nothing was sent
            raise error

    def _peek(self, breaker: Breaker, operation: Operation) -> None:
        try:
            breaker.peek()
        except CircuitBreakerOpen as refused:
            self._tell_refused(operation, refused)
            raise

    async def _leave(self, breaker: Breaker, request: Request) -> int:
        """The permit to send. A probe needs the leave of all replicas, as long as they can be asked."""
        operation_class = CLASS_OF[request.operation]
        if self.circuits is None or breaker.closed or not self.circuits.rules(operation_class):
            return self._admit(breaker, request, force=request.force)
        granted = await self.circuits.probe(operation_class, force=request.force)
        own = not self.circuits.rules(operation_class)
        try:
            return self._admit(breaker, request, force=request.force and own, granted=granted)
        except CircuitBreakerOpen:
            if granted:
                self.circuits.tell(operation_class, breaker.generation, Verdict.NEUTRAL)
            raise

    def _admit(self, breaker: Breaker, request: Request, *, force: bool, granted: bool = False) -> int:
        try:
            return breaker.admit(force=force, granted=granted)
        except CircuitBreakerOpen as refused:
            self._tell_refused(request.operation, refused)
            raise

    def _tell_refused(self, operation: Operation, refused: CircuitBreakerOpen) -> None:
        if self._hooks:
            self._hooks.emit(BreakerRefused(self._provider, operation, refused.retry_after or 0.0))

    async def _send(self, request: Request, breaker: Breaker, generation: int) -> object:
        """No await comes between the admission and this: what was admitted is always recorded."""
        started = self._clock.monotonic()
        try:
            answer = await self._timed(request)
        except Exception as error:
            await _adopted(self._record(request, breaker, generation, started=started, error=error))
            raise
        except BaseException as error:
            self._record(request, breaker, generation, started=started, error=error)
            raise
        await _adopted(self._record(request, breaker, generation, started=started, error=None))
        return answer

    async def _timed(self, request: Request) -> object:
        left = self._left(request)
        own = self._policy.attempt_timeout_s
        limit = asyncio.timeout(min(own, left))
        try:
            async with limit:
                return await request.send()
        except TimeoutError as error:
            if limit.expired() and left < own * OWN_TIME_SHARE:
                # the provider was not given its own time: this says nothing about it
                raise DeadlineExceeded(self._provider, f"our time ran out after {left:.1f} s") from error
            raise ProviderTimeout(self._provider, f"no answer within {own:g} s") from error

    def _record(
        self,
        request: Request,
        breaker: Breaker,
        generation: int,
        *,
        started: float,
        error: BaseException | None,
    ) -> "asyncio.Future[None] | None":
        """Each layer learns of the outcome what concerns it. Where replicas share it: done when they know."""
        verdict = judge(error)
        ms = (self._clock.monotonic() - started) * 1000
        told = self._tell_breaker(breaker, CLASS_OF[request.operation], generation, verdict)
        code = _code(error)
        if not isinstance(error, asyncio.CancelledError):
            self.window.record(verdict, ms=ms if _answered(error) else None, code=code, detail=_detail(error))
        if verdict is Verdict.OK:
            self.retry.budget.succeeded()
            self.credential.accepted(request.operation)
        elif isinstance(error, ProviderError):
            self._heed(request, error)
        if self._hooks:
            self._hooks.emit(
                CallFinished(self._provider, request.operation, request.endpoint, verdict, ms, code)
            )
        return told

    def _tell_breaker(
        self, breaker: Breaker, operation_class: OperationClass, generation: int, verdict: Verdict
    ) -> "asyncio.Future[None] | None":
        """A healthy call changes nothing, so nobody is told."""
        if self.circuits is None or not self.circuits.rules(operation_class):
            breaker.record(generation, verdict)
            return None
        breaker.note(generation, verdict)
        says_nothing = breaker.closed if verdict is Verdict.NEUTRAL else not breaker.troubled
        if says_nothing and verdict is not Verdict.FAIL:
            return None
        return self.circuits.tell(operation_class, generation, verdict)

    def _heed(self, request: Request, error: ProviderError) -> None:
        """The provider said something about our further calls."""
        if error.retryable:
            self.retry.budget.failed()
        if isinstance(error, CredentialRefused):
            self.credential.refused(request.operation, error)
        if isinstance(error, RateLimited) and error.until is not None:
            self.limiter.pauses.pause_until(error.until, reason=error.detail, endpoint=request.endpoint)
        elif isinstance(error, (RateLimited, Unavailable)) and error.retry_after is not None:
            self.limiter.pauses.pause(error.retry_after, reason=error.detail, endpoint=request.endpoint)


async def _adopted(told: "asyncio.Future[None] | None") -> None:
    """So that the next call meets the new state; the caller does not wait long for it."""
    if told is not None:
        await asyncio.wait({told}, timeout=_TELL_S)


def _code(error: BaseException | None) -> str | None:
    if error is None:
        return None
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    return error.code if isinstance(error, AuroraError) else AuroraError.code


def _detail(error: BaseException | None) -> str:
    """A bug is told by its kind only: its text may hold anything."""
    return error.detail if isinstance(error, AuroraError) else type(error).__name__


def _answered(error: BaseException | None) -> bool:
    """Did the provider answer at all, so that the time it took means something?"""
    if isinstance(error, Unavailable):
        return error.status is not None
    return error is None or isinstance(error, ProviderError)
