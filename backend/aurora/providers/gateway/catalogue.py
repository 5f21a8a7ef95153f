"""Reading what a gateway sells: the list page by page, and one offer's present price."""

import json
from decimal import Decimal
from functools import partial

from aurora.domain.clock import Clock
from aurora.domain.errors import MalformedAnswer, NoCapacity, OfferGone
from aurora.domain.instance import Quote
from aurora.domain.money import usd
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.operation import Operation
from aurora.domain.records import BEYOND_CAP
from aurora.providers.base import MOST_ROWS, CallGuard, Cursor, OffersPage, Rejection
from aurora.providers.fields import Fields, Odd, integer
from aurora.providers.gateway.client import GatewayClient, Page
from aurora.providers.gateway.errors import StalePosition
from aurora.providers.gateway.offers import HIGHEST_USD_PER_HOUR, OfferReader
from aurora.providers.gateway.order import disk

SLICE = "all"


class Catalogue:
    """One gateway's offers. Raises only ProviderError."""

    def __init__(
        self,
        provider: str,
        client: GatewayClient,
        *,
        guard: CallGuard,
        clock: Clock,
        reader: OfferReader,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._provider = provider
        self._client = client
        self._guard = guard
        self._clock = clock
        self._reader = reader
        self._most_rows = most_rows
        self._quotes = False
        """The gateway was seen to answer `GET /gpus/{id}`: a 404 of it means that the offer is gone."""

    async def page(self, cursor: Cursor) -> OffersPage:
        """One page of what can start now; `complete` False where the list is longer than we read."""
        if cursor.slice_key != SLICE:
            return OffersPage(cursor, (), read_at=self._clock.now())
        return await self._guard.call(
            Operation.OFFERS, partial(self._read, cursor), cache_key=f"{SLICE}|{cursor.position or ''}"
        )

    async def _read(self, cursor: Cursor) -> OffersPage:
        read_at = self._clock.now()
        token, rows_before = _decoded(cursor.position)
        try:
            page = await self._client.offers(Operation.OFFERS, token, available=True)
        except StalePosition:
            if token is None:
                raise
            begin_anew = Rejection("the gateway does not know the position any more", count=0)
            return OffersPage(cursor, (), rejected=(begin_anew,), complete=False, read_at=read_at)
        read = self._reader.offers(page.rows, slice_key=SLICE, seen_at=read_at)
        rows = rows_before + len(page.rows)
        cut = self._cut(page, rows)
        goes_on = page.next is not None and cut is None
        return OffersPage(
            cursor,
            read.offers,
            rejected=(*read.rejected, Rejection(cut, count=0)) if cut is not None else read.rejected,
            next=Cursor(SLICE, _encoded(page.next, rows)) if goes_on else None,
            complete=cut is None,
            read_at=read_at,
        )

    def _cut(self, page: Page, rows: int) -> str | None:
        """Why a list that goes on is not read further: one that floods must not fill our memory."""
        if page.next is None:
            return None
        if rows >= self._most_rows:
            return BEYOND_CAP
        return None if page.rows else "an empty page, and the list goes on"

    async def quote(self, offer_id: str, *, gpu_count: int, disk_gb: float) -> Quote:
        """The present price with the disk. Raises OfferGone, NoCapacity (the disk does not fit)."""
        row = await self._present(offer_id, disk_gb=disk(disk_gb))
        try:
            offer = self._reader.offer(row, slice_key=SLICE, seen_at=self._clock.now())
        except Odd as odd:
            raise MalformedAnswer(self._provider, f"offer {offer_id}: {odd.reason}") from None
        if offer.external_id != offer_id:
            raise MalformedAnswer(self._provider, f"asked for offer {offer_id}, told about another")
        self._check(offer, gpu_count=gpu_count, disk_gb=disk_gb)
        return Quote(
            offer_id=offer.id,
            usd_per_hour=_price(row, offer, disk_gb=disk_gb),
            firm=offer.price_kind is PriceKind.FIRM,
            read_at=self._clock.now(),
        )

    def _check(self, offer: Offer, *, gpu_count: int, disk_gb: float) -> None:
        if offer.available == 0:
            raise OfferGone(self._provider, f"nothing of offer {offer.external_id} is free")
        if offer.gpu_count != gpu_count:
            detail = f"offer {offer.external_id} has {offer.gpu_count} GPUs now, not {gpu_count}"
            raise OfferGone(self._provider, detail)
        if offer.disk_max_gb is not None and disk_gb > offer.disk_max_gb:
            detail = f"offer {offer.external_id} has {offer.disk_max_gb:.0f} GB of disk at most"
            raise NoCapacity(self._provider, detail)

    async def _present(self, offer_id: str, *, disk_gb: int) -> Fields:
        """The row as it is now. A gateway of version 1.0 has no route for it: then it is looked for in the list."""
        try:
            row = await self._guard.call(
                Operation.QUOTE, lambda: self._client.offer(offer_id, disk_gb=disk_gb)
            )
        except OfferGone:
            if self._quotes:
                raise
        else:
            self._quotes = True
            return row
        return await self._looked_up(offer_id)

    async def _looked_up(self, offer_id: str) -> Fields:
        token: str | None = None
        rows = 0
        while True:
            page: Page = await self._guard.call(
                Operation.QUOTE, partial(self._client.offers, Operation.QUOTE, token, available=False)
            )
            for row in page.rows:
                fields = Fields(row if isinstance(row, dict) else {})
                if fields.text("id") == offer_id:
                    return fields
            rows += len(page.rows)
            token = page.next
            if token is None or not page.rows or rows >= self._most_rows:
                raise OfferGone(self._provider, f"offer {offer_id} is not listed any more")


def _price(row: Fields, offer: Offer, *, disk_gb: float) -> Decimal:
    """As the gateway worked it out, but never below what its own figures make."""
    own = offer.price_with_disk(disk(disk_gb))
    said = row.object("quote").number("price_per_hour")
    return usd(max(own, said)) if said is not None and said <= HIGHEST_USD_PER_HOUR else usd(own)


def _encoded(token: str | None, rows: int) -> str:
    return json.dumps({"cursor": token, "rows": rows})


def _decoded(position: str | None) -> tuple[str | None, int]:
    """The gateway's cursor and the rows read before it; what is not one of ours starts from the beginning."""
    try:
        found = json.loads(position) if position else {}
    except ValueError:
        return None, 0
    if not isinstance(found, dict) or not isinstance(found.get("cursor"), str):
        return None, 0
    return found["cursor"], integer(found.get("rows")) or 0
