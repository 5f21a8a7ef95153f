"""A synthetic machine: its host's character, its parts, and the overlapping asks it is sold in."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora.emulators.vastai.gpus import GpuModel

_CPUS = (
    ("AMD EPYC 7763 64-Core Processor", 128, 2.45),
    ("AMD EPYC 9654 96-Core Processor", 192, 2.4),
    ("AMD EPYC 7343 16-Core Processor", 64, 3.2),
    ("Xeon® Platinum 8480+", 112, 2.0),
    ("AMD Ryzen 9 7950X 16-Core Processor", 32, 4.5),
    ("Core™ i9-13900K", 32, 3.0),
)
_DRIVERS = (("580.105.08", 13.0), ("570.172.08", 12.8), ("550.163.01", 12.4), ("535.230.02", 12.2))
# Fields that offers of 2024 did not have (samples' README); about a tenth of the synthetic machines still speak that way.
_SINCE_2025 = frozenset(
    [
        "avail_vol_ask_id",
        "avail_vol_dph",
        "avail_vol_size",
        "cluster_id",
        "expected_reliability",
        "gpu_max_power",
        "gpu_max_temp",
        "is_vm_deverified",
        "nw_disk_avg_bw",
        "nw_disk_max_bw",
        "nw_disk_min_bw",
        "resource_type",
        "sla_broker_rate",
        "sla_r_claim",
        "sla_sigma_x",
        "target_reliability",
        "vms_enabled",
    ]
)
_DAY = 86_400


class SliceIds:
    """Ids of machines, GPUs and asks in the order in which they come into being."""

    def __init__(self) -> None:
        self.machine = 200_000
        self.gpu = 500_000
        self.ask = 50_000_000

    def next_machine(self) -> int:
        self.machine += 1
        return self.machine

    def next_gpus(self, count: int) -> list[int]:
        first = self.gpu + 1
        self.gpu += count
        return list(range(first, first + count))

    def next_ask(self, rng: random.Random) -> int:
        self.ask += rng.randrange(1, 900)
        return self.ask


@dataclass(frozen=True)
class Site:
    """Where a machine stands. `gpus` fixes its size; a `sound` one is verified, reliable and has no tenant yet."""

    place: str | None
    gpus: int | None = None
    sound: bool = False


@dataclass(frozen=True)
class Owner:
    host_id: int
    site: Site


@dataclass(frozen=True)
class Machine:
    """Its asks (wire fields) and the GPUs that a stranger rents already."""

    asks: Sequence[Mapping[str, Any]]
    taken: frozenset[int]


def build_machine(
    model: GpuModel,
    *,
    rng: random.Random,
    ids: SliceIds,
    owner: Owner,
    template: Mapping[str, Any],
    now: datetime,
) -> Machine:
    site = owner.site
    gpus = ids.next_gpus(site.gpus or _gpu_count(model, rng))
    common = {
        **template,
        **_parts(model, rng),
        **_character(model, rng, sound=site.sound),
        **_lease_dates(rng, now),
    }
    common |= _identity(owner, ids, rng) | {"disk_space": common["disk_space"] * max(1.0, len(gpus) / 2)}
    if rng.random() < 0.1:
        common = {key: value for key, value in common.items() if key not in _SINCE_2025}
    usd, bid_share = _usd_per_gpu(model, rng), rng.uniform(0.35, 0.9)
    asks = [
        _ask(common, part, gpus=gpus, usd=usd, bid_share=bid_share) | _ask_ids(ids, rng)
        for part in _slices(gpus)
    ]
    occupied = rng.randint(1, len(gpus)) if not site.sound and rng.random() < 0.12 else 0
    return Machine(asks, frozenset(rng.sample(gpus, occupied)))


def _identity(owner: Owner, ids: SliceIds, rng: random.Random) -> dict[str, Any]:
    """Whose it is and where, and that it is our invention."""
    place = owner.site.place
    return {
        "machine_id": ids.next_machine(),
        "host_id": owner.host_id,
        "bundle_id": rng.randrange(10**8, 2 * 10**9),
        "geolocation": place,
        "geolocode": rng.randrange(10**8, 10**9) if place else None,
        "public_ipaddr": f"198.51.100.{rng.randrange(1, 255)}",
        "emulated": True,
        "synthetic": True,
    }


def _ask_ids(ids: SliceIds, rng: random.Random) -> dict[str, int]:
    ask = ids.next_ask(rng)
    return {"id": ask, "ask_contract_id": ask}


def _slices(gpus: Sequence[int]) -> Iterator[list[int]]:
    """Halves of halves: an ask for every GPU, for every pair, every four, ... and one for all."""
    size = 1
    while size < len(gpus):
        for start in range(0, len(gpus) - size + 1, size):
            yield list(gpus[start : start + size])
        size *= 2
    yield list(gpus)


def _gpu_count(model: GpuModel, rng: random.Random) -> int:
    sizes, weights = ((1, 2, 4, 8), (2, 3, 4, 6)) if model.datacenter else ((1, 2, 4, 6, 8), (4, 4, 4, 1, 2))
    return rng.choices(sizes, weights)[0]


def _usd_per_gpu(model: GpuModel, rng: random.Random) -> float:
    """Ask per GPU: log-normal about the observed middle price, as asks on the market are skewed upwards."""
    return round(model.usd_per_hour * min(rng.lognormvariate(0, model.spread / 1.5), 2.2), 4)


def _parts(model: GpuModel, rng: random.Random) -> dict[str, Any]:
    cpu, cores, ghz = rng.choice(_CPUS[:4] if model.datacenter else _CPUS)
    driver, cuda = rng.choice(_DRIVERS)
    if model.compute_cap >= 1000:
        driver, cuda = _DRIVERS[0] if rng.random() < 0.5 else _DRIVERS[1]
    return {
        "gpu_name": model.name,
        "gpu_ram": model.ram_mb,
        "compute_cap": model.compute_cap,
        "cuda_max_good": cuda,
        "driver_version": driver,
        "driver_vers": int("".join(part.zfill(3) for part in driver.split("."))),
        "cpu_name": cpu,
        "cpu_cores": cores,
        "cpu_ghz": ghz,
        "cpu_arch": "arm64" if rng.random() < 0.01 else "amd64",
        "gpu_mem_bw": round(model.bandwidth_gb_s * rng.uniform(0.85, 0.97), 1),
        "gpu_max_power": model.power_w,
        "disk_bw": round(rng.uniform(400, 7000), 1),
        "disk_space": float(rng.choice((400, 900, 1800, 3600, 7200))),
        "cpu_ram": rng.choice((64, 128, 256, 512, 1024)) * 1007,
        "direct_port_count": rng.choice((16, 64, 128, 250, 999)),
        "bw_nvlink": 600.0 if "SXM" in model.name else 0.0,
        "dlperf": model.tflops * rng.uniform(0.9, 1.3) + model.bandwidth_gb_s / 30,
        "total_flops": model.tflops,
        "mobo_name": rng.choice(("H12SSL", "ROMED8-2T", "X13DEG", "Z790 Gaming")),
    }


def _character(model: GpuModel, rng: random.Random, *, sound: bool) -> dict[str, Any]:
    """How far the host can be trusted, and how it is connected."""
    weights = (1, 0, 0) if sound else (86, 9, 5)
    verification = rng.choices(("verified", "unverified", "deverified"), weights)[0]
    good = sound or (verification == "verified" and rng.random() < 0.93)
    reliability = round(1 - rng.betavariate(1.2, 60), 7) if good else round(rng.uniform(0.6, 0.95), 7)
    secure = model.datacenter and rng.random() < 0.5
    return {
        "verification": verification,
        "vericode": 1 if verification == "verified" else 0,
        "reliability": reliability,
        "reliability2": reliability,
        "reliability_mult": round(reliability**8, 7),
        "hosting_type": int(secure),
        "static_ip": secure or rng.random() < 0.3,
        "inet_up": round(rng.uniform(80, 8000), 1),
        "inet_down": round(rng.uniform(100, 9000), 1),
        **_traffic(rng),
        "storage_cost": round(rng.uniform(0.05, 0.35), 6),
    }


def _traffic(rng: random.Random) -> dict[str, float]:
    usd_per_tb = rng.choice((0.0, 0.0, 1.3333333333333333, 4.0, 12.0))
    per_gb = usd_per_tb / 1024
    costs = {"inet_up_cost": per_gb, "inet_down_cost": per_gb}
    return {**costs, "internet_up_cost_per_tb": usd_per_tb, "internet_down_cost_per_tb": usd_per_tb}


def _lease_dates(rng: random.Random, now: datetime) -> dict[str, float | None]:
    moment = now.timestamp()
    start = moment - rng.uniform(0, 90) * _DAY
    return {
        "end_date": moment + rng.uniform(3, 360) * _DAY,
        "start_date": start if rng.random() < 0.9 else None,
    }


def _ask(
    common: Mapping[str, Any], part: Sequence[int], *, gpus: Sequence[int], usd: float, bid_share: float
) -> dict[str, Any]:
    """The slice of the machine that goes with some of its GPUs."""
    count, share = len(part), len(part) / len(gpus)
    base = usd * count
    dlperf = common["dlperf"] * count
    return {
        **common,
        "num_gpus": count,
        "gpu_ids": list(part),
        "gpu_frac": share,
        "gpu_total_ram": common["gpu_ram"] * count,
        "cpu_cores_effective": common["cpu_cores"] * share,
        "cpu_ram": int(common["cpu_ram"] * share),
        "disk_space": common["disk_space"] * share,
        "direct_port_count": max(1, int(common["direct_port_count"] * share)),
        "dph_base": base,
        "min_bid": round(base * bid_share, 6),
        "dlperf": dlperf,
        "total_flops": common["total_flops"] * count,
        "vram_costperhour": base / (common["gpu_ram"] * count / 1024),
        "score": dlperf / base * common["reliability_mult"] * (1.0 if common["vericode"] else 0.6),
    }
