"""The catalogue: providers and price statistics, from the Console or, when it does not answer, from the chain.

No key is used. The chain does not say who is online or what is free, and its prices are the newest bids that were
taken: such a page says that it is not complete, so that nothing is taken for gone.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from aurora.domain.errors import (
    CircuitBreakerOpen,
    DeadlineExceeded,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    OfferGone,
    ProviderError,
    RateLimited,
    RateLimitExceeded,
    Unavailable,
)
from aurora.domain.instance import Quote
from aurora.domain.offer import Offer
from aurora.domain.operation import Operation
from aurora.providers.akash import prices
from aurora.providers.akash.lcd import LcdClient
from aurora.providers.akash.limits import PRICES, PROVIDERS
from aurora.providers.akash.offer_id import OfferId
from aurora.providers.akash.parse import OfferReader
from aurora.providers.akash.parts import Parts
from aurora.providers.akash.prices import PriceBook
from aurora.providers.akash.pricing import disk_usd_gb_hour
from aurora.providers.base import Cursor, OffersPage, Rejection

T = TypeVar("T")

SLICE = "all"
_SILENT = (
    Unavailable,
    MalformedAnswer,
    Misconfigured,
    CircuitBreakerOpen,
    RateLimited,
    RateLimitExceeded,
    DeadlineExceeded,
)
"""Failures of the Console for which the chain is asked instead."""


@dataclass(frozen=True, slots=True)
class Read:
    """An answer and when it was asked for: it may come out of the cache."""

    answer: object
    at: datetime


class AkashMarket:
    """Indicative offers of one account's market."""

    def __init__(self, parts: Parts, reader: OfferReader) -> None:
        self._parts = parts
        self._reader = reader
        self._last: tuple[PriceBook, datetime] | None = None
        """The newest prices of the Console."""

    async def page(self, cursor: Cursor) -> OffersPage:
        """Everything: two requests, each through the guard."""
        if cursor.slice_key != SLICE:
            return OffersPage(cursor, (), read_at=self._parts.clock.now())
        lcd = self._parts.lcd
        try:
            return await self._console_page(cursor, Operation.OFFERS)
        except _SILENT as error:
            if lcd is None:
                raise
            try:
                return await self._chain_page(cursor, lcd, error)
            except ProviderError:
                raise error from None

    async def quote(self, offer: OfferId, *, gpu_count: int, disk_gb: float) -> Quote:
        """The present estimate: nobody knows the price before there are bids. Raises OfferGone."""
        page = await self._console_page(Cursor(SLICE), Operation.QUOTE)
        found = next((each for each in page.offers if each.external_id == str(offer)), None)
        if found is None:
            raise OfferGone(self._parts.name, f"{offer} is not listed any more")
        if gpu_count < 1:
            raise InvalidProviderRequest(self._parts.name, "gpu_count: at least 1")
        if found.available is not None and found.available < gpu_count:
            raise OfferGone(self._parts.name, f"{offer} has {found.available} GPUs free, not {gpu_count}")
        return Quote(
            offer_id=found.id,
            usd_per_hour=_price(found, gpu_count=gpu_count, disk_gb=disk_gb),
            firm=False,
            read_at=page.read_at or self._parts.clock.now(),
        )

    async def _console_page(self, cursor: Cursor, operation: Operation) -> OffersPage:
        client = self._parts.client
        rows = await self._read(operation, lambda: client.providers(operation), endpoint=PROVIDERS)
        told = await self._read(operation, lambda: client.gpu_prices(operation), endpoint=PRICES)
        listed = rows.answer if isinstance(rows.answer, Sequence) else ()
        book = prices.from_console(told.answer)
        if book:
            self._last = (PriceBook(book.by_gpu, book.by_provider), told.at)
        doubts = () if book else (Rejection("the price list names no price at all", count=0),)
        return self._offers(cursor, listed, book, at=min(rows.at, told.at), doubts=doubts)

    async def _read(
        self, operation: Operation, send: Callable[[], Awaitable[object]], *, endpoint: str
    ) -> Read:
        async def read() -> Read:
            at = self._parts.clock.now()
            return Read(await send(), at)

        kept = endpoint if operation is Operation.OFFERS else None  # a quote is never answered from a cache
        return await self._parts.guard.call(operation, read, endpoint=endpoint, cache_key=kept)

    async def _chain_page(self, cursor: Cursor, lcd: LcdClient, error: ProviderError) -> OffersPage:
        at = self._parts.clock.now()
        rows = await lcd.providers()
        book = await self._chain_prices(lcd)
        if not book and self._last is not None:
            book, at = self._last
        reason = Rejection(f"from the chain: the Console did not answer ({error.code})", count=0)
        return self._offers(cursor, rows, book, at=at, doubts=(reason,))

    async def _chain_prices(self, lcd: LcdClient) -> PriceBook:
        """Empty where the node does not serve the market, as some do not [2nd]: then the Console's last prices are
        taken, with their age.
        """
        try:
            return prices.from_bids(await lcd.active_bids())
        except ProviderError:
            return PriceBook()

    def _offers(
        self,
        cursor: Cursor,
        rows: Sequence[object],
        book: PriceBook,
        *,
        at: datetime,
        doubts: tuple[Rejection, ...] = (),
    ) -> OffersPage:
        read = self._reader.offers(rows, book, slice_key=cursor.slice_key, seen_at=at)
        return OffersPage(
            cursor, read.offers, rejected=(*doubts, *read.rejected), complete=not doubts, read_at=at
        )


def _price(offer: Offer, *, gpu_count: int, disk_gb: float) -> Decimal:
    return offer.price_per_hour * gpu_count + disk_usd_gb_hour() * Decimal(str(max(0.0, disk_gb)))
