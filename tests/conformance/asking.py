"""Every operation of the contract as one call, and a guard that says which of them is under way."""

import random
from types import SimpleNamespace

from aurora.domain.operation import Operation
from aurora.providers.base import Cursor
from aurora.providers.metrics import DirectGuard
from aurora.resilience.guard import Guard
from aurora.resilience.policy import BreakerPolicy, CachePolicy, GuardPolicy, LimiterPolicy, RetryPolicy

NOWHERE = SimpleNamespace(url="http://127.0.0.1:9")


async def walk(provider):
    pages = []
    for key in await provider.catalogue_slices():
        cursor = Cursor(key)
        while cursor is not None:
            pages.append(await provider.offers_page(cursor))
            cursor = pages[-1].next
    return pages


async def offers(provider):
    return {offer.external_id: offer for page in await walk(provider) for offer in page.offers}


async def collect(lines):
    return [line.text async for line in lines]


def calls(market, external_id, *, number=2, **changes):
    """One call per operation; `number` names what the create is to make."""
    provider = market.provider
    found = {
        Operation.OFFERS: lambda: provider.offers_page(Cursor(market.slice_key)),
        Operation.QUOTE: lambda: provider.quote(market.other_offer_id, gpu_count=1, disk_gb=10),
        Operation.CREATE: lambda: provider.create(
            market.spec(number, offer=market.other_offer_id, **changes)
        ),
        Operation.STATUS: lambda: provider.status(external_id),
        Operation.LIST: provider.list_own,
        Operation.LOGS: lambda: collect(provider.logs(external_id)),
        Operation.TERMINATE: lambda: provider.terminate(external_id),
        Operation.HEALTH: provider.health,
    }
    return {operation: ask for operation, ask in found.items() if operation in market.operations}


class Aware:
    """Passes on to `guard`, and knows the operation whose request is on its way."""

    def __init__(self, guard):
        self.guard = guard
        self.now = None

    async def call(self, operation, send, *, endpoint=None, cache_key=None, cost=1.0):
        async def marked():
            self.now = operation
            try:
                return await send()
            finally:
                self.now = None

        return await self.guard.call(operation, marked, endpoint=endpoint, cache_key=cache_key, cost=cost)

    def charge(self, endpoint, amount):
        self.guard.charge(endpoint, amount)


def direct(_clock):
    """No resilience: what the adapter itself says."""
    return Aware(DirectGuard())


def guarded(clock):
    """The real guard with one repeat, and a breaker that bears everything."""
    policy = GuardPolicy(
        limiter=LimiterPolicy(rate_per_min=100_000),
        retry=RetryPolicy(max_retries=1, jitter_s=0, budget_tokens=1e6),
        cache=CachePolicy(enabled=False),
        breaker=BreakerPolicy(threshold=10**6),
        attempt_timeout_s=60,
    )
    return Aware(Guard("market", policy, clock=clock, rng=random.Random(7)))
