"""A provider's tokens for all replicas together; while the database is away, this replica's own share of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aurora.db.database import Database
from aurora.db.repositories import rate_buckets
from aurora.db.repositories.rate_buckets import BucketRule, NoBucket, Want
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable
from aurora.resilience.meter import Bucket
from aurora.resilience.shared import TokenWant

_PATIENCE_S = 1.0
"""A database that takes longer to answer is away: the call goes on with our own share."""
_AGAIN_S = (0.5, 1.0, 2.0, 5.0)
"""After a failure it is not asked for so long; the last wait repeats."""


@dataclass(slots=True)
class _Share:
    """One bucket's part that is ours alone while nobody can be asked."""

    gate: Bucket
    """Starts empty: what was left in the shared bucket may have been taken by others."""
    spent: Bucket
    """What we took of it, and the time gave back: the shared bucket must learn of it."""
    replicas: int


class SharedTokens:
    """Fits `resilience.shared.SharedLimits`, for one provider."""

    def __init__(
        self, provider: str, database: Database, *, clock: Clock, replicas: Callable[[], int]
    ) -> None:
        self._provider = provider
        self._database = database
        self._clock = clock
        self._replicas = replicas
        self._rules: dict[str, BucketRule] = {}
        self._charges: dict[str, float] = {}
        self._shares: dict[str, _Share] = {}
        self._full_until: dict[tuple[tuple[str, ...], bool], float] = {}
        self._asked_again_at = float("-inf")
        self._failures = 0
        self._one_at_a_time = asyncio.Lock()
        self.fallbacks = 0
        """Takes that were decided by our own share."""

    @property
    def away(self) -> bool:
        """Is our own share what counts at present?"""
        return bool(self._shares)

    def name(self, bucket: str) -> str:
        """The row of this bucket; the provider's own has no further name."""
        return f"{self._provider}/{bucket}" if bucket else self._provider

    async def take(self, wants: Sequence[TokenWant]) -> float:
        """See `SharedLimits.take`. Waiters of one process ask one after the other, and not before it makes sense."""
        key = (tuple(want.bucket for want in wants), wants[0].keep > 0)
        async with self._one_at_a_time:
            known = self._full_until.get(key, float("-inf")) - self._clock.monotonic()
            if known > 0:
                return known
            wait = await self._asked(wants)
            if wait > 0:
                self._full_until[key] = self._clock.monotonic() + wait
            return wait

    def charge(self, bucket: str, amount: float) -> None:
        """Told with the next take."""
        name = self.name(bucket)
        self._charges[name] = self._charges.get(name, 0.0) + amount
        if name in self._shares:
            self._shares[name].gate.charge(amount)
            self._shares[name].spent.charge(amount)

    async def flush(self) -> None:
        """Tell what was charged, when no take has done so. Raises DatabaseUnavailable."""
        if not self._charges:
            return
        async with self._one_at_a_time:
            charges = dict(self._charges)
            async with self._database.write() as connection:
                for name in sorted(charges):
                    await rate_buckets.charge(connection, name, amount=charges[name])
            self._told(charges)

    async def _asked(self, wants: Sequence[TokenWant]) -> float:
        if self._clock.monotonic() >= self._asked_again_at:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    wait = await self._taken(wants)
            except (DatabaseUnavailable, TimeoutError):
                again_s = _AGAIN_S[min(self._failures, len(_AGAIN_S) - 1)]
                self._asked_again_at = self._clock.monotonic() + again_s
                self._failures += 1
            else:
                self._failures = 0
                self._shares.clear()
                return wait
        self.fallbacks += 1
        return await self._own(wants)

    async def _taken(self, wants: Sequence[TokenWant]) -> float:
        """What is to be told first: new numbers, charges, what was spent while nobody could be asked."""
        rules = [BucketRule(self.name(want.bucket), want.capacity, want.per_second) for want in wants]
        changed = [rule for rule in rules if self._rules.get(rule.name) != rule]
        asked = [Want(self.name(want.bucket), want.cost, want.keep) for want in wants]
        try:
            return await self._transaction(changed, asked)
        except NoBucket:  # the rows are gone: another database, or a restored one
            return await self._transaction(rules, asked)

    async def _transaction(self, rules: Sequence[BucketRule], asked: Sequence[Want]) -> float:
        owed = {name: share.spent.used() for name, share in self._shares.items()}
        charges = dict(self._charges)
        async with self._database.write() as connection:
            if rules:
                await rate_buckets.ensure(connection, rules)
            for name in sorted(owed.keys() | charges.keys()):
                amount = owed.get(name, 0.0) + charges.get(name, 0.0)
                if amount > 0:
                    await rate_buckets.charge(connection, name, amount=amount)
            wait = await rate_buckets.take(connection, asked)
        self._rules.update((rule.name, rule) for rule in rules)
        self._told(charges)
        return wait

    def _told(self, charges: Mapping[str, float]) -> None:
        for name, amount in charges.items():
            self._charges[name] = self._charges.get(name, 0.0) - amount
        self._charges = {name: amount for name, amount in self._charges.items() if amount > 0}

    async def _own(self, wants: Sequence[TokenWant]) -> float:
        """A fair share of rate and burst: all replicas together stay below the provider's limit."""
        shares = [self._share(want) for want in wants]
        waits = []
        for want, share in zip(wants, shares, strict=True):
            kept = want.keep / share.replicas
            waits.append(share.gate.wait_for(min(want.cost + kept, share.gate.capacity)))
        wait = max(waits)
        if wait > 0:
            return wait
        for want, share in zip(wants, shares, strict=True):
            cost = min(want.cost, share.gate.capacity)
            share.gate.charge(cost)
            share.spent.charge(cost)
        return 0.0

    def _share(self, want: TokenWant) -> _Share:
        name, replicas = self.name(want.bucket), self._replicas()
        share = self._shares.get(name)
        if share is None or share.replicas != replicas:
            capacity, per_second = max(1.0, want.capacity / replicas), want.per_second / replicas
            gate = Bucket(capacity, per_second, self._clock)
            gate.charge(capacity)
            spent = Bucket(capacity, per_second, self._clock)
            if share is not None:
                spent.charge(share.spent.used())
            share = self._shares[name] = _Share(gate, spent, replicas)
        return share
