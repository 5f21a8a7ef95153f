"""The GPU models the emulated market deals in: memory, speed and what they cost, from the seed data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from aurora.emulators import seed_files


@dataclass(frozen=True, kw_only=True)
class GpuModel:
    """`name` is the wire spelling, `usd_per_hour` the middle price of one GPU, `spread` its relative half-width."""

    name: str
    ram_mb: int
    compute_cap: int
    share: int
    usd_per_hour: float
    spread: float
    datacenter: bool
    tflops: float
    bandwidth_gb_s: float
    power_w: float


def models() -> Sequence[GpuModel]:
    """Every model of the mix, the commonest first."""
    specs = {row["name"]: row for row in seed_files.table("gpu_specs.csv.gz")}
    prices = _observed_prices()
    return [_model(row, specs=specs, prices=prices) for row in seed_files.table("gpu_mix.csv")]


def _model(
    row: Mapping[str, str], *, specs: Mapping[str, Mapping[str, str]], prices: Mapping[str, float]
) -> GpuModel:
    spec = specs.get(row["spec"], {})
    source, _, key = row["usd_from"].partition(":")
    price = float(key) if source == "usd" else prices[row["usd_from"]]
    return GpuModel(
        name=row["name"],
        ram_mb=int(row["ram_mb"]),
        compute_cap=int(row["compute_cap"]),
        share=int(row["share"]),
        usd_per_hour=price * float(row["scale"]),
        spread=float(row["spread"]),
        datacenter=row["tier"] == "datacenter",
        tflops=float(spec.get("single_float_performance_gflop_s") or 40_000) / 1000,
        bandwidth_gb_s=float(spec.get("memory_bandwidth_gb_s") or 800),
        power_w=float(spec.get("thermal_design_power_w") or 300),
    )


@cache
def _observed_prices() -> dict[str, float]:
    """Median over time of the market's median ask, USD per GPU-hour, by `vast:<gpu>` or `neocloud:<series>`."""
    seen: dict[str, list[float]] = {}
    for row in seed_files.table("market_vast_2026.csv.gz"):
        seen.setdefault(f"vast:{row['gpu']}", []).append(float(row["median_price_hr"]))
    for row in seed_files.table("market_neoclouds_2025_a100.csv.gz"):
        seen.setdefault(f"neocloud:{row['series']}", []).append(float(row["price_median"]))
    return {key: median(values) for key, values in seen.items()}
