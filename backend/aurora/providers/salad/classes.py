"""GPU classes: their prices, what is asked for with them, and offers of them. Pure.

One class at one priority is one offer. Prices are per hour of the whole class, CPU and memory included [seen]; that a
class of 8 GPUs is priced for all 8 is a [guess] from the size of the numbers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from aurora.domain.money import usd
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.base import Rejection
from aurora.providers.fields import Fields, Odd, number
from aurora.providers.reading import GpuNames, ReadRows, Rejections
from aurora.providers.salad.names import PRIORITIES, OfferId, is_class_id

HIGHEST_USD_PER_HOUR = Decimal(1_000)
GB = 1_000_000_000
MIN_DISK_BYTES = 1024**3
MAX_DISK_BYTES = 250 * 1024**3
"""Practical most of a community node [seen]; part of the price."""
VCPUS = 4
MEMORY_MB = 8192
"""What a workload of a community class is given: the shape of the API's own example, free of charge in any size."""
MAX_PORTS = 1
_MOST_GPUS = 64
_SIZE = re.compile(r"^\s*([0-9]{1,2})x ")
_VRAM = re.compile(r"\(([0-9]{1,4}) GB")
_MIX = re.compile(r"compatible", re.IGNORECASE)
"""`Stable Diffusion Compatible` is whatever GPU there is: nobody can say what is rented."""


class PriceOf(StrEnum):
    """What a listed price is for (SALAD_PRICE_OF): it is told nowhere for a class of several GPUs."""

    CLASS = "class"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class GpuClass:
    """One class. `prices` by priority, in USD per hour for all of its GPUs."""

    id: str
    name: str
    gpus: int
    vram_gb: float | None
    prices: Mapping[str, Decimal]
    vcpus: int = VCPUS
    memory_mb: int = MEMORY_MB
    min_disk_bytes: int = MIN_DISK_BYTES
    max_disk_bytes: int = MAX_DISK_BYTES

    @property
    def slice_key(self) -> str:
        return f"{self.id} {self.name}"

    def disk_bytes(self, disk_gb: float) -> int:
        """What is asked for."""
        return max(self.min_disk_bytes, int(disk_gb * GB))

    def resources(self, *, disk_gb: float) -> dict[str, object]:
        """Of a container that is to run on it."""
        return {
            "cpu": self.vcpus,
            "memory": self.memory_mb,
            "gpu_classes": [self.id],
            "storage_amount": self.disk_bytes(disk_gb),
        }

    def availability(self, *, disk_gb: float) -> dict[str, object]:
        """The question whether there are nodes for it: the same fields, flat."""
        return self.resources(disk_gb=disk_gb)


@dataclass(frozen=True, slots=True)
class ClassList:
    """One read of the catalogue."""

    rows: tuple[GpuClass, ...]
    rejected: tuple[Rejection, ...]

    def by_slice(self, key: str) -> GpuClass | None:
        return next((row for row in self.rows if row.slice_key == key), None)

    def by_id(self, class_id: str) -> GpuClass | None:
        return next((row for row in self.rows if row.id == class_id), None)


def class_list(rows: Sequence[object], *, price_of: PriceOf = PriceOf.CLASS) -> ClassList:
    """Every class that can be read."""
    found: dict[str, GpuClass] = {}
    rejected = Rejections()
    for row in rows:
        try:
            one = _class(row, price_of)
        except Odd as odd:
            name = row.get("name") if isinstance(row, dict) else None
            rejected.add(odd.reason, str(name)[:120])
        else:
            found[one.id] = one
    return ClassList(tuple(found.values()), rejected.all())


def _class(row: object, price_of: PriceOf) -> GpuClass:
    if not isinstance(row, dict):
        raise Odd("the row is not an object")
    fields = Fields(row)
    class_id, name = fields.need_text("id"), fields.need_text("name")
    if not is_class_id(class_id):
        raise Odd("id is not an id")
    if _MIX.search(name):
        raise Odd("a mix of GPUs")
    size, vram = _SIZE.match(name), _VRAM.search(name)
    gpus = _gpus(fields, int(size[1]) if size else 1)
    priced = gpus if price_of is PriceOf.GPU else 1
    return GpuClass(
        id=class_id,
        name=name,
        gpus=gpus,
        vram_gb=float(vram[1]) if vram else None,
        prices={each: price * priced for each, price in _prices(fields.raw("prices")).items()},
        **_shape(fields),
    )


def _gpus(fields: Fields, named: int) -> int:
    """`gpu_count`, which secure classes have, else the number in the name."""
    found = fields.integer("gpu_count")
    return found if found is not None and 1 <= found <= _MOST_GPUS else max(1, named)


def _prices(value: object) -> dict[str, Decimal]:
    """By priority: their order is not to be trusted [seen]. Raises Odd without any."""
    found: dict[str, Decimal] = {}
    for each in value if isinstance(value, list) else ():
        fields = Fields(each if isinstance(each, dict) else {})
        price, priority = number(fields.raw("price")), fields.text("priority", limit=20)
        if priority in PRIORITIES and price is not None and 0 < price <= HIGHEST_USD_PER_HOUR:
            found[priority] = price
    if not found:
        raise Odd("no price")
    return found


def _shape(fields: Fields) -> dict[str, int]:
    """Secure classes have bounds of their own: RAM in MB, disk in bytes [seen]."""
    found: dict[str, int] = {}
    for ours, low in (("vcpus", "min_vcpu"), ("memory_mb", "min_ram"), ("min_disk_bytes", "min_storage")):
        least = fields.integer(low)
        if least is not None and 0 < least < 10**15:
            found[ours] = least
    most = fields.integer("max_storage")
    if most is not None and MIN_DISK_BYTES < most < 10**15:
        found["max_disk_bytes"] = most
    return found


@dataclass(frozen=True, slots=True)
class OfferMaker:
    """Makes offers of one provider."""

    provider: str
    gpus: GpuNames
    emulated: bool

    def offers(
        self,
        row: GpuClass,
        free: Mapping[str, int],
        *,
        seen_at: datetime,
        rejected: tuple[Rejection, ...] = (),
    ) -> ReadRows:
        """One per priority that has a price."""
        gpu = self.gpus.identify(row.name)
        offers = tuple(
            Offer(
                provider=self.provider,
                external_id=str(OfferId(row.id, priority)),
                gpu=gpu,
                gpu_count=row.gpus,
                price_per_hour=usd(row.prices[priority]),
                price_kind=PriceKind.FIRM,
                seen_at=seen_at,
                slice_key=row.slice_key,
                gpu_raw=row.name,
                vram_gb=row.vram_gb,
                disk_included_gb=row.max_disk_bytes / GB,
                disk_max_gb=row.max_disk_bytes / GB,
                spot=priority != PRIORITIES[0],
                available=free.get(priority),
                max_ports=MAX_PORTS,
                vcpus=float(row.vcpus),
                memory_gb=row.memory_mb / 1024,
                emulated=self.emulated,
            )
            for priority in PRIORITIES
            if priority in row.prices
        )
        return ReadRows(offers, rejected)


def nodes(answer: Fields) -> dict[str, int]:
    """Nodes for a workload of each priority; not to be added up [seen]. Odd numbers are unknown numbers."""
    found = {each: answer.integer(f"available_gpu_{each}") for each in PRIORITIES}
    return {each: count for each, count in found.items() if count is not None and 0 <= count < 10**9}
