"""Filtering, sorting and paging of the catalogue for `GET /offers`. Pure."""

import base64
import binascii
import heapq
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from aurora.domain.errors import InvalidRequest
from aurora.domain.gpu import GpuQuery
from aurora.domain.offer import Offer

SortKey = tuple[bool, float, float, str]
"""(the value is missing, the value, USD per GPU-hour, offer id): a total order, missing values last."""


@dataclass(frozen=True, slots=True)
class OfferFilter:
    """None: any. Prices in USD per GPU and hour, memory in GB per GPU."""

    gpu: GpuQuery | None = None
    providers: frozenset[str] = frozenset()
    region: str = "global"
    max_price: Decimal | None = None
    min_vram_gb: float | None = None
    gpu_count: int | None = None
    spot: bool | None = None
    available: bool | None = None

    def matches(self, offer: Offer) -> bool:
        """An offer of unknown place fits every region; unknown memory fits no minimum; unknown stock is free."""
        return (
            (not self.providers or offer.provider in self.providers)
            and (self.gpu is None or self.gpu.matches(offer.gpu))
            and (self.gpu_count is None or offer.gpu_count == self.gpu_count)
            and (self.spot is None or offer.spot == self.spot)
            and (self.available is None or is_available(offer) == self.available)
            and (self.region == "global" or not offer.regions or self.region in offer.regions)
            and (self.min_vram_gb is None or (vram_gb(offer) or 0.0) >= self.min_vram_gb)
            and (self.max_price is None or offer.price_per_gpu_hour() <= self.max_price)
        )


@dataclass(frozen=True, slots=True)
class OfferPage:
    """`total` counts all matches, on every page."""

    offers: tuple[Offer, ...]
    total: int
    cursor: str | None


class OfferOrder:
    """One way to sort: a name of `SORTS`, with `-` in front for largest first."""

    def __init__(
        self,
        text: str,
        *,
        reputation: Callable[[Offer], float | None],
        g_score: Callable[[Offer], float | None],
    ) -> None:
        """Raises InvalidRequest("sort")."""
        self.text = text
        self._sign = -1.0 if text.startswith("-") else 1.0
        values: Mapping[str, Callable[[Offer], float | None]] = {
            **SORTS,
            "reputation": reputation,
            "g_score": g_score,
        }
        name = text.removeprefix("-")
        if name not in values:
            raise InvalidRequest(
                "sort", f"must be one of {', '.join(sorted(values))}, `-` in front: largest first"
            )
        self._value = values[name]

    def key(self, offer: Offer) -> SortKey:
        value = self._value(offer)
        return (value is None, self._sign * (value or 0.0), gpu_price(offer), offer.id)


def page(
    offers: Iterable[Offer], wanted: OfferFilter, *, order: OfferOrder, after: str | None, limit: int
) -> OfferPage:
    """The next `limit` matches after the cursor. Offers that come or go in between disturb only their own place.

    Raises InvalidRequest("cursor") for a cursor of another list or order.
    """
    last = None if after is None else _read_cursor(after, order.text)
    matching = [offer for offer in offers if wanted.matches(offer)]
    # Keys are made one at a time and dropped: thousands kept at once would set the garbage collector off.
    rest = matching if last is None else (offer for offer in matching if order.key(offer) > last)
    found = heapq.nsmallest(limit + 1, rest, key=order.key)
    cursor = _write_cursor(order.key(found[limit - 1]), order.text) if len(found) > limit else None
    return OfferPage(tuple(found[:limit]), len(matching), cursor)


def gpu_price(offer: Offer) -> float:
    """USD per GPU and hour, for ordering."""
    return float(offer.price_per_hour) / offer.gpu_count


def vram_gb(offer: Offer) -> float | None:
    """Per GPU: what the market says, else what the model has."""
    return offer.gpu.vram_gb if offer.vram_gb is None else offer.vram_gb


def is_available(offer: Offer) -> bool:
    return offer.available is None or offer.available > 0


def _hour_price(offer: Offer) -> float | None:
    return float(offer.price_per_hour)


def _seen_at(offer: Offer) -> float | None:
    return offer.seen_at.timestamp()


def _gpu_count(offer: Offer) -> float | None:
    return offer.gpu_count


def _available(offer: Offer) -> float | None:
    return offer.available


SORTS: Mapping[str, Callable[[Offer], float | None]] = {
    "price": gpu_price,
    "price_per_hour": _hour_price,
    "seen_at": _seen_at,
    "vram_gb": vram_gb,
    "gpu_count": _gpu_count,
    "available": _available,
}


def _write_cursor(key: SortKey, order: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, *key]).encode()).decode()


def _read_cursor(text: str, order: str) -> SortKey:
    try:
        made_for, missing, value, price, offer_id = json.loads(base64.urlsafe_b64decode(text.encode("ascii")))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise InvalidRequest("cursor", "is not a cursor of this list") from None
    kinds = (str, bool, int | float, int | float, str)
    parts = (made_for, missing, value, price, offer_id)
    if made_for != order or not all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True)):
        raise InvalidRequest("cursor", "is not a cursor of this list in this order")
    return (missing, float(value), float(price), offer_id)
