"""Reading SaladCloud's classes, their prices, and how many nodes there are."""

from collections.abc import Sequence

from aurora.domain.clock import Clock
from aurora.domain.errors import OfferGone
from aurora.domain.instance import Quote
from aurora.domain.money import usd
from aurora.domain.operation import Operation
from aurora.providers.base import CallGuard, Cursor, OffersPage
from aurora.providers.salad.classes import ClassList, GpuClass, OfferMaker, PriceOf, class_list, nodes
from aurora.providers.salad.client import SaladClient
from aurora.providers.salad.limits import ACCOUNT
from aurora.providers.salad.names import OfferId

KEPT_S = 300.0
"""How old the prices of a page may be where nobody read the classes since."""


class SaladMarket:
    """One organization's view of the market."""

    def __init__(
        self,
        client: SaladClient,
        maker: OfferMaker,
        *,
        guard: CallGuard,
        clock: Clock,
        price_of: PriceOf = PriceOf.CLASS,
    ) -> None:
        self._price_of = price_of
        self._client = client
        self._maker = maker
        self._guard = guard
        self._clock = clock
        self._listed: ClassList | None = None
        self._until = float("-inf")

    async def slices(self) -> Sequence[str]:
        """One per class."""
        return tuple(row.slice_key for row in (await self._read(Operation.OFFERS)).rows)

    async def page(self, cursor: Cursor) -> OffersPage:
        """One class at all of its priorities. What of the list could not be read is said once, with the first class."""
        listed = await self._classes()
        row = listed.by_slice(cursor.slice_key)
        read_at = self._clock.now()
        if row is None:
            return OffersPage(cursor, (), read_at=read_at)

        async def ask() -> OffersPage:
            free = nodes(await self._client.availability(Operation.OFFERS, row.availability(disk_gb=0)))
            odd = listed.rejected if row is listed.rows[0] else ()
            read = self._maker.offers(row, free, seen_at=self._clock.now(), rejected=odd)
            return OffersPage(cursor, read.offers, rejected=read.rejected, read_at=self._clock.now())

        return await self._guard.call(Operation.OFFERS, ask, endpoint=ACCOUNT, cache_key=cursor.slice_key)

    async def quote(self, wanted: OfferId, *, gpu_count: int, disk_gb: float) -> Quote:
        """Price and nodes of this moment, with the disk. Raises OfferGone."""
        row = (await self._read(Operation.QUOTE)).by_id(wanted.gpu_class)
        if row is None or wanted.priority not in row.prices:
            raise OfferGone(self._maker.provider, f"offer {wanted} is not listed any more")
        if row.gpus != gpu_count:
            raise OfferGone(self._maker.provider, f"offer {wanted} has {row.gpus} GPUs, not {gpu_count}")
        answer = await self._guard.call(
            Operation.QUOTE,
            lambda: self._client.availability(Operation.QUOTE, row.availability(disk_gb=disk_gb)),
            endpoint=ACCOUNT,
        )
        if nodes(answer).get(wanted.priority, 1) < 1:
            raise OfferGone(self._maker.provider, f"offer {wanted} has no free node")
        return Quote(
            offer_id=f"{self._maker.provider}:{wanted}",
            usd_per_hour=usd(row.prices[wanted.priority]),
            firm=True,
            read_at=self._clock.now(),
        )

    async def gpu_class(self, wanted: OfferId) -> GpuClass:
        """What a create must know of its class. Raises OfferGone."""
        found = (await self._classes()).by_id(wanted.gpu_class)
        if found is None:
            raise OfferGone(self._maker.provider, f"offer {wanted} is not listed any more")
        return found

    async def _classes(self) -> ClassList:
        """As read lately."""
        if self._listed is None or self._clock.monotonic() >= self._until:
            return await self._read(Operation.OFFERS)
        return self._listed

    async def _read(self, operation: Operation) -> ClassList:
        async def send() -> ClassList:
            return class_list(await self._client.gpu_classes(operation), price_of=self._price_of)

        key = "classes" if operation is Operation.OFFERS else None
        found = await self._guard.call(operation, send, endpoint=ACCOUNT, cache_key=key)
        self._listed, self._until = found, self._clock.monotonic() + KEPT_S
        return found
