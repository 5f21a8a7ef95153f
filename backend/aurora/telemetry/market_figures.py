"""Prices and free GPUs of the market as samples: a walk over the whole catalogue, which a scrape must not wait for."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from statistics import median

from aurora.domain.offer import Offer

Row = tuple[str, tuple[str, ...], float | None]
_AT_ONCE = 2000
"""Offers that are walked over while a scrape waits; figures of larger markets are left to `refresh`."""
_PORTION = 250


class MarketFigures:
    """The samples of the newest catalogue that was walked over."""

    def __init__(self, offers: Callable[[], Iterable[Offer]], version: Callable[[], str]) -> None:
        """`version`: another one whenever an offer is added, changed or gone."""
        self._offers = offers
        self._present = version
        self._version = ""
        self._walked = 0
        self._rows: list[Row] = []

    def rows(self) -> list[Row]:
        """Of a large market as `refresh` left them."""
        if self._walked <= _AT_ONCE and self._version != self._present():
            for _ in self._walk():
                pass
        return self._rows

    async def refresh(self) -> None:
        """Walk over the catalogue if it is another one, in portions of a millisecond."""
        if self._version != self._present():
            for _ in self._walk():
                await asyncio.sleep(0)

    def _walk(self) -> Iterator[None]:
        version, offers, walked = self._present(), self._offers(), 0
        prices: dict[tuple[str, str], list[float]] = {}
        free: dict[str, FreeGpus] = {}
        for offer in offers:
            prices.setdefault((offer.provider, offer.gpu.family), []).append(
                float(offer.price_per_gpu_hour())
            )
            free.setdefault(offer.provider, FreeGpus()).add(offer)
            walked += 1
            if walked % _PORTION == 0:
                yield
        rows: list[Row] = [
            ("aurora_provider_cost_usd", key, median(values)) for key, values in prices.items()
        ]
        rows += [("aurora_provider_capacity", (name,), float(each.count)) for name, each in free.items()]
        self._rows, self._version, self._walked = rows, version, walked


class FreeGpus:
    """Of one provider's offers. Offers that share named GPUs count those once."""

    def __init__(self) -> None:
        self._shared: set[str] = set()
        self._own = 0

    def add(self, offer: Offer) -> None:
        if offer.available != 0:
            self._shared.update(offer.resources)
        if not offer.resources:
            self._own += offer.gpu_count * (1 if offer.available is None else offer.available)

    @property
    def count(self) -> int:
        return len(self._shared) + self._own


def free_gpus(offers: Iterable[Offer]) -> int:
    """GPUs free in one provider's offers."""
    found = FreeGpus()
    for offer in offers:
        found.add(offer)
    return found.count
