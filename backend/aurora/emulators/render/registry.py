"""The GPU registry of Dispersed: a row for each model, not for each node."""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from aurora.emulators import seed_files
from aurora.emulators.jobs.stock import Sku

_NAMESPACE = uuid.UUID(
    "6f6f3a52-3a0e-5d0f-9f3e-0d4c1b7a9e11"
)  # ours, for the rows whose uuid nobody published
_BUSY = (0.2, 0.9)  # share of the nodes that strangers have


@dataclass(frozen=True)
class Registry:
    """`largest` is how many cards the largest node of a model has, by uuid."""

    skus: Sequence[Sku]
    largest: Mapping[str, int]


def build_registry(seed: int) -> Registry:
    rng = random.Random(f"{seed}:render:registry")
    rows = seed_files.table("dispersed_gpus.csv")
    ids = [row["uuid"] or str(uuid.uuid5(_NAMESPACE, row["name"])) for row in rows]
    skus = [_sku(row, key, rng) for row, key in zip(rows, ids, strict=True)]
    return Registry(skus, {key: int(row["largest"]) for row, key in zip(rows, ids, strict=True)})


def _sku(row: Mapping[str, str], key: str, rng: random.Random) -> Sku:
    nodes = int(row["nodes"])
    return Sku(
        id=key,
        gpu_model=row["name"],
        gpu_count=1,
        vram_gb=int(row["vram_gb"]),
        usd_per_hour=Decimal(row["usd"]),
        total=nodes,
        strangers=min(nodes - 1, int(nodes * rng.uniform(*_BUSY))),
    )


def named(sku: Sku, name: str) -> bool:
    """With or without the maker in front."""
    return sku.gpu_model.removeprefix("NVIDIA ").lower() == name.removeprefix("NVIDIA ").strip().lower()
