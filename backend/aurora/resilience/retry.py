"""The only layer that repeats: by the operation's rule, within a budget, never past the deadline.

tenacity decides and waits; one AsyncRetrying per failing call (measured: a shared one mixes up its callers), in the
loop form, with positive predicates only (a negated one retries CancelledError). The first attempt runs without
it: a call that succeeds pays nothing.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential
from tenacity.stop import stop_after_attempt, stop_base
from tenacity.wait import wait_base

from aurora.domain.clock import Clock
from aurora.domain.errors import (
    CircuitBreakerOpen,
    DeadlineExceeded,
    MalformedAnswer,
    NotSent,
    ProviderError,
    RateLimited,
    RateLimitExceeded,
    Unavailable,
)
from aurora.domain.operation import Repeat
from aurora.resilience.policy import RetryPolicy

T = TypeVar("T")

NOT_TRANSIENT = frozenset({501, 505})
"""5xx answers that will be the same next time."""
REFUSED_LOCALLY = (CircuitBreakerOpen, RateLimitExceeded, DeadlineExceeded)

OnRetry = Callable[[int, float, ProviderError], None]
"""Told before each wait: the attempt that failed (from 1), the wait in seconds, the error."""


@dataclass(frozen=True, slots=True)
class RetryView:
    budget_tokens: float
    """Repeats are made while this is above half of the policy's."""
    retries: int
    throttled: int
    """Repeats not made for lack of budget."""


class RetryBudget:
    """gRPC's retry throttle: it keeps retries from multiplying the load on a provider that is down."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._most = policy.budget_tokens
        self._ratio = policy.budget_ratio
        self.tokens = policy.budget_tokens

    def failed(self) -> None:
        self.tokens = max(0.0, self.tokens - 1)

    def succeeded(self) -> None:
        self.tokens = min(self._most, self.tokens + self._ratio)

    @property
    def allows(self) -> bool:
        return self.tokens > self._most / 2


def may_repeat(error: ProviderError, repeat: Repeat) -> bool:
    """Is sending the very same request again safe and sensible after `error`?"""
    if not error.retryable or error.status in NOT_TRANSIENT:
        return False
    if repeat is Repeat.READ:
        return True
    if isinstance(error, MalformedAnswer):
        return False
    if repeat is Repeat.IDEMPOTENT or isinstance(error, (NotSent, RateLimited)):
        return True
    # a 503 that names a time was refused at the door; any other failure of a create may hide an instance
    return isinstance(error, Unavailable) and error.status == 503 and error.retry_after is not None


class _Rules:
    """One call's predicate: remembers the last failure that was worth repeating."""

    def __init__(self, repeat: Repeat) -> None:
        self._repeat = repeat
        self._malformed = 0
        self.last: ProviderError | None = None

    def __call__(self, error: BaseException) -> bool:
        if not isinstance(error, ProviderError) or not may_repeat(error, self._repeat):
            return False
        self.last = error
        if isinstance(error, MalformedAnswer):
            self._malformed += 1
        return self._malformed <= 1


class _Backoff(wait_base):
    """2, 4, 8 ... plus jitter, capped; or as long as the provider asks, if that is longer."""

    def __init__(self, policy: RetryPolicy, clock: Clock, rng: random.Random) -> None:
        # tenacity's own jitter draws from the global random; ours is injected
        self._exponential = wait_exponential(multiplier=policy.base_delay_s, max=policy.max_delay_s)
        self._policy = policy
        self._clock = clock
        self._rng = rng

    def __call__(self, retry_state: RetryCallState) -> float:
        jitter = self._rng.uniform(0, self._policy.jitter_s)
        backoff = min(self._policy.max_delay_s, self._exponential(retry_state) + jitter)
        return max(backoff, asked_for(_error_of(retry_state), self._clock))


class _Limits(stop_base):
    """Deadline, budget, and a provider that asks for more patience than we have."""

    def __init__(self, retry: "Retry", ends_at: float) -> None:
        self._retry = retry
        self._ends_at = ends_at

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._retry.must_stop(_error_of(retry_state), retry_state.upcoming_sleep, self._ends_at)


class Retry:
    """Repeats attempts at one provider."""

    def __init__(self, policy: RetryPolicy, *, clock: Clock, rng: random.Random) -> None:
        self._policy = policy
        self._clock = clock
        self._rng = rng
        self._retries = 0
        self._throttled = 0
        self.budget = RetryBudget(policy)

    async def run(
        self, attempt: Callable[[], Awaitable[T]], *, repeat: Repeat, ends_at: float, on_retry: OnRetry
    ) -> T:
        """The first good answer, or the last real failure.

        When our own refusal (circuit, limiter, deadline) stops a repeat, the failure before it is raised, with
        a note: it says more. `ends_at` is on the clock's monotonic scale; no wait goes past it.
        """
        try:
            return await attempt()
        except ProviderError as error:
            if self._policy.max_retries == 0 or not may_repeat(error, repeat):
                raise
            first = error
        return await self._repeat(attempt, first, repeat=repeat, ends_at=ends_at, on_retry=on_retry)

    def must_stop(self, error: ProviderError, wait: float, ends_at: float) -> bool:
        """Is there no time, no patience or no budget for another attempt after `wait` seconds?"""
        if asked_for(error, self._clock) > self._policy.retry_after_max_s:
            return True
        if self._clock.monotonic() + wait >= ends_at:
            return True
        if not self.budget.allows:
            self._throttled += 1
            return True
        return False

    def view(self) -> RetryView:
        return RetryView(self.budget.tokens, self._retries, self._throttled)

    async def _repeat(
        self,
        attempt: Callable[[], Awaitable[T]],
        first: ProviderError,
        *,
        repeat: Repeat,
        ends_at: float,
        on_retry: OnRetry,
    ) -> T:
        rules = _Rules(repeat)
        pending: ProviderError | None = first
        try:
            async for step in self._retrying(rules, ends_at, on_retry):
                with step:
                    if pending is not None:  # the attempt already made is tenacity's first
                        failed, pending = pending, None
                        raise failed
                    return await attempt()
        except REFUSED_LOCALLY as refused:
            # one that was sent and ran out of time is no refusal: its outcome must not be hidden
            if rules.last is None or not refused.outcome_known:
                raise
            rules.last.add_note(f"not repeated: {refused.detail}")
            raise rules.last from refused
        raise first  # not reached: tenacity returns an answer or raises

    def _retrying(self, rules: _Rules, ends_at: float, on_retry: OnRetry) -> AsyncRetrying:
        def before_sleep(state: RetryCallState) -> None:
            self._retries += 1
            on_retry(state.attempt_number, state.upcoming_sleep, _error_of(state))

        return AsyncRetrying(
            retry=retry_if_exception(rules),
            wait=_Backoff(self._policy, self._clock, self._rng),
            # the budget comes last: it is asked only when a repeat would really follow
            stop=stop_after_attempt(1 + self._policy.max_retries) | _Limits(self, ends_at),
            sleep=self._clock.sleep,
            before_sleep=before_sleep,
            reraise=True,
        )


def asked_for(error: ProviderError, clock: Clock) -> float:
    """Seconds that the provider asks us to wait; 0 when it says nothing."""
    dated = 0.0 if error.until is None else (error.until - clock.now()).total_seconds()
    return max(0.0, error.retry_after or 0.0, dated)


def _error_of(state: RetryCallState) -> ProviderError:
    """The predicate let only these pass."""
    error = None if state.outcome is None else state.outcome.exception()
    if not isinstance(error, ProviderError):
        raise TypeError("tenacity asked about an outcome that is not a provider's error")
    return error
