"""What a GPU costs on the lists: the median of the last seven days, kept up to date price by price."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from heapq import heappop, heappush
from types import MappingProxyType
from typing import NamedTuple

from aurora.db.repositories.offers import PricePoint
from aurora.domain.gpu import GpuModel
from aurora.domain.money import usd
from aurora.domain.offer import Offer

WINDOW = timedelta(days=7)
_SORTED_TOGETHER = 32
"""A list up to so many times as long as what is new to it is sorted anew, a longer one takes each in its place."""
_REMEMBERED = 4096
"""Models whose names are not put together anew."""


class _Point(NamedTuple):
    """A price that one offer took on at `at`; `keys` are the names it counts for. In the order of time."""

    at: datetime
    offer_id: str
    price: Decimal
    keys: tuple[str, ...]


class ReferencePrices:
    """Trailing median USD per GPU and hour, by family (`a100`) and by model (`a100-sxm-80gb`).

    Each price that an offer took on in the last seven days counts once, and so does the present price of an offer
    on sale however old it is. Spot offers do not count: they are no list price. The price history in the database
    holds the same points, so a restart gives the same medians.
    """

    def __init__(self) -> None:
        self._sorted: dict[str, list[float]] = {}
        """As floats, which are put in order in a fifth of the time. Below a million dollars the ninth decimal is exact."""
        self._fresh: dict[str, list[float]] = {}
        """Not sorted in yet."""
        self._present: dict[str, _Point] = {}
        self._past: list[_Point] = []
        self._medians: dict[str, Decimal] = {}
        self._dirty: set[str] = set()

    def recall(self, points: Iterable[PricePoint]) -> None:
        """Prices of the history, in the order of time; what an offer asked before is past with each."""
        for each in points:
            if not each.spot:
                self._close(each.offer_id)
                self._open(_Point(each.at, each.offer_id, each.usd_per_gpu_hour, _keys(each.model)))

    def offered(self, offers: Iterable[Offer]) -> None:
        """These offers are on sale: a new price makes a new point, the same one changes nothing."""
        for offer in offers:
            if offer.spot:
                continue
            key, price, keys = offer.id, usd(offer.price_per_gpu_hour()), _keys(offer.gpu)
            old = self._present.get(key)
            if old is not None:
                if old.price == price and old.keys == keys:
                    continue
                self._close(key)
            self._open(_Point(offer.seen_at, key, price, keys))

    def withdrawn(self, offer_ids: Iterable[str]) -> None:
        """These are not on sale any more; their points fade with time."""
        for offer_id in offer_ids:
            self._close(offer_id)

    def keep_present(self, offer_ids: Iterable[str]) -> None:
        """After a recall: only these offers are still on sale."""
        self.withdrawn(self._present.keys() - set(offer_ids))

    def medians(self, now: datetime) -> Mapping[str, Decimal]:
        """By name; a name without any price is absent."""
        self._sort_in()
        while self._past and self._past[0].at < now - WINDOW:
            self._remove(heappop(self._past))
        for key in self._dirty:
            prices = self._sorted.get(key)
            if prices:
                self._medians[key] = _median(prices)
            else:
                self._medians.pop(key, None)
        self._dirty.clear()
        return MappingProxyType(dict(self._medians))

    def _open(self, point: _Point) -> None:
        self._present[point.offer_id] = point
        price = float(point.price)
        for key in point.keys:
            self._fresh.setdefault(key, []).append(price)

    def _sort_in(self) -> None:
        for key, fresh in self._fresh.items():
            prices = self._sorted.setdefault(key, [])
            if len(prices) <= _SORTED_TOGETHER * len(fresh):
                prices += fresh
                prices.sort()
                continue
            for price in fresh:
                insort(prices, price)
        self._dirty.update(self._fresh)
        self._fresh.clear()

    def _close(self, offer_id: str) -> None:
        point = self._present.pop(offer_id, None)
        if point is not None:
            heappush(self._past, point)

    def _remove(self, point: _Point) -> None:
        price = float(point.price)
        for key in point.keys:
            prices = self._sorted[key]
            del prices[bisect_left(prices, price)]
        self._dirty.update(point.keys)


@lru_cache(maxsize=_REMEMBERED)
def _keys(model: GpuModel) -> tuple[str, ...]:
    """The family's name means all its models, also where one model has no other name."""
    name = model.name
    return (model.family,) if name == model.family else (model.family, name)


def _median(prices: list[float]) -> Decimal:
    half = len(prices) // 2
    middle = usd(prices[half])
    return middle if len(prices) % 2 else usd((usd(prices[half - 1]) + middle) / 2)
