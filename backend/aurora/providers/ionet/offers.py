"""Hardware, replicas and prices into offers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aurora.domain.money import usd
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.fields import Odd
from aurora.providers.ionet.hardware import ConsoleRow, Hardware, HardwareList, Replicas
from aurora.providers.ionet.offer_id import OfferId
from aurora.providers.reading import GpuNames, Places, ReadRows, Rejections

SKUS = "partners"
"""The slice of all partners' hardware."""
DISK_GB = 100.0
"""A container's disk where the console does not say it. There is no field to ask for one; the size is a [guess]."""
MAX_PORTS = 1
"""One HTTP port per container (io.net docs deploy-a-container [seen])."""


@dataclass(frozen=True, slots=True)
class OfferMaker:
    """Makes offers of one provider."""

    provider: str
    gpus: GpuNames
    places: Places
    emulated: bool

    def skus(self, listed: HardwareList, *, console: Mapping[str, ConsoleRow], seen_at: datetime) -> ReadRows:
        """Every partner's machine: one offer, of the whole of it."""
        offers: dict[str, Offer] = {}
        rejected = Rejections()
        for row in listed.rows:
            if not row.is_sku:
                continue
            more = console.get(str(row.id))
            try:
                price = sku_price(row, more)
            except Odd as odd:
                rejected.add(odd.reason, str(row.id))
                continue
            wanted = OfferId(row.id, row.country or "", row.most_gpus)
            offer = self._offer(
                row,
                wanted,
                price=price,
                more=more,
                country=row.country,
                free=row.available,
                slice_key=SKUS,
                seen_at=seen_at,
            )
            offers[offer.external_id] = offer
        return ReadRows(tuple(offers.values()), (*listed.rejected, *rejected.all()))

    def network(
        self,
        row: Hardware,
        places: Sequence[Replicas],
        *,
        size: int,
        console: Mapping[str, ConsoleRow],
        seen_at: datetime,
    ) -> ReadRows:
        """Containers of `size` GPUs, one offer per location."""
        more = console.get(str(row.id))
        rejected = Rejections()
        try:
            price = gpu_price(row, more) * size
        except Odd as odd:
            rejected.add(odd.reason, str(row.id))
            return ReadRows((), rejected.all())
        offers = tuple(
            self._offer(
                row,
                OfferId(row.id, place.location, size),
                price=price,
                more=more,
                country=place.country,
                free=place.free,
                slice_key=row.slice_key,
                seen_at=seen_at,
            )
            for place in places
        )
        return ReadRows(offers, rejected.all())

    def _offer(
        self,
        row: Hardware,
        wanted: OfferId,
        *,
        price: Decimal,
        more: ConsoleRow | None,
        country: str | None,
        free: int | None,
        slice_key: str,
        seen_at: datetime,
    ) -> Offer:
        gpu = self.gpus.identify(
            row.name,
            vram_gb=more.vram_gb if more else None,
            interface=more.interconnect if more else None,
        )
        place = self.places.place(country)
        disk_gb = more.storage_gb if more is not None and more.storage_gb is not None else DISK_GB
        return Offer(
            provider=self.provider,
            external_id=str(wanted),
            gpu=gpu,
            gpu_count=wanted.gpus,
            price_per_hour=usd(price),
            price_kind=PriceKind.FIRM,
            seen_at=seen_at,
            slice_key=slice_key,
            gpu_raw=row.name,
            vram_gb=float(gpu.vram_gb) if gpu.vram_gb else None,
            disk_included_gb=disk_gb,
            disk_max_gb=disk_gb,
            country=place.country,
            regions=place.regions,
            region_raw=country,
            available=free,
            max_ports=MAX_PORTS,
            vcpus=more.vcpus if more else None,
            memory_gb=more.memory_gb if more else None,
            emulated=self.emulated,
        )


def sku_price(row: Hardware, more: ConsoleRow | None) -> Decimal:
    """USD per hour of the whole SKU (arithmetic on the capture). Raises Odd."""
    price = row.price if row.price is not None else more.price if more is not None else None
    if price is None:
        raise Odd("no price")
    return price


def gpu_price(row: Hardware, more: ConsoleRow | None) -> Decimal:
    """USD per hour of one GPU of network hardware. Raises Odd."""
    if row.price is not None:
        return row.price
    if more is None or more.price is None:
        raise Odd("no price")
    return more.price / more.gpus
