"""Dispersed's GPU registry into offers. The rows' names were never seen, so several are tried [guess]. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial

from aurora.domain.gpu import GpuModel
from aurora.domain.money import usd
from aurora.domain.offer import Offer, PriceKind
from aurora.providers.container import is_uuid
from aurora.providers.fields import Fields, Odd
from aurora.providers.reading import GpuNames, ReadRows, read_rows

_HIGHEST_USD_PER_HOUR = Decimal(1000)
_UUID, _NAME = ("uuid", "id"), ("name", "gpu_name", "model")
_VRAM, _FREE = ("vram_gb", "memory_gb"), ("available", "available_count", "available_nodes")
_PRICE = ("price_per_hour", "hourly_price", "price_usd_per_hour", "price")
LIST_USD: Mapping[str, Decimal] = {
    "rtx5090": Decimal("0.69"),
    "rtx4090": Decimal("0.35"),
    "rtx3090": Decimal("0.31"),
    "h200": Decimal("2.00"),
}
"""USD per GPU and hour where a row names none: RNP-019 (2025-03, the higher end) and the example of RNP-021 [seen]."""


class RegistryReader:
    """Rows of the registry into offers of one card each."""

    def __init__(self, provider: str, *, gpus: GpuNames, emulated: bool) -> None:
        self._provider = provider
        self._gpus = gpus
        self._emulated = emulated

    def offers(self, rows: Iterable[object], *, slice_key: str, seen_at: datetime) -> ReadRows:
        """Every row that can be read; the others counted by reason."""
        read = partial(self._offer, slice_key=slice_key, seen_at=seen_at)
        return read_rows(rows, read, example=lambda fields: _first_text(fields, _NAME) or "")

    def _offer(self, fields: Fields, *, slice_key: str, seen_at: datetime) -> Offer:
        uuid, name = _first_text(fields, _UUID), _first_text(fields, _NAME)
        if uuid is None or not is_uuid(uuid):
            raise Odd("uuid is missing")
        if name is None:
            raise Odd("name is missing")
        vram = next((found for key in _VRAM if (found := fields.within(key, 1, 10_000))), None)
        gpu = self._gpus.identify(name, vram_gb=vram)
        return Offer(
            provider=self._provider,
            external_id=uuid,
            gpu=gpu,
            gpu_count=1,
            price_per_hour=_price(fields, gpu),
            # A job for one card was placed on a node of six, and billed for six [2nd].
            price_kind=PriceKind.ESTIMATE,
            seen_at=seen_at,
            slice_key=slice_key,
            gpu_raw=name,
            vram_gb=vram,
            available=_available(fields),
            emulated=self._emulated,
        )


def _first_text(fields: Fields, names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := fields.text(name, limit=120))), None)


def _available(fields: Fields) -> int:
    """A number or a flag; we ask for what is available only, so absence means at least one."""
    name = next((name for name in _FREE if name in fields), None)
    if name is None:
        return 1
    flag = fields.flag(name)
    if flag is not None:
        return int(flag)
    found = fields.within(name, 0, 10**6)
    return 1 if found is None else int(found)


def _price(fields: Fields, gpu: GpuModel) -> Decimal:
    name = next((name for name in _PRICE if name in fields), None)
    if name is not None:
        price = fields.need_number(name, low=Decimal(0), high=_HIGHEST_USD_PER_HOUR)
        if price > 0:
            return usd(price)
    if gpu.family not in LIST_USD:
        raise Odd("no price, and none is published")
    return LIST_USD[gpu.family]
