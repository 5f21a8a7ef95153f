"""Who comes in: keys are recognised, tenants are let through as often as they may, guessing is slowed down."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from cachetools import LRUCache

from aurora.domain.api_key import ApiKey
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable, InboundLimit, NotFound
from aurora.resilience.meter import Bucket
from aurora.services.keys import KeyBook, digest_of
from aurora.services.tenant_book import TenantBook

_MOST = 10_000
"""Tenants, and addresses, that are remembered."""


@dataclass(frozen=True, slots=True)
class DoorPolicy:
    """Per minute. `requests`: of a tenant without a quota of its own, 0 is without limit."""

    requests: float = 0.0
    wrong_keys: float = 30.0
    """Of one client address. Keys that this process knows go on working from there."""


class Doors:
    """Keeps count; `refused` is told the code of every refusal."""

    def __init__(
        self,
        keys: KeyBook,
        tenants: TenantBook,
        *,
        policy: DoorPolicy,
        clock: Clock,
        refused: Callable[[str], None],
    ) -> None:
        self._keys = keys
        self._tenants = tenants
        self._policy = policy
        self._clock = clock
        self._tenant_buckets: LRUCache[str, Bucket] = LRUCache(_MOST)
        self._address_buckets: LRUCache[str, Bucket] = LRUCache(_MOST)
        self.refused = refused

    async def holder(self, secret: str, *, address: str) -> ApiKey | None:
        """The key of this secret, ended ones too; None for what is no key of ours.

        A key in memory costs nothing. Raises InboundLimit when too many wrong ones came from `address`, and
        DatabaseUnavailable for a key that is not in memory: it may well be good.
        """
        digest = digest_of(secret)
        known = None if digest is None else self._keys.known(digest)
        if known is None:
            self._slow_down(address)
            known = None if digest is None else await self._keys.find(digest)
        if known is None or known.ended(self._clock.now()) is not None:
            self._wrong(address)
            return known
        self._keys.use(known)
        if self._tenants.peek(known.tenant) is None:
            with suppress(DatabaseUnavailable, NotFound):  # then its requests are metered by the common rate
                await self._tenants.get(known.tenant)
        return known

    def pass_one(self, tenant_id: str) -> None:
        """Count one request of the tenant, or of a stranger by its address. Raises InboundLimit."""
        tenant = self._tenants.peek(tenant_id)
        own = None if tenant is None else tenant.limits.quotas.requests_per_minute
        rate = self._policy.requests if own is None else own
        if rate <= 0:
            return
        bucket = self._bucket(self._tenant_buckets, tenant_id, rate)
        wait = bucket.wait_for(1)
        if wait > 0:
            raise InboundLimit(f"{tenant_id} may ask {rate:g} times a minute", retry_after=wait)
        bucket.charge(1)

    def _slow_down(self, address: str) -> None:
        wait = self._bucket(self._address_buckets, address, self._policy.wrong_keys).wait_for(1)
        if wait > 0:
            raise InboundLimit("too many wrong keys came from this address", retry_after=wait)

    def _wrong(self, address: str) -> None:
        self._bucket(self._address_buckets, address, self._policy.wrong_keys).charge(1)

    def _bucket(self, buckets: "LRUCache[str, Bucket]", key: str, per_minute: float) -> Bucket:
        """Its bucket, which holds a minute's worth; a new one when the rate has changed."""
        found = buckets.get(key)
        capacity = max(1.0, per_minute)
        if found is None or found.capacity != capacity:
            found = Bucket(capacity, per_minute / 60, self._clock)
            buckets[key] = found
        return found
