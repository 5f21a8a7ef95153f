"""Reading io.net's catalogue and prices: one slice of partners' machines, one for each kind of network hardware."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from aurora.domain.errors import (
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    OfferGone,
    ProviderError,
)
from aurora.domain.instance import Quote
from aurora.domain.money import usd
from aurora.domain.operation import Operation
from aurora.providers.base import Cursor, OffersPage, Rejection
from aurora.providers.fields import Odd, integer, number
from aurora.providers.ionet.hardware import (
    ConsoleRow,
    Hardware,
    HardwareList,
    Replicas,
    console_rows,
    hardware_list,
    replicas,
)
from aurora.providers.ionet.limits import CONSOLE, REPLICAS
from aurora.providers.ionet.money import HIGHEST_USD_PER_HOUR
from aurora.providers.ionet.offer_id import OfferId
from aurora.providers.ionet.offers import SKUS, OfferMaker, gpu_price, sku_price
from aurora.providers.ionet.parts import Parts
from aurora.providers.reading import ReadRows

CONSOLE_KEPT_S = 300.0
"""It only adds to the API's own rows: memory, disk, a price where the row has none."""


class IonetMarket:
    """One account's view of the market."""

    def __init__(self, parts: Parts, maker: OfferMaker) -> None:
        self._parts = parts
        self._maker = maker
        self._listed: HardwareList | None = None
        self._console: Mapping[str, ConsoleRow] = {}
        self._console_until = float("-inf")

    async def slices(self) -> Sequence[str]:
        """The partners', then each kind of network hardware. A market without any names its first slice."""
        listed = await self._hardware()
        network = (row.slice_key for row in listed.rows if not row.is_sku)
        return (SKUS, *dict.fromkeys(network))

    async def page(self, cursor: Cursor) -> OffersPage:
        """One slice's offers; network hardware goes on with the next size of container."""
        if cursor.slice_key == SKUS:
            listed = await self._hardware()
            read_at = self._parts.clock.now()
            read = self._maker.skus(listed, console=await self._more(), seen_at=read_at)
            return replace(_page(cursor, read, read_at=read_at), complete=listed.complete)
        listed = self._listed or await self._hardware()
        row = listed.network(cursor.slice_key)
        if row is None:
            return OffersPage(cursor, (), read_at=self._parts.clock.now())
        return await self._network_page(cursor, row)

    async def _network_page(self, cursor: Cursor, row: Hardware) -> OffersPage:
        size = integer(cursor.position) or row.sizes[0]
        free, read_at, odd = await self._parts.call(
            Operation.OFFERS,
            lambda: self._replicas(Operation.OFFERS, row, size),
            endpoint=REPLICAS,
            cache_key=f"{cursor.slice_key}|{size}",
        )
        read = self._maker.network(row, free, size=size, console=await self._more(), seen_at=read_at)
        larger = [each for each in row.sizes if each > size]
        after = Cursor(cursor.slice_key, str(larger[0])) if larger else None
        return _page(cursor, ReadRows(read.offers, (*odd, *read.rejected)), read_at=read_at, after=after)

    async def _replicas(
        self, operation: Operation, row: Hardware, size: int
    ) -> tuple[tuple[Replicas, ...], datetime, tuple[Rejection, ...]]:
        read_at = self._parts.clock.now()
        found, odd = replicas(await self._parts.client.replicas(operation, row.id, gpus=size))
        return found, read_at, odd

    async def _hardware(self) -> HardwareList:
        async def send() -> HardwareList:
            rows = await self._parts.client.hardware(Operation.OFFERS)
            return hardware_list(rows, most=self._parts.most_rows)

        self._listed = await self._parts.call(Operation.OFFERS, send, cache_key="hardware")
        return self._listed

    async def _more(self) -> Mapping[str, ConsoleRow]:
        """The console's rows, at most `CONSOLE_KEPT_S` old; the ones of last time where it does not answer."""
        if self._parts.clock.monotonic() < self._console_until:
            return self._console
        self._console_until = self._parts.clock.monotonic() + CONSOLE_KEPT_S
        try:
            found = await self._parts.call(Operation.OFFERS, self._look_at_console, endpoint=CONSOLE)
        except ProviderError:
            return self._console
        if found:
            self._console = found
        return self._console

    async def _look_at_console(self) -> Mapping[str, ConsoleRow]:
        """Another service than the API: its failures must not open the API's breaker."""
        try:
            return console_rows(await self._parts.client.console())
        except ProviderError:
            return {}

    # Prices

    async def quote(self, wanted: OfferId) -> Quote:
        """The present price. Raises OfferGone.

        `/price` is asked first, and says also what is free. It refused int ids in October 2026 [2nd]: then the
        catalogue's price stands, which is no firm one.
        """
        try:
            answer = await self._parts.call(
                Operation.QUOTE, lambda: self._parts.client.price(wanted), endpoint="quote"
            )
        except (InvalidProviderRequest, Misconfigured):
            return await self._listed_price(wanted)
        price = number(answer.usd_per_hour)
        if price is None or not 0 < price <= HIGHEST_USD_PER_HOUR:
            return await self._listed_price(wanted)
        if answer.replicas is not None and answer.replicas < 1:
            raise self._gone(wanted, "is taken")
        return self._quoted(wanted, price, firm=True)

    async def _listed_price(self, wanted: OfferId) -> Quote:
        async def send() -> HardwareList:
            return hardware_list(await self._parts.client.hardware(Operation.QUOTE))

        listed = await self._parts.call(Operation.QUOTE, send)
        row = next((each for each in listed.rows if _is(each, wanted)), None)
        if row is None or wanted.gpus not in row.sizes:
            raise self._gone(wanted, "is not listed any more")
        more = (await self._more()).get(str(row.id))
        try:
            price = sku_price(row, more) if row.is_sku else gpu_price(row, more) * wanted.gpus
        except Odd as odd:
            raise MalformedAnswer(self._parts.name, f"offer {wanted}: {odd.reason}") from None
        if not await self._is_free(row, wanted):
            raise self._gone(wanted, "is taken")
        return self._quoted(wanted, price, firm=False)

    async def _is_free(self, row: Hardware, wanted: OfferId) -> bool:
        if row.is_sku:
            return row.available is None or row.available > 0
        free, _, _ = await self._parts.call(
            Operation.QUOTE, lambda: self._replicas(Operation.QUOTE, row, wanted.gpus)
        )
        return any(place.location == wanted.location and place.free > 0 for place in free)

    def _quoted(self, wanted: OfferId, price: Decimal, *, firm: bool) -> Quote:
        return Quote(
            offer_id=f"{self._parts.name}:{wanted}",
            usd_per_hour=usd(price),
            firm=firm,
            read_at=self._parts.clock.now(),
        )

    def _gone(self, wanted: OfferId, why: str) -> OfferGone:
        return OfferGone(self._parts.name, f"offer {wanted} {why}")


def _is(row: Hardware, wanted: OfferId) -> bool:
    return row.id == wanted.hardware and (not row.is_sku or row.country == wanted.location)


def _page(cursor: Cursor, read: ReadRows, *, read_at: datetime, after: Cursor | None = None) -> OffersPage:
    return OffersPage(cursor, read.offers, rejected=read.rejected, next=after, read_at=read_at)
