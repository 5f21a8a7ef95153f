"""How fast we may ask one provider: a bucket, a meter for each endpoint class, the provider's pauses.

Every attempt takes tokens, retries too. Nobody waits longer than its deadline: who would have to is refused at
once, with the time at which it is worth trying again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from aurora.domain.clock import Clock
from aurora.domain.errors import RateLimitExceeded
from aurora.domain.operation import RESERVED, Operation
from aurora.resilience.endpoint import EndpointView, endpoint_meters
from aurora.resilience.events import Hooks, RateLimitedLocally
from aurora.resilience.meter import Bucket
from aurora.resilience.pause import Pause, Pauses
from aurora.resilience.policy import LimiterPolicy
from aurora.resilience.shared import SharedLimits, TokenWant

RECHECK_S = 5.0
"""A waiter looks again at least this often: limits may be relaxed, others may have given up."""
TICK_S = 0.001
"""Below this no difference is made; a waiter sleeps at least so long, so that rounding cannot make it spin."""


@dataclass(frozen=True, slots=True)
class LimiterView:
    enabled: bool
    rate: float
    """Requests per minute."""
    capacity: float
    available_tokens: float
    utilization: float
    requests_blocked: int
    """Acquisitions that found no room on arrival: delayed or rejected."""
    requests_delayed: int
    requests_rejected: int
    waiting: int
    endpoints: Mapping[str, EndpointView]
    pauses: tuple[Pause, ...]


@dataclass(slots=True, eq=False)
class _Ticket:
    """One call's place in the line."""

    operation: Operation
    endpoint: str
    cost: float
    reserved: bool


class Limiter:
    """First come, first served within a rank; RESERVED operations go before the others."""

    def __init__(self, provider: str, policy: LimiterPolicy, *, clock: Clock, hooks: Hooks) -> None:
        self._provider = provider
        self._clock = clock
        self._hooks = hooks
        self._line: list[_Ticket] = []
        self._blocked = self._delayed = self._rejected = 0
        self.pauses = Pauses(provider, clock=clock, hooks=hooks)
        self.shared: SharedLimits | None = None
        """The tokens that all replicas take from, beside our own."""
        self._policy = policy
        self._bucket = _bucket(policy, clock)
        self._endpoints = endpoint_meters(policy.endpoints, clock, old={})

    async def acquire(
        self, operation: Operation, *, endpoint: str, cost: float = 1.0, remaining: float
    ) -> None:
        """Wait at most `remaining` seconds for `cost` tokens of the bucket and of the endpoint class.

        A cost above the bucket's capacity takes the whole bucket. Raises RateLimitExceeded, at once, when the
        wait would be longer; `retry_after` is that wait.
        """
        ticket = _Ticket(operation, endpoint, cost, operation in RESERVED)
        if self._wait_for(ticket) > 0 or self._is_shared:
            await self._take_in_line(ticket, ends_at=self._clock.monotonic() + remaining)
        elif self._policy.enabled:
            await self._spend(ticket)

    def charge(self, endpoint: str, amount: float) -> None:
        """Post-paid: take `amount` of the endpoint's period, also more than is left; the next call then waits."""
        meter = self._endpoints.get(endpoint)
        if meter is not None:
            meter.charge(amount)
            if self.shared is not None and (bucket := meter.period_bucket(endpoint)) is not None:
                self.shared.charge(bucket, amount)

    def set_limits(self, policy: LimiterPolicy) -> None:
        """New numbers from now on; what was used stays used, pauses stay."""
        bucket = _bucket(policy, self._clock)
        bucket.charge(min(self._bucket.used(), bucket.capacity))
        self._bucket = bucket
        self._endpoints = endpoint_meters(policy.endpoints, self._clock, old=self._endpoints)
        self._policy = policy

    def learn(self, left: float) -> None:
        """Others took tokens too: no more than `left` are there for us."""
        self._bucket.charge(max(0.0, self._bucket.capacity - self._bucket.used() - left))

    def view(self) -> LimiterView:
        capacity = self._bucket.capacity
        available = min(capacity, max(0.0, capacity - self._bucket.used()))
        return LimiterView(
            enabled=self._policy.enabled,
            rate=self._policy.rate_per_min,
            capacity=capacity,
            available_tokens=available,
            utilization=1 - available / capacity,
            requests_blocked=self._blocked,
            requests_delayed=self._delayed,
            requests_rejected=self._rejected,
            waiting=len(self._line),
            endpoints={name: meter.view() for name, meter in self._endpoints.items()},
            pauses=self.pauses.active(),
        )

    @property
    def _is_shared(self) -> bool:
        return self.shared is not None and self._policy.enabled

    async def _take_in_line(self, ticket: _Ticket, *, ends_at: float) -> None:
        """In line from the first look on: while the shared tokens are asked for, others may come."""
        waited = False
        self._line.append(ticket)
        try:
            while (wait := await self._taken(ticket)) > 0:
                self._blocked += not waited
                self._stop_if_late(ticket, wait, ends_at)
                self._delayed += not waited
                waited = True
                await self._clock.sleep(min(max(wait, TICK_S), RECHECK_S))
        finally:
            self._line.remove(ticket)

    async def _taken(self, ticket: _Ticket) -> float:
        """0: this ticket's tokens were taken. Else the seconds until it makes sense to look again."""
        wait = self._wait_for(ticket)
        if wait > 0 or not self._policy.enabled:
            return wait
        if self.shared is None:
            await self._spend(ticket)
            return 0.0
        wait = await self.shared.take(self._wants(ticket))
        if wait <= 0:
            # charged, not spent: somebody with reserve may have come while the others' tokens were asked for
            self._bucket.charge(min(ticket.cost, self._bucket.capacity))
            meter = self._endpoints.get(ticket.endpoint)
            if meter is not None:
                meter.charge_call(ticket.cost)
        return wait

    def _wants(self, ticket: _Ticket) -> list[TokenWant]:
        bucket = self._bucket
        keep = 0.0 if ticket.reserved else self._policy.reserved_share * bucket.capacity
        own = TokenWant("", ticket.cost, keep, bucket.capacity, self._policy.rate_per_min / 60)
        meter = self._endpoints.get(ticket.endpoint)
        return [own] if meter is None else [own, *meter.wants(ticket.endpoint, ticket.cost)]

    def _wait_for(self, ticket: _Ticket) -> float:
        """Seconds until this ticket may go, given those before it."""
        wait = self.pauses.remaining(ticket.endpoint) if self.pauses else 0.0
        if not self._policy.enabled:
            return wait
        before = self._before(ticket) if self._line else ()
        bucket = self._bucket
        keep = 0.0 if ticket.reserved else self._policy.reserved_share * bucket.capacity
        behind = sum(other.cost for other in before if not self._held(other))
        wait = max(wait, bucket.wait_for(ticket.cost + keep, behind=behind))
        meter = self._endpoints.get(ticket.endpoint)
        if meter is None:
            return wait
        same = [other for other in before if other.endpoint == ticket.endpoint]
        cost_before = sum(other.cost for other in same)
        return max(wait, meter.wait_for(ticket.cost, before=len(same), cost_before=cost_before))

    def _held(self, ticket: _Ticket) -> bool:
        """Does something other than the bucket keep it back? Then it claims no token yet."""
        if self.pauses and self.pauses.remaining(ticket.endpoint) > 0:
            return True
        meter = self._endpoints.get(ticket.endpoint)
        return meter is not None and meter.wait_for(ticket.cost, before=0, cost_before=0) > 0

    def _before(self, ticket: _Ticket) -> list[_Ticket]:
        """Who goes first: the reserved ones, and those of the same rank that came earlier."""
        before = []
        earlier = True
        for other in self._line:
            if other is ticket:
                earlier = False
            elif other.reserved > ticket.reserved or (earlier and other.reserved == ticket.reserved):
                before.append(other)
        return before

    async def _spend(self, ticket: _Ticket) -> None:
        await self._bucket.spend(ticket.cost)
        meter = self._endpoints.get(ticket.endpoint)
        if meter is not None:
            await meter.spend(ticket.cost)

    def _stop_if_late(self, ticket: _Ticket, wait: float, ends_at: float) -> None:
        if wait > 0 and self._clock.monotonic() + wait > ends_at + TICK_S:
            self._rejected += 1
            self._refuse(ticket, wait)

    def _refuse(self, ticket: _Ticket, wait: float) -> NoReturn:
        pause = self.pauses.longest(ticket.endpoint)
        if self._hooks:
            self._hooks.emit(RateLimitedLocally(self._provider, ticket.operation, ticket.endpoint, wait))
        why = "no token" if pause is None else f"paused ({pause.reason})"
        raise RateLimitExceeded(
            self._provider,
            f"{why} for {ticket.endpoint} within the deadline, next in {wait:.1f} s",
            retry_after=wait,
            until=pause.until if pause is not None and pause.dated else None,
        )


def _bucket(policy: LimiterPolicy, clock: Clock) -> Bucket:
    return Bucket(policy.burst, policy.rate_per_min / 60, clock)
