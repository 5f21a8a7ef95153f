"""One reading of one slice of a catalogue, page by page."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from aurora.domain.clock import Clock
from aurora.domain.errors import DeadlineExceeded, MalformedAnswer, ProviderError, RateLimitExceeded
from aurora.domain.event_loop import give_way
from aurora.domain.money import USD_STEP, usd
from aurora.domain.offer import Offer
from aurora.providers.base import Cursor, OffersPage, Provider
from aurora.resilience.deadline import deadline
from aurora.services.catalogue import portions
from aurora.services.integrity import unsound
from aurora.services.offer_rule import OfferRule

T = TypeVar("T")

_SHORTEST_WAIT_S = 0.05
"""A limiter that says "now" is asked again after this: it must not be asked without end."""


@dataclass(slots=True, eq=False)
class SliceWalk:
    """How far the reading has come. `cursor` None: the end was reached."""

    key: str
    cursor: Cursor | None
    began_at: datetime
    """Nothing of this reading was observed earlier."""
    stepped_at: datetime
    """When the last page came."""
    complete: bool = True
    """False once the market said that it cannot show all of the slice."""
    seen: dict[str, datetime] = field(default_factory=dict)
    """Ids of the offers read so far, and when."""
    fresh: dict[str, Offer] = field(default_factory=dict)
    """Offers read and not merged yet."""
    rejected: int = 0

    @classmethod
    def begin(cls, key: str, *, at: datetime) -> "SliceWalk":
        return cls(key, Cursor(key), began_at=at, stepped_at=at)

    @property
    def finished(self) -> bool:
        return self.cursor is None

    @property
    def resumable(self) -> bool:
        """Some of it has been read, some has not."""
        return self.cursor is not None and self.cursor != Cursor(self.key)

    async def take(self, page: OffersPage, *, provider: str, at: datetime) -> Counter[str]:
        """Go on by one page. Returns what was rejected, by the adapter or because it cannot be kept, by reason."""
        rejected: Counter[str] = Counter()
        for rejection in page.rejected:
            rejected[rejection.reason] += rejection.count
        for portion in portions(page.offers):
            for offer in portion:
                reason = unsound(offer, provider=provider)
                if reason is not None:
                    rejected[reason] += 1
                    continue
                kept = _kept(offer, self.key)
                self.seen[kept.id] = kept.seen_at
                self.fresh[kept.id] = kept
            await give_way()
        self.stepped_at = at
        # a page from a cache is older than the question
        self.began_at = min(self.began_at, page.read_at or at)
        self.complete = self.complete and page.complete
        self.rejected += sum(rejected.values())
        self.cursor = page.next
        return rejected

    def unmerged(self) -> dict[str, Offer]:
        """The offers that came since the last call, by id."""
        fresh, self.fresh = self.fresh, {}
        return fresh


@dataclass(frozen=True, slots=True)
class PageReader:
    """Asks one provider, at most until `ends_at` on the clock's monotonic scale."""

    provider: Provider
    clock: Clock
    ends_at: float
    rule: OfferRule = field(default_factory=OfferRule)
    ours: Callable[[], bool] = lambda: True
    """False: another replica reads this market now, there is no time left for us."""

    @property
    def left_s(self) -> float:
        return max(0.0, self.ends_at - self.clock.monotonic()) if self.ours() else 0.0

    async def slices(self) -> tuple[str, ...]:
        """The slices that the market names, each once. Raises ProviderError, also for an empty list."""
        named = tuple(dict.fromkeys(await self._paced(self.provider.catalogue_slices)))
        if not named:
            raise MalformedAnswer(self.provider.name, "the market names no part of its catalogue")
        return named

    async def page(self, cursor: Cursor) -> OffersPage:
        """One page. Raises ProviderError."""
        return self.rule.apply(await self._paced(lambda: self.provider.offers_page(cursor)))

    async def _paced(self, ask: Callable[[], Awaitable[T]]) -> T:
        """A short wait for our own limiter is waited out."""
        while True:
            try:
                return await self._bounded(ask)
            except RateLimitExceeded as exc:
                wait = exc.retry_after
                if wait is None or wait >= self.left_s:
                    raise
            await self.clock.sleep(max(wait, _SHORTEST_WAIT_S))

    async def _bounded(self, ask: Callable[[], Awaitable[T]]) -> T:
        name, left = self.provider.name, self.left_s
        if left <= 0:
            raise DeadlineExceeded(name, "the time of this sync is over")
        try:
            with deadline(self.clock, left):
                async with asyncio.timeout(left):
                    return await ask()
        except ProviderError:
            raise
        except TimeoutError as exc:
            raise DeadlineExceeded(name, "the time of this sync ended during a request") from exc
        except Exception as exc:  # whatever an adapter raises must not hurt the other markets
            raise MalformedAnswer(name, f"its adapter failed with {type(exc).__name__}") from exc


def _kept(offer: Offer, slice_key: str) -> Offer:
    """The offer as the database will have it: listed where it was read, money at the kept scale."""
    price, disk = offer.price_per_hour, offer.disk_price_gb_hour
    if offer.slice_key == slice_key and _has_kept_scale(price) and _has_kept_scale(disk):
        return offer
    return replace(offer, slice_key=slice_key, price_per_hour=usd(price), disk_price_gb_hour=usd(disk))


def _has_kept_scale(amount: Decimal) -> bool:
    # nearly all come from adapters that round: those are not rounded once more to see it
    return amount.same_quantum(USD_STEP) or amount == usd(amount)
