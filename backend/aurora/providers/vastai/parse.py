"""Vast.ai's JSON into the words of the house. Pure; an odd item is counted with its reason and never raises.

Field meanings and units: Vast docs openapi (2026-08-07) and captured replies, see tests/fixtures/vastai/README.md.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from aurora.domain.money import usd, usd_up
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.fields import Fields, Odd, integer
from aurora.providers.reading import ReadRows, Rejections, RowReader
from aurora.providers.vastai.pricing import Price

MAX_PORTS = 64
"""Open ports of one instance (Vast docs, 2026-08-07)."""
_MOST_GPUS = 128
_MB_PER_GB = 1024
_LARGEST_ID = 10**18
_LARGEST_DISK_GB = 10**7
_EXAMPLE = 120


class OfferReader(RowReader):
    """Rows of a search into offers of one provider."""

    def offers(
        self, rows: Sequence[object], *, slice_key: str, seen_at: datetime, allocated_gb: float
    ) -> ReadRows:
        """Every row that can be read; the others counted by reason."""
        offers: dict[str, Offer] = {}
        rejected = Rejections()
        for row in rows:
            try:
                offer = self.offer(row, slice_key=slice_key, seen_at=seen_at, allocated_gb=allocated_gb)
            except Odd as odd:
                rejected.add(odd.reason, _example(row))
            else:
                offers[offer.external_id] = offer
        return ReadRows(tuple(offers.values()), rejected.all())

    def offer(self, row: object, *, slice_key: str, seen_at: datetime, allocated_gb: float) -> Offer:
        """One row. Raises Odd."""
        if not isinstance(row, dict):
            raise Odd("the row is not an object")
        fields = Fields(row)
        offer_id = fields.need_integer("id", low=1, high=_LARGEST_ID)
        count = fields.need_integer("num_gpus", low=1, high=_MOST_GPUS)
        gpu_raw = fields.need_text("gpu_name")
        price = Price.of(fields, allocated_gb=allocated_gb)
        if fields.flag("is_bid"):
            raise Odd("a bid price, not an on-demand one")
        raw_place = fields.text("geolocation", limit=200)
        place = self._places.place(raw_place)
        vram_mb = fields.within("gpu_ram", 1, 10**7)
        gpu = self._gpus.identify(gpu_raw, vram_mb=vram_mb)
        # One call with every field: an offer that is copied to be completed costs as much again.
        return Offer(
            provider=self._provider,
            external_id=str(offer_id),
            gpu=gpu,
            gpu_count=count,
            price_per_hour=usd(price.base),
            price_kind=PriceKind.FIRM,
            seen_at=seen_at,
            slice_key=slice_key,
            gpu_raw=gpu_raw,
            vram_gb=float(gpu.vram_gb) if gpu.vram_gb else _gb(vram_mb),
            disk_price_gb_hour=usd_up(price.disk_gb_hour),
            disk_max_gb=fields.within("disk_space", 0, _LARGEST_DISK_GB),
            country=place.country,
            regions=place.regions,
            region_raw=raw_place,
            # An ask is rented whole and once; rented by us or not rentable, it is not to be had.
            available=1 if fields.flag("rentable") is not False and not fields.flag("rented") else 0,
            reliability=_reliability(fields),
            host=_id_text(fields, "host_id"),
            resources=_gpus_shared(fields),
            max_ports=_ports(fields),
            max_duration_s=fields.within("duration", 0, 10**10),
            vcpus=fields.within("cpu_cores_effective", 0, 10**5),
            memory_gb=_gb(fields.within("cpu_ram", 0, 10**9)),
            inet_down_mbps=fields.within("inet_down", 0, 10**7),
            inet_up_mbps=fields.within("inet_up", 0, 10**7),
            verified=_verified(fields),
            emulated=self._emulated,
        )


def gpu_names(answer: object) -> tuple[str, ...]:
    """The names of `GET /gpu_names/unique/`, each once; empty for anything else."""
    listed = answer.get("gpu_names") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        return ()
    found = (Fields({"name": name}).text("name", limit=80) for name in listed)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def quoted(price: Price, *, disk_gb: float) -> Decimal:
    """USD per hour, all in, rounded to the kept scale."""
    return usd(price.with_disk(disk_gb))


def credit_usd(answer: object) -> Decimal | None:
    """Spendable money of `GET /users/current`: `credit`, not `balance` (CLI 1.9.1)."""
    found = Fields(answer).number("credit") if isinstance(answer, dict) else None
    return None if found is None else usd(found)


def _gb(megabytes: float | None) -> float | None:
    return None if megabytes is None else round(megabytes / _MB_PER_GB, 1)


def _reliability(fields: Fields) -> float | None:
    """`reliability2` and `reliability` carry the same value; older rows have only one."""
    found = fields.within("reliability2", 0, 1)
    return found if found is not None else fields.within("reliability", 0, 1)


def _id_text(fields: Fields, name: str) -> str | None:
    found = fields.integer(name)
    return None if found is None else str(found)


def _gpus_shared(fields: Fields) -> frozenset[str]:
    """Physical GPUs: offers of one machine overlap, and renting one takes the others (captured 2026-06-03)."""
    listed = fields.raw("gpu_ids")
    found = (integer(each) for each in listed) if isinstance(listed, list) else ()
    return frozenset(f"gpu:{each}" for each in found if each is not None)


def _ports(fields: Fields) -> int | None:
    """-1 stands for none."""
    found = fields.within("direct_port_count", -1, 10**6)
    return None if found is None else max(0, min(int(found), MAX_PORTS))


def _verified(fields: Fields) -> bool | None:
    word = fields.text("verification")
    return None if word is None else word == "verified"


def _example(row: object) -> str:
    """The row's id, for whoever looks for it."""
    found = row.get("id") if isinstance(row, dict) else row
    return f"id {found}"[:_EXAMPLE] if isinstance(found, int | str | Decimal) else type(row).__name__
