"""Every row of every captured sample against both tables: GPUs and places. What maps to nothing is listed by name."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aurora.domain.gpu_table import GpuTable
from aurora.domain.region import RegionTable
from tests.docs.pages import ROOT, read, rows, section

FIXTURES = ROOT / "tests" / "fixtures"
GPUS, PLACES = GpuTable.load(), RegionTable.load()


@dataclass(frozen=True)
class Row:
    """What one row says. None: it says nothing of the kind, so there is nothing to map."""

    market: str
    gpu: str | None = None
    place: str | None = None
    vram_gb: float | None = None
    interface: str | None = None

    @property
    def unmapped(self) -> str | None:
        """The name that maps to nothing."""
        if self.gpu is not None:
            model = GPUS.identify(self.gpu, vram_gb=self.vram_gb, interface=self.interface)
            if not model.known:
                return self.gpu
        if self.place is not None and not PLACES.place(self.place).regions:
            return self.place
        return None


def load(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def vast() -> Iterator[Row]:
    for name in ("bundles_a100_2026-06-03", "bundles_rtx4090_2024-07-30"):
        for row in load(f"vastai/{name}.json")["offers"]:
            yield Row("Vast.ai", row["gpu_name"], row["geolocation"], row["gpu_ram"] / 1024)
    with (FIXTURES / "regions_geo" / "vastai.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Row("Vast.ai", place=row["wire"] or None)


def akash() -> Iterator[Row]:
    for vendor in load("akash/gpus.json").values():
        for device in vendor["devices"].values():
            size = float(device["memory_size"].removesuffix("Gi"))
            yield Row("Akash", device["name"], vram_gb=size, interface=device["interface"])
    for model in load("akash/gpu-prices.debug.h100.2026-09-28.json")["models"]:
        size = float(model["ram"].removesuffix("Gi"))
        yield Row("Akash", model["model"], vram_gb=size, interface=model["interface"])


def ionet() -> Iterator[Row]:
    for row in load("ionet/mcp_caas_get_hardware_ids_a.json")["result"]["data"]["data"]:
        yield Row("io.net", row["hardware_name"], row["location"])


def salad() -> Iterator[Row]:
    for day in ("2024-11-14", "2025-09-22"):
        for row in load(f"salad/gpu-classes_{day}.json")["items"]:
            yield Row("SaladCloud", row["name"])


SAMPLES = (*vast(), *akash(), *ionet(), *salad())
"""Render's registry, Aethir and Flux: no row was ever captured (docs/providers.md)."""


def test_the_samples_are_all_there() -> None:
    assert Counter(row.market for row in SAMPLES) == {
        "Vast.ai": 107,
        "Akash": 99,
        "io.net": 18,
        "SaladCloud": 65,
    }
    assert sum(row.gpu is not None for row in SAMPLES) == 196
    assert sum(row.place is not None for row in SAMPLES) == 120


def test_at_least_98_percent_of_all_rows_map_to_both_tables() -> None:
    unmapped = [row for row in SAMPLES if row.unmapped is not None]

    assert len(unmapped) <= 0.02 * len(SAMPLES)


def test_each_table_alone_maps_98_percent_of_what_names_something_for_it() -> None:
    """Rows without a place must not hide how many places are unknown."""
    for only in ("gpu", "place"):
        named = [Row(row.market, **{only: getattr(row, only)}) for row in SAMPLES if getattr(row, only)]
        assert sum(row.unmapped is not None for row in named) <= 0.02 * len(named), only


def test_what_maps_to_nothing_is_listed_by_name_and_nothing_else_is() -> None:
    listed = rows(section(read("providers.md"), "### Names that map to nothing"))
    found = Counter((row.market, row.unmapped) for row in SAMPLES if row.unmapped is not None)

    assert {(market, name): int(count) for market, name, count, *_ in listed} == found
