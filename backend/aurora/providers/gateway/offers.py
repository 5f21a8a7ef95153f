"""The gateway contract's offers into the words of the house. Pure; an odd row is counted with its reason."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from aurora.domain.money import usd, usd_up
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.fields import Fields, Odd
from aurora.providers.reading import ReadRows, RowReader, read_rows

MAX_PORTS = 10
"""Open ports of one job."""
HIGHEST_USD_PER_HOUR = Decimal(10_000)
_HIGHEST_DISK_PRICE = Decimal(10)
_MOST_GPUS = 1024
_LONGEST_TERM_MINUTES = 525_600

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_KINDS: Mapping[str, PriceKind] = {
    "firm": PriceKind.FIRM,
    "estimate": PriceKind.ESTIMATE,
    "ceiling": PriceKind.CEILING,
}


def is_id(value: str) -> bool:
    """Can it be an id of the contract, safe in a path?"""
    return _ID.fullmatch(value) is not None and set(value) != {"."}


class OfferReader(RowReader):
    """Rows of `GET /gpus` into offers of one provider."""

    def offers(self, rows: Iterable[object], *, slice_key: str, seen_at: datetime) -> ReadRows:
        """Every row that can be read; the others counted by reason."""
        read = partial(self.offer, slice_key=slice_key, seen_at=seen_at)
        return read_rows(rows, read, example=lambda fields: fields.text("id", limit=120) or "")

    def offer(self, fields: Fields, *, slice_key: str, seen_at: datetime) -> Offer:
        """One row. Raises Odd."""
        offer_id = fields.need_text("id")
        if not is_id(offer_id):
            raise Odd("id is not an id")
        if fields.text("currency") not in {None, "USD"}:
            raise Odd("currency is not USD")
        gpu_raw = fields.need_text("gpu_model")
        vram = fields.within("vram_gb", 1, 10_000)
        price = fields.need_number("price_per_hour", low=Decimal(0), high=HIGHEST_USD_PER_HOUR)
        if price <= 0:
            raise Odd("price_per_hour is zero")
        offer = Offer(
            provider=self._provider,
            external_id=offer_id,
            gpu=self._gpus.identify(gpu_raw, vram_gb=vram),
            gpu_count=fields.need_integer("gpu_count", low=1, high=_MOST_GPUS),
            price_per_hour=usd(price),
            price_kind=_price_kind(fields),
            seen_at=seen_at,
            slice_key=slice_key,
            gpu_raw=gpu_raw,
            vram_gb=vram,
            disk_price_gb_hour=usd_up(_disk_price(fields)),
            emulated=self._emulated,
        )
        return self._placed(_described(offer, fields), fields)

    def _placed(self, offer: Offer, fields: Fields) -> Offer:
        """The country is a fact; the region may narrow it where its name is understood and lies in that country."""
        raw = fields.text("region", limit=64)
        place = self._places.place(raw)
        country = fields.text("country", limit=8)
        if country is None or not _COUNTRY.fullmatch(country):
            return replace(offer, country=place.country, regions=place.regions, region_raw=raw)
        whole = self._places.place(country).regions
        narrow = place.regions & whole if place.country in {None, country} else frozenset()
        return replace(offer, country=country, regions=narrow or whole, region_raw=raw or country)


def _price_kind(fields: Fields) -> PriceKind:
    """`firm` is what absence means; a word that we do not know promises nothing."""
    said = fields.text("price_kind", limit=40)
    return PriceKind.FIRM if said is None else _KINDS.get(said, PriceKind.ESTIMATE)


def _disk_price(fields: Fields) -> Decimal:
    if "disk_price_per_gb_hour" not in fields:
        return Decimal(0)
    return fields.need_number("disk_price_per_gb_hour", low=Decimal(0), high=_HIGHEST_DISK_PRICE)


def _described(offer: Offer, fields: Fields) -> Offer:
    """The offer with what else the row says; odd figures are unknown figures."""
    available = fields.within("available", 0, 10**6)
    return replace(
        offer,
        disk_max_gb=fields.within("max_disk_gb", 0, 10**7),
        available=None if available is None else int(available),
        spot=fields.flag("spot") or False,
        min_rental_minutes=_minimum(fields),
        max_ports=MAX_PORTS,
        vcpus=fields.within("cpu_cores", 0, 10**5),
        memory_gb=fields.within("memory_gb", 0, 10**6),
    )


def _minimum(fields: Fields) -> int:
    """Minutes that are billed at least. Raises Odd for a figure that is none: it is money."""
    limits = {"low": Decimal(0), "high": Decimal(_LONGEST_TERM_MINUTES)}
    said = [fields.need_number("min_billing_minutes", **limits)] if "min_billing_minutes" in fields else []
    billing = fields.object("billing")
    if "min_minutes" in billing:
        said.append(billing.need_number("min_minutes", **limits))
    return int(max(said, default=Decimal(0)).to_integral_value(rounding="ROUND_CEILING"))
