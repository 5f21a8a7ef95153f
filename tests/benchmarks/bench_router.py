"""What a decision costs on a whole catalogue. `python -m tests.benchmarks.bench_router`"""

import csv
import gc
import json
import platform
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from aurora.domain.gpu_table import GpuTable
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.region import RegionTable
from aurora.domain.request import ComputeRequest, WorkloadType
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.router import decide
from aurora.routing.snapshot import MarketSnapshot

COMMAND = "python -m tests.benchmarks.bench_router"
DATA = (
    "synthetic offers: GPU, memory, count and price of the 14 captured Vast.ai rows and the 65 Salad classes, prices "
    "times 0.5..2, places of the 93 Vast.ai place names, seed 42"
)
BASELINE = (
    "one pass over the same offers with the limits of the original simulator and its score, without reasons"
)
ROUNDS = 15
NOW = datetime(2026, 6, 3, tzinfo=UTC)
FIXTURES = Path(__file__).parents[1] / "fixtures"
GPUS = GpuTable.load()
REGIONS = RegionTable.load()


def shapes() -> list[tuple[str, float | None, int, float]]:
    """GPU name, MiB, count and USD per hour of every captured row that has them."""
    found: list[tuple[str, float | None, int, float]] = []
    for path in sorted((FIXTURES / "vastai").glob("bundles_*.json")):
        rows = json.loads(path.read_text(encoding="utf-8"))["offers"]
        found += [(row["gpu_name"], row["gpu_ram"], row["num_gpus"], row["dph_total"]) for row in rows]
    for path in sorted((FIXTURES / "salad").glob("gpu-classes_*.json")):
        items = json.loads(path.read_text(encoding="utf-8"))["items"]
        found += [(item["name"], None, 1, float(item["prices"][0]["price"])) for item in items]
    return found


def market(size: int) -> MarketSnapshot:
    rng = random.Random(42)
    rows = csv.DictReader((FIXTURES / "regions_geo" / "vastai.csv").read_text(encoding="utf-8").splitlines())
    places = [REGIONS.place(row["wire"]) for row in rows]
    states = [
        ProviderState(name) for name in ("vastai", "ionet", "akash", "render", "flux", "aethir", "salad")
    ]
    known = shapes()
    candidates: list[Candidate] = []
    for number in range(size):
        (raw, mib, count, usd), place, state = rng.choice(known), rng.choice(places), rng.choice(states)
        price = Decimal(str(round(usd * rng.uniform(0.5, 2.0), 4)))
        offer = Offer(
            provider=state.name,
            external_id=str(number),
            gpu=GPUS.identify(raw, vram_mb=mib),
            gpu_count=count,
            price_per_hour=price,
            price_kind=PriceKind.FIRM,
            seen_at=NOW,
            regions=place.regions,
            country=place.country,
            disk_included_gb=5.0,
            disk_price_gb_hour=Decimal("0.0002"),
        )
        free = float(rng.randrange(4))
        candidates.append(Candidate(offer, state, reputation=rng.uniform(60, 99), free=free, total=4.0))
    return MarketSnapshot.of(candidates, regions=REGIONS, taken_at=NOW, version="bench")


def requests() -> dict[str, ComputeRequest]:
    usual = ComputeRequest(
        workload_type=WorkloadType.LLM_INFERENCE,
        gpu=GPUS.parse_query("a100"),
        gpu_count=1,
        gpu_hours=Decimal(2),
        max_price=Decimal(3),
        max_latency_ms=300.0,
        min_reputation=70.0,
    )
    return {
        "a100 anywhere": usual,
        "rtx4090 in us-west": replace(usual, gpu=GPUS.parse_query("4090"), region="us-west"),
        "nothing found, with relaxations": replace(usual, max_price=Decimal("0.01")),
    }


def original(candidates: Sequence[Candidate], asked: ComputeRequest) -> float:
    """The best score of the original simulator's loop over the same offers."""
    best = float("-inf")
    weights, origin = asked.weights, asked.latency_origin
    for one in candidates:
        offer = one.offer
        if not asked.gpu.matches(offer.gpu):
            continue
        if asked.region != "global" and offer.regions and asked.region not in offer.regions:
            continue
        latency = REGIONS.latency_ms(origin, offer.regions)
        price = float(offer.price_with_disk(asked.workload.disk_gb)) / offer.gpu_count
        if latency > asked.max_latency_ms or price > float(asked.max_price) or (one.free or 0) < 1:
            continue
        if one.reputation < asked.min_reputation:
            continue
        score = weights.price / price + weights.latency / latency + weights.reputation * one.reputation / 100
        best = max(best, score + weights.availability * (one.free or 0) / (one.total or 1))
    return best


def milliseconds(call: Callable[[], object]) -> list[float]:
    """One figure per round, sorted."""
    call()
    found: list[float] = []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1e3)
    return sorted(found)


def run() -> list[dict[str, Any]]:
    """One row per catalogue size and request: milliseconds, and the ratio to the baseline."""
    rows: list[dict[str, Any]] = []
    for size in (2_000, 20_000):
        snapshot = market(size)
        candidates = tuple(snapshot.candidates)
        for name, asked in requests().items():
            took = milliseconds(lambda asked=asked: decide(snapshot, asked, now=NOW))  # noqa: B023 - called at once
            plain = milliseconds(lambda asked=asked: original(candidates, asked))  # noqa: B023 - called at once
            rows.append(
                {
                    "name": f"decide: {name}",
                    "offers": size,
                    "ms": round(median(took), 2),
                    "ms_worst": round(took[-1], 2),
                    "baseline_ms": round(median(plain), 2),
                    "ratio": round(median(took) / median(plain), 2),
                    "baseline": BASELINE,
                    "data": DATA,
                    "command": COMMAND,
                    "python": platform.python_version(),
                }
            )
    return rows


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row))  # noqa: T201 - a benchmark prints
