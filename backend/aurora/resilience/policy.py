"""The numbers of one provider's resilience, checked once when they are made. All times are seconds."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

INTERACTIVE_DEADLINE_S = 20.0
"""What a waiting person is asked to bear: `with deadline(clock, INTERACTIVE_DEADLINE_S)` at the edge."""


def _at_least(name: str, value: float, low: float) -> None:
    if not (math.isfinite(value) and value >= low):
        raise ValueError(f"{name} must be at least {low:g}, not {value!r}")


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be above 0, not {value!r}")


def _share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be from 0 to below 1, not {value!r}")


class EndpointRule(Protocol):
    """The provider's own limit on one class of endpoints (`aurora.providers.base.EndpointLimit` fits)."""

    @property
    def min_interval_s(self) -> float | None:
        """Seconds between two calls."""
        ...

    @property
    def per_period(self) -> float | None:
        """Units (calls, or rows charged afterwards) in `period_s` seconds."""
        ...

    @property
    def period_s(self) -> float: ...

    @property
    def strict(self) -> bool:
        """Never more than `per_period` in any window of `period_s`."""
        ...


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """An `EndpointRule` for those who have no adapter."""

    min_interval_s: float | None = None
    per_period: float | None = None
    period_s: float = 60.0
    strict: bool = False


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When we stop asking, and how we start again."""

    threshold: int = 5
    """Consecutive counted failures that open."""
    open_s: float = 60.0
    """The first trip opens for exactly this long."""
    half_open_max: int = 3
    """Probes at once; as many successes close."""
    max_open_s: float = 300.0
    """Ceiling of the doubling; an `open_s` above it wins."""
    jitter: float = 0.1
    """From the second trip on the time is lengthened by up to this share; never shortened."""

    def __post_init__(self) -> None:
        _at_least("threshold", self.threshold, 1)
        _positive("open_s", self.open_s)
        _at_least("half_open_max", self.half_open_max, 1)
        _positive("max_open_s", self.max_open_s)
        _share("jitter", self.jitter)

    @property
    def longest_open_s(self) -> float:
        return max(self.open_s, self.max_open_s)


@dataclass(frozen=True, slots=True)
class LimiterPolicy:
    """How fast we may ask. The first minute can see `capacity + rate_per_min` calls: a bucket that starts full."""

    rate_per_min: float = 100.0
    capacity: float | None = None
    """The burst, in tokens; None means one minute's worth."""
    reserved_share: float = 0.2
    """The last part of the bucket, which only RESERVED operations may take."""
    endpoints: Mapping[str, EndpointRule] = field(default_factory=dict)
    enabled: bool = True
    """False: nothing is metered; pauses that the provider asked for are still kept."""

    def __post_init__(self) -> None:
        _positive("rate_per_min", self.rate_per_min)
        if self.capacity is not None:
            _at_least("capacity", self.capacity, 1)
        _share("reserved_share", self.reserved_share)
        for name, rule in self.endpoints.items():
            _check_endpoint(f"endpoints[{name}]", rule)

    @property
    def burst(self) -> float:
        """The bucket's size: never below one call, or nothing would ever pass."""
        return max(1.0, self.rate_per_min) if self.capacity is None else self.capacity


def _check_endpoint(name: str, rule: EndpointRule) -> None:
    if rule.min_interval_s is not None:
        _positive(f"{name}.min_interval_s", rule.min_interval_s)
    if rule.per_period is not None:
        _at_least(f"{name}.per_period", rule.per_period, 1)
    _positive(f"{name}.period_s", rule.period_s)


@dataclass(frozen=True, slots=True)
class BulkheadPolicy:
    """How many calls may be under way at once."""

    slots: int = 8
    queue: int = 32
    """Waiting calls, for each of the two ranks (RESERVED operations queue apart)."""
    reserved: int = 2
    """Of the slots, those that only RESERVED operations may take."""

    def __post_init__(self) -> None:
        _at_least("slots", self.slots, 1)
        _at_least("queue", self.queue, 0)
        _at_least("reserved", self.reserved, 0)
        if self.reserved >= self.slots:
            raise ValueError(f"reserved must be below slots ({self.slots}), not {self.reserved}")


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long an answer is good, by how well the provider is."""

    enabled: bool = True
    ttl_s: float = 30.0
    max_ttl_s: float = 300.0
    min_ttl_s: float = 10.0
    ttl_jitter: float = 0.1
    """Lifetimes are shortened by up to this share, so that providers are not refreshed in lockstep."""
    stale_limit_s: float = 900.0
    """Age up to which an old answer may stand in for a failed refresh; 0 never."""
    stale_while_revalidate_s: float = 0.0
    """For so long after the TTL the old answer is given at once while a refresh runs; 0 is off."""
    max_size: float = 512
    """Entries, or the unit of `size_of`."""
    size_of: Callable[[object], float] | None = None

    def __post_init__(self) -> None:
        _positive("min_ttl_s", self.min_ttl_s)
        _at_least("ttl_s", self.ttl_s, self.min_ttl_s)
        _at_least("max_ttl_s", self.max_ttl_s, self.ttl_s)
        _share("ttl_jitter", self.ttl_jitter)
        _at_least("stale_limit_s", self.stale_limit_s, 0)
        _at_least("stale_while_revalidate_s", self.stale_while_revalidate_s, 0)
        _at_least("max_size", self.max_size, 1)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What follows a failed attempt: base, 2 x base, 4 x base ... plus jitter, never above the maximum."""

    max_retries: int = 3
    """Attempts after the first; 0 disables retrying."""
    base_delay_s: float = 2.0
    max_delay_s: float = 32.0
    jitter_s: float = 1.0
    retry_after_max_s: float = 60.0
    """A provider that asks for more is not waited for: the call fails and the limiter is paused."""
    budget_tokens: float = 10.0
    """gRPC's counter: a failed attempt takes 1, a success gives `budget_ratio`, below half nothing is repeated."""
    budget_ratio: float = 0.1

    def __post_init__(self) -> None:
        _at_least("max_retries", self.max_retries, 0)
        _at_least("base_delay_s", self.base_delay_s, 0)
        _at_least("max_delay_s", self.max_delay_s, self.base_delay_s)
        _at_least("jitter_s", self.jitter_s, 0)
        _at_least("retry_after_max_s", self.retry_after_max_s, 0)
        _positive("budget_tokens", self.budget_tokens)
        _positive("budget_ratio", self.budget_ratio)

    @property
    def delays_s(self) -> tuple[float, ...]:
        """The longest that each wait can be without a word of the provider."""
        return tuple(
            min(self.max_delay_s, self.base_delay_s * 2**n + self.jitter_s) for n in range(self.max_retries)
        )


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """Everything one provider's guard needs to know."""

    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    limiter: LimiterPolicy = field(default_factory=LimiterPolicy)
    bulkhead: BulkheadPolicy = field(default_factory=BulkheadPolicy)
    cache: CachePolicy = field(default_factory=CachePolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    attempt_timeout_s: float = 30.0
    min_attempt_s: float = 0.05
    """With less time than this left no attempt is begun."""
    credential_recheck_s: float = 60.0
    """After a refused credential one call in this time asks again; the others fail at once."""

    def __post_init__(self) -> None:
        _positive("attempt_timeout_s", self.attempt_timeout_s)
        _at_least("min_attempt_s", self.min_attempt_s, 0)
        _positive("credential_recheck_s", self.credential_recheck_s)

    @property
    def background_deadline_s(self) -> float:
        """The total time of a call that nobody waits for: every attempt and every delay at its longest."""
        return (1 + self.retry.max_retries) * self.attempt_timeout_s + sum(self.retry.delays_s)
