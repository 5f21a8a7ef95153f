"""A market in memory for the tests of the sync: slices, pages, faults, and the offers in it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from aurora.domain.errors import ProviderError
from aurora.domain.gpu import GpuModel
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.base import Cursor, OffersPage, Rejection
from tests.fakes.clock import START

A100 = GpuModel("a100", "sxm", 80)
H100 = GpuModel("h100", "sxm", 80)
T4 = GpuModel("t4", None, 16)


def an_offer(external_id: object = 1, *, usd: object = "1.50", gpu: GpuModel = A100, **more) -> Offer:
    """An offer of the provider `market`; `more` are further fields."""
    given = {
        "provider": "market",
        "gpu_count": 1,
        "price_kind": PriceKind.FIRM,
        "seen_at": START,
        "gpu_raw": gpu.name.upper(),
        **more,
    }
    return Offer(external_id=str(external_id), price_per_hour=Decimal(str(usd)), gpu=gpu, **given)


def offers(count: int, *, first: int = 1, **more) -> list[Offer]:
    return [an_offer(number, **more) for number in range(first, first + count)]


class Market:
    """Fits the offers' half of the provider contract. Pages are numbered from 0 in cursors."""

    def __init__(
        self, name: str = "market", *, clock, page_size: int = 64, seconds_per_page: float = 0.0
    ) -> None:
        self.name = name
        self._clock = clock
        self.page_size = page_size
        self._seconds_per_page = seconds_per_page
        self.slices: dict[str, list[Offer]] = {}
        self.calls: list[str] = []
        """`slice#page` of every request that was answered or failed."""
        self.faults: dict[str, list[Exception]] = defaultdict(list)
        """What the next requests for `slice#page` raise."""
        self.rejected: dict[str, tuple[Rejection, ...]] = {}
        self.capped: set[str] = set()
        """Slices that the market cannot show to their end."""
        self.cached_at = None
        """When the answers were really read, if they come from a cache."""

    def put(self, slice_key: str, found: Iterable[Offer]) -> None:
        self.slices[slice_key] = [replace(offer, slice_key=slice_key) for offer in found]

    async def catalogue_slices(self):
        self._fail("slices")
        return tuple(self.slices)

    async def offers_page(self, cursor: Cursor) -> OffersPage:
        read_at = self.cached_at or self._clock.now()
        number = int(cursor.position or 0)
        self.calls.append(f"{cursor.slice_key}#{number}")
        if self._seconds_per_page:
            await self._clock.sleep(self._seconds_per_page)
        self._fail(self.calls[-1])
        listed = self.slices.get(cursor.slice_key, [])
        start = number * self.page_size
        more = start + self.page_size < len(listed)
        return OffersPage(
            cursor,
            tuple(replace(offer, seen_at=read_at) for offer in listed[start : start + self.page_size]),
            rejected=self.rejected.get(cursor.slice_key, ()),
            next=Cursor(cursor.slice_key, str(number + 1)) if more else None,
            complete=more or cursor.slice_key not in self.capped,
            read_at=read_at,
        )

    def fail(self, where: str, *errors: Exception) -> None:
        self.faults[where].extend(errors)

    def read_slices(self) -> list[str]:
        """Slices in the order in which they were asked for, without repeats in a row."""
        keys = [call.partition("#")[0] for call in self.calls]
        return [key for index, key in enumerate(keys) if index == 0 or keys[index - 1] != key]

    def _fail(self, where: str) -> None:
        if self.faults[where]:
            raise self.faults[where].pop(0)


class Markets:
    """The registry's shape."""

    def __init__(self, *markets: Market) -> None:
        self._markets = {market.name: market for market in markets}

    def get(self, name: str) -> Market:
        return self._markets[name]

    def names(self) -> tuple[str, ...]:
        return tuple(self._markets)


def provider_error(
    kind: type[ProviderError] = ProviderError, detail: str = "it said no", **more
) -> ProviderError:
    return kind("market", detail, **more)
