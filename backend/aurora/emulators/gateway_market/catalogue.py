"""The stock of a brand, made from the seed: the same seed makes the same offers."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from aurora.emulators import seed_files
from aurora.emulators.gateway_market.brands import Brand
from aurora.emulators.jobs.stock import Sku

_MICRO = Decimal("0.000001")
_SPOT_DISCOUNT = Decimal("0.55")
_SOLD_OUT = 0.1  # share of the offers of which strangers have everything

Row = Mapping[str, str]


def build_catalogue(brand: Brand, *, seed: int, size: int) -> Sequence[Sku]:
    """`size` offers; models and places in proportion to their shares."""
    rng = random.Random(f"{seed}:{brand.name}:gateway")
    models, places = _of(brand, "gateway_models.csv"), _of(brand, "gateway_places.csv")
    return list(_skus(brand, models, places=places, size=size, rng=rng))


def _of(brand: Brand, name: str) -> Sequence[Row]:
    return [row for row in seed_files.table(name) if row["brand"] == brand.name]


def _skus(
    brand: Brand, models: Sequence[Row], *, places: Sequence[Row], size: int, rng: random.Random
) -> Iterator[Sku]:
    copies, made = Counter[str](), [0] * len(models)
    for _ in range(size):
        index = min(range(len(models)), key=lambda i: (made[i] / int(models[i]["share"]), i))
        made[index] += 1
        line = _drawn(brand, models[index], places=places, rng=rng)
        copies[line.name] += 1
        yield _sku(brand, line, copy=copies[line.name], rng=rng)


@dataclass(frozen=True)
class _Line:
    model: Row
    place: Row
    count: int
    spot: bool

    @property
    def name(self) -> str:
        where = self.place["region"].lower() or "anywhere"
        return f"{self.model['slug']}-{self.count}x{'-spot' if self.spot else ''}.{where}"


def _drawn(brand: Brand, model: Row, *, places: Sequence[Row], rng: random.Random) -> _Line:
    place = rng.choices(places, [float(row["share"]) for row in places])[0]
    count = int(rng.choice(model["counts"].split(";")))
    return _Line(model, place, count, rng.random() < brand.spot_share)


def _sku(brand: Brand, line: _Line, *, copy: int, rng: random.Random) -> Sku:
    model, count = line.model, line.count
    about = Decimal(str(round(1 + float(model["spread"]) * rng.uniform(-1, 1), 4)))
    usd = Decimal(model["usd"]) * count * about * (_SPOT_DISCOUNT if line.spot else 1)
    total = rng.randint(*brand.sizes)
    terms, weights = zip(*brand.min_minutes, strict=True)
    return Sku(
        id=line.name if copy == 1 else f"{line.name}.{copy}",
        gpu_model=model["gpu_model"],
        gpu_count=count,
        vram_gb=int(model["vram_gb"]),
        usd_per_hour=usd.quantize(_MICRO, ROUND_HALF_UP),
        total=total,
        strangers=total if rng.random() < _SOLD_OUT else rng.randrange(total),
        cpu_cores=int(model["cores"]) * count,
        memory_gb=int(model["memory_gb"]) * count,
        max_disk_gb=int(model["disk_gb"]) * count,
        region=line.place["region"] or None,
        country=line.place["country"] or None,
        disk_usd_per_gb_hour=Decimal(brand.disk_usd_per_gb_hour),
        spot=line.spot,
        min_minutes=rng.choices(terms, weights)[0],
    )
