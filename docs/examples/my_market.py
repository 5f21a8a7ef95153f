"""A read-only market in one file: its offers are synced, shown and ranked; nothing can be rented there yet."""

import json
from collections.abc import Sequence
from pathlib import Path

from aurora.domain.gpu_table import GpuTable
from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.providers.adapter import OfferProvider
from aurora.providers.registry import ProviderRegistry


class MyMarket(OfferProvider):
    """Reads a price list that the market publishes. `fetch_gpus` asks, `normalize_gpu_data` understands."""

    name = "mymarket"
    price_list = Path(__file__).with_name("my_market.json")
    gpus = GpuTable.load()
    places = RegionTable.load()

    async def fetch_gpus(self) -> Sequence[object]:
        """One raw item per offer. Whatever it raises counts as a failed read."""
        rows: list[object] = json.loads(self.price_list.read_text())
        return rows

    def normalize_gpu_data(self, raw: object) -> Offer:
        """One item in Aurora's units; an exception rejects this item only, counted by reason."""
        if not isinstance(raw, dict):
            raise TypeError("an item must be an object")
        place = self.places.place(raw["city"])
        return self.offer(
            raw["sku"],
            gpu=self.gpus.identify(raw["card"], vram_gb=raw["memory_gb"]),
            usd_per_hour=raw["usd"],
            gpu_count=raw["cards"],
            gpu_raw=raw["card"],
            vram_gb=float(raw["memory_gb"]),
            country=place.country,
            regions=place.regions,
            region_raw=raw["city"],
        )


def add_to(registry: ProviderRegistry) -> None:
    """What a plug-in does."""
    registry.register(MyMarket.name, MyMarket)
