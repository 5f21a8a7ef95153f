"""Answers that may be shared for a while: adaptive lifetime, single flight, the old answer when there is no new.

Values go to many callers as they are: they must not be mutable. Adapters return frozen dataclasses and tuples.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import TLRUCache

from aurora.domain.clock import Clock
from aurora.domain.errors import (
    CircuitBreakerOpen,
    DeadlineExceeded,
    ProviderError,
    RateLimited,
    RateLimitExceeded,
)
from aurora.domain.operation import Operation
from aurora.resilience.events import CacheHit, CacheMiss, Hooks, StaleServed
from aurora.resilience.flight import Flight, Flights
from aurora.resilience.policy import CachePolicy

T_co = TypeVar("T_co", covariant=True)

Key = tuple[Operation, str]
Load = Callable[[float], Awaitable[object]]
"""Fetch anew; the argument is the deadline on the clock's monotonic scale."""
SuccessRate = Callable[[], tuple[float | None, int]]

MIN_SAMPLES = 10
"""With fewer outcomes there is no success rate to speak of."""
NO_FRESH_ANSWER = (CircuitBreakerOpen, RateLimitExceeded, RateLimited, DeadlineExceeded)
DEFINITE = frozenset({401, 403, 404})
"""Answers that are true however much we would like the old one."""


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T_co]):
    """A value and where it comes from."""

    value: T_co
    stale: bool = False
    age_s: float = 0.0
    from_cache: bool = False


@dataclass(frozen=True, slots=True)
class CacheView:
    enabled: bool
    hits: int
    misses: int
    """Lookups without a fresh entry: loads begun, loads joined, stale answers."""
    hit_ratio: float
    stale_served: int
    coalesced: int
    loads: int
    load_errors: int
    current_ttl: float
    """Seconds that the next stored answer would live, before jitter."""
    size: int
    """Entries, stale ones included."""


@dataclass(frozen=True, slots=True)
class Entry:
    value: object
    stored_at: float
    fresh_until: float
    expires: float


class Cache:
    """The answers of one provider, by operation and key."""

    def __init__(
        self,
        provider: str,
        policy: CachePolicy,
        *,
        clock: Clock,
        rng: random.Random,
        success_rate: SuccessRate,
        hooks: Hooks,
    ) -> None:
        self._provider = provider
        self._policy = policy
        self._clock = clock
        self._rng = rng
        self._success_rate = success_rate
        self._hooks = hooks
        # its expiry is the stale limit: past entries cannot be read, so freshness is a field of ours
        self._entries: TLRUCache[Key, Entry, float] = TLRUCache(
            policy.max_size, _expiry, clock.monotonic, _sizer(policy)
        )
        self._flights = Flights(provider, clock=clock)
        self._hits = self._misses = self._stale_served = self._coalesced = 0
        self._loads = self._load_errors = 0
        self.enabled = policy.enabled

    def hit(self, key: Key) -> Entry | None:
        """The fresh entry, if there is one."""
        try:
            entry = self._entries[key]
        except KeyError:
            return None
        if self._clock.monotonic() >= entry.fresh_until:
            return None
        self._hits += 1
        if self._hooks:
            self._hooks.emit(CacheHit(self._provider, key[0]))
        return entry

    async def fetch(
        self, key: Key, load: Load, *, fresh: bool, ends_at: float, refresh_s: float
    ) -> Fetched[object]:
        """After a miss: load, or join the load under way, or make do with the old answer.

        `fresh` neither joins nor makes do: its answer was asked for after the call. `refresh_s` is the time
        that a refresh beside the caller gets.
        """
        self._misses += 1
        if not fresh:
            old = self._revalidating(key, load, refresh_s)
            if old is not None:
                return old
        try:
            return Fetched(await self._loaded(key, load, fresh=fresh, ends_at=ends_at))
        except ProviderError as error:
            stale = None if fresh or not _may_be_stale(error) else self._entries.get(key)
            if stale is None:
                raise
            return self._serve_stale(key, stale, error.code)

    def invalidate(self) -> int:
        """Forget everything; a load under way reaches its callers but is not stored. Returns the entries dropped."""
        dropped = len(self._entries)
        self._entries.clear()
        self._flights.disown()
        return dropped

    def current_ttl(self) -> float:
        """By success rate: from 0.90 the longest, from 0.70 1.5 x TTL, from 0.50 TTL, below the shortest."""
        policy = self._policy
        rate, samples = self._success_rate()
        if rate is None or samples < MIN_SAMPLES:
            return policy.ttl_s
        if rate >= 0.90:
            return policy.max_ttl_s
        if rate >= 0.70:
            return min(policy.max_ttl_s, 1.5 * policy.ttl_s)
        return policy.ttl_s if rate >= 0.50 else policy.min_ttl_s

    async def aclose(self) -> None:
        """Stop the loads under way."""
        await self._flights.aclose()

    def view(self) -> CacheView:
        asked = self._hits + self._misses
        return CacheView(
            enabled=self.enabled,
            hits=self._hits,
            misses=self._misses,
            hit_ratio=self._hits / asked if asked else 0.0,
            stale_served=self._stale_served,
            coalesced=self._coalesced,
            loads=self._loads,
            load_errors=self._load_errors,
            current_ttl=self.current_ttl(),
            size=len(self._entries),
        )

    async def _loaded(self, key: Key, load: Load, *, fresh: bool, ends_at: float) -> object:
        joined = False
        while True:
            flight = None if fresh else self._flights.get(key)
            mine = flight is None
            if flight is None:
                flight = self._start(key, load, ends_at)
            elif not joined:
                joined = True
                self._coalesced += 1
            self._tell_miss(key, coalesced=not mine)
            try:
                return await self._flights.wait(flight, ends_at)
            except (DeadlineExceeded, RateLimitExceeded):
                # the one who began the load had less time than we have: begin another
                if mine or ends_at <= flight.ends_at:
                    raise

    def _revalidating(self, key: Key, load: Load, refresh_s: float) -> Fetched[object] | None:
        """Stale-while-revalidate: the old answer at once and one refresh beside it."""
        if not self._policy.stale_while_revalidate_s:
            return None
        entry = self._entries.get(key)
        now = self._clock.monotonic()
        if entry is None or now >= entry.fresh_until + self._policy.stale_while_revalidate_s:
            return None
        if self._flights.get(key) is None:
            self._start(key, load, now + refresh_s)
        return self._serve_stale(key, entry, None)

    def _start(self, key: Key, load: Load, ends_at: float) -> Flight:
        async def run() -> object:
            self._loads += 1
            try:
                value = await load(ends_at)
            except Exception:
                self._load_errors += 1
                raise
            # invalidated or overtaken by a fresher load meanwhile: this answer is older than what is known
            if self._flights.get(key) is flight:
                self._store(key, value)
            return value

        flight = self._flights.start(key, run, ends_at)
        return flight

    def _store(self, key: Key, value: object) -> None:
        now = self._clock.monotonic()
        ttl = self.current_ttl() * (1 - self._policy.ttl_jitter * self._rng.random())
        stale_s = max(self._policy.stale_limit_s, ttl + self._policy.stale_while_revalidate_s)
        entry = Entry(value, now, now + ttl, now + stale_s)
        try:
            self._entries[key] = entry
        except (
            ValueError
        ):  # larger than the whole cache: cachetools refuses, the caller has its answer anyway
            self._entries.pop(key, None)

    def _serve_stale(self, key: Key, entry: Entry, code: str | None) -> Fetched[object]:
        self._stale_served += 1
        age = self._clock.monotonic() - entry.stored_at
        if self._hooks:
            self._hooks.emit(StaleServed(self._provider, key[0], age, code))
        return Fetched(entry.value, stale=True, age_s=age, from_cache=True)

    def _tell_miss(self, key: Key, *, coalesced: bool) -> None:
        if self._hooks:
            self._hooks.emit(CacheMiss(self._provider, key[0], coalesced))


def _expiry(_key: Key, entry: Entry, _now: float) -> float:
    return entry.expires


def _sizer(policy: CachePolicy) -> Callable[[Entry], float] | None:
    size_of = policy.size_of
    return None if size_of is None else lambda entry: size_of(entry.value)


def _may_be_stale(error: ProviderError) -> bool:
    """Only for want of an answer, never instead of one."""
    if error.status in DEFINITE:
        return False
    return error.counts_against_provider or isinstance(error, NO_FRESH_ANSWER)
