"""What GPUs cost and how many are free, as far as anybody says it before there are bids. Pure.

Prices of `/v1/gpu-prices` are USD per GPU and hour over the best bid of each provider; most are bids on an order of
0.1 CPU and 256 MiB, so they are for the GPU alone (Console's code, August 2026 [seen]). They have two decimals; the bid
behind them has more, and is taken where `debug` shows it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median

from aurora.domain.money import usd_up
from aurora.providers.akash.offer_id import VENDOR, OfferId
from aurora.providers.akash.pricing import Shape, hourly
from aurora.providers.fields import Fields, number

HIGHEST_USD_PER_HOUR = Decimal(1_000)
_MOST_CARDS = 100_000
_GIB = 1024**3
_ATTRIBUTE = re.compile(r"(vendor|model|ram|interface)/([^/]+)")
_STATISTICS = ("med", "weightedAverage", "avg", "max")
"""The first that is there is the price of a provider whose own bid is not known."""

GpuKey = tuple[str, str | None, str | None]
"""Model, memory, interface."""


@dataclass(frozen=True, slots=True)
class GpuPrice:
    """USD per hour of one GPU, with the CPU and memory that the bid was for."""

    usd_per_hour: Decimal
    included: Shape = field(default_factory=lambda: Shape(0, 0))

    def all_in(self, shape: Shape) -> Decimal:
        """With what we ask for: what goes beyond the bid's own CPU and memory is added at the script's defaults
        (`pricing.CPU_USD_MONTH` and following, [guess]).
        """
        return usd_up(self.usd_per_hour + max(Decimal(0), shape.usd_per_hour - self.included.usd_per_hour))


@dataclass(frozen=True, slots=True)
class Cards:
    """GPUs of one kind at one provider."""

    free: int
    total: int


@dataclass(slots=True)
class PriceBook:
    """Prices and cards by provider and GPU, and prices by GPU alone."""

    by_gpu: dict[GpuKey, GpuPrice] = field(default_factory=dict)
    by_provider: dict[OfferId, GpuPrice] = field(default_factory=dict)
    cards: dict[OfferId, Cards] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Does it know any price?"""
        return bool(self.by_gpu or self.by_provider)

    def price(self, offer: OfferId) -> GpuPrice | None:
        """The provider's own best bid, else the middle of all providers, with the same memory and interface."""
        return self.by_provider.get(offer) or self.by_gpu.get((offer.model, offer.ram, offer.interface))


def from_console(answer: object) -> PriceBook:
    """`GET /v1/gpu-prices`, with or without its debug detail. Odd rows give no price."""
    book = PriceBook()
    for row in objects(answer.get("models") if isinstance(answer, dict) else None):
        if (row.text("vendor") or "").lower() == VENDOR:
            _read_model(row, book)
    return book


def _read_model(row: Fields, book: PriceBook) -> None:
    named = _gpu_of(row, owner=None)
    if named is None:
        return
    statistics = row.object("price")
    found = next((price for name in _STATISTICS if (price := _usd(statistics.number(name)))), None)
    if found is not None:
        book.by_gpu[named.model, named.ram, named.interface] = GpuPrice(found)
    for each in objects(row.object("providerAvailability").raw("providers")):
        at, cards = _gpu_of(row, owner=each.text("owner")), _cards(each)
        if at is not None and cards is not None:
            book.cards[at] = cards
    for each in objects(row.raw("providersWithBestBid")):
        at, bid = _gpu_of(row, owner=each.object("provider").text("owner")), each.object("bestBid")
        best = _best_bid(bid)
        if at is not None and best is not None:
            book.by_provider[at] = best


def _gpu_of(row: Fields, *, owner: str | None) -> OfferId | None:
    """Without an owner: the GPU alone, under an address that is nobody's."""
    at = owner if owner is not None else "akash1nobody"
    return OfferId.of(
        at, row.text("model", limit=40), row.text("ram", limit=20), row.text("interface", limit=20)
    )


def _cards(row: Fields) -> Cards | None:
    total, taken = row.integer("allocatable"), row.integer("allocated")
    if total is None or taken is None or not 0 <= total <= _MOST_CARDS:
        return None
    return Cards(max(0, total - max(0, taken)), total)


def _best_bid(bid: Fields) -> GpuPrice | None:
    price = bid.object("data").object("price")
    exact = _usd(in_usd(price)) or _usd(bid.number("hourlyPrice"))
    if exact is None:
        return None
    order = bid.object("deployment")
    return GpuPrice(exact, _shape(order.number("cpuUnits"), order.number("memoryUnits")))


def in_usd(price: Fields) -> Decimal | None:
    """`{"denom", "amount"}` per block as USD per hour; None for a currency that floats."""
    amount, denom = price.number("amount"), price.text("denom", limit=128)
    return None if amount is None or denom is None or amount < 0 else hourly({denom: amount})


def _usd(amount: Decimal | None) -> Decimal | None:
    return amount if amount is not None and 0 < amount <= HIGHEST_USD_PER_HOUR else None


def _shape(milli_cpu: Decimal | None, memory_bytes: Decimal | None) -> Shape:
    """What an order had beside the GPU, rounded down: nothing is taken off for a part of it."""
    return Shape(max(0, int((milli_cpu or 0) // 1000)), max(0, int((memory_bytes or 0) // _GIB)))


def from_bids(rows: Sequence[object]) -> PriceBook:
    """Bids of the chain (LCD): the cheapest of each provider for one GPU, and the middle over providers."""
    book = PriceBook()
    for row in objects(rows):
        bid = row.object("bid")
        owner = (bid.object("id") if "id" in bid else bid.object("bid_id")).text("provider")
        price = _usd(in_usd(bid.object("price")))
        order = _single_gpu(bid.raw("resources_offer"))
        if price is None or order is None:
            continue
        for named in gpus_of(order.object("gpu").raw("attributes"), owner=owner):
            before = book.by_provider.get(named)
            if before is None or price < before.usd_per_hour:
                units, quantity = (
                    order.object("cpu").object("units"),
                    order.object("memory").object("quantity"),
                )
                book.by_provider[named] = GpuPrice(price, _shape(units.number("val"), quantity.number("val")))
    prices: dict[GpuKey, list[Decimal]] = {}
    for named, found in book.by_provider.items():
        prices.setdefault((named.model, named.ram, named.interface), []).append(found.usd_per_hour)
    book.by_gpu.update({key: GpuPrice(median(found)) for key, found in prices.items()})
    return book


def _single_gpu(offered: object) -> Fields | None:
    """The resources of an order of one replica with one GPU."""
    rows = list(objects(offered))
    if len(rows) != 1 or rows[0].integer("count") != 1:
        return None
    found = rows[0].object("resources")
    return found if found.object("gpu").object("units").integer("val") == 1 else None


def gpus_of(attributes: object, *, owner: str | None) -> list[OfferId]:
    """`vendor/nvidia/model/h100/ram/80Gi/interface/sxm`: keys of orders, bids and providers alike."""
    found = (_gpu_in(row.text("key", limit=200), owner=owner) for row in objects(attributes))
    return [each for each in found if each is not None]


def _gpu_in(key: str | None, *, owner: str | None) -> OfferId | None:
    parts: Mapping[str, str] = dict(_ATTRIBUTE.findall(key or ""))
    if parts.get("vendor") != VENDOR or parts.get("model", "*") == "*":
        return None
    return OfferId.of(owner, parts["model"], parts.get("ram"), parts.get("interface"))


def objects(listed: object) -> Iterator[Fields]:
    """The objects of a list, whatever else is in it."""
    for each in listed if isinstance(listed, list | tuple) else ():
        if isinstance(each, dict):
            yield Fields(each)


def whole(value: object) -> int | None:
    """A whole number at least 0."""
    found = number(value)
    return int(found) if found is not None and found >= 0 and found == found.to_integral_value() else None
