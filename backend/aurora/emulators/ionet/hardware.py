"""The hardware on sale: the captured rows word for word, and synthetic ones in their likeness (contract, section 3.1)."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aurora.emulators import seed_files
from aurora.emulators.ionet.places import Place, places

HardwareId = int | str
_CAPTURED = "ionet_hardware_2026-10-08.json.gz"
_SKU_SIZES = (1, 2, 4, 8)  # GPUs
_SHOWN_STOCK = 4  # what every captured partner row says, whatever can be had
_OLD_MAX = 8  # GPUs per container of network hardware in the nested shape
_MARKUP = 1.05  # partner prices are a base times this, with the noise of binary fractions
_FIRST_ID = 301  # of synthetic network hardware
_SOLD_OUT = 0.06  # share of synthetic SKUs of which nothing can be had
_MICRO = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """One row. `stock`: GPUs of network hardware, or whole SKUs of a partner, by the id of the place."""

    row: Mapping[str, Any]
    stock: Mapping[int, int]
    specs: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> HardwareId:
        identity: HardwareId = self.row["hardware_id"]
        return identity

    @property
    def is_sku(self) -> bool:
        """A partner's: a string for an id, one place, a fixed size, one price for the whole."""
        return isinstance(self.id, str)

    @property
    def name(self) -> str:
        return str(self.row["hardware_name"])

    def most_gpus(self, *, nested: bool) -> int:
        """The largest container; the older shape lists network hardware with more than one GPU."""
        return _OLD_MAX if nested and not self.is_sku else int(self.row["max_gpus_per_container"])

    def units(self, gpus: int) -> int:
        """How much stock a container takes: its GPUs, or one SKU."""
        return 1 if self.is_sku else gpus

    def usd_per_hour(self, gpus: int) -> Decimal:
        """Of one container: the SKU's price, or the GPU's times their number. Rounded to 6 places (contract, section 7)."""
        price = Decimal(str(self.row["price"])).quantize(_MICRO)
        return price if self.is_sku else price * gpus


@dataclass(frozen=True)
class Catalogue:
    hardware: Sequence[Hardware]
    places: Mapping[int, Place]

    def find(self, hardware_id: HardwareId) -> Hardware | None:
        return next((one for one in self.hardware if one.id == hardware_id), None)

    def place(self, name: HardwareId) -> Place | None:
        """By id, or by country code."""
        if isinstance(name, int):
            return self.places.get(name)
        return next((one for one in self.places.values() if one.iso2 == name), None)


def build_catalogue(*, seed: int, size: int) -> Catalogue:
    """`size` rows, the captured ones first. The same seed makes the same hardware."""
    rng = random.Random(f"{seed}:ionet:hardware")
    models = seed_files.table("ionet_models.csv")
    grounds = places()
    rows: list[Hardware] = []
    for hardware in _endless(rng, models, grounds):
        if len(rows) >= size:
            break
        rows.append(hardware)
    return Catalogue(rows, {place.id: place for place in grounds})


def _endless(
    rng: random.Random, models: Sequence[Mapping[str, str]], grounds: Sequence[Place]
) -> Iterator[Hardware]:
    by_name = {model["name"]: model for model in models}
    captured = [
        _hardware(row, specs=by_name.get(row["hardware_name"], {}), rng=rng, grounds=grounds)
        for row in seed_files.document(_CAPTURED)["data"]
    ]
    yield from captured
    network = [model for model in models if model["kind"] == "network"]
    for place, model in enumerate(network):
        row = _row(_FIRST_ID + place, model, price=float(model["usd_per_gpu"]), gpus=1)
        stock = int(model["stock"])
        shown = {**row, "available": stock, "network": stock, "location": None}
        yield _hardware(shown, specs=model, rng=rng, grounds=grounds)
    yield from _partners(rng, models, grounds, taken={hardware.id for hardware in captured})


def _partners(
    rng: random.Random,
    models: Sequence[Mapping[str, str]],
    grounds: Sequence[Place],
    *,
    taken: set[HardwareId],
) -> Iterator[Hardware]:
    """SKUs without end: each partner model in each size at one more place, round after round."""
    partner = [model for model in models if model["kind"] == "partner"]
    turn = 0
    while True:
        model = partner[turn % len(partner)]
        gpus = _SKU_SIZES[turn // len(partner) % len(_SKU_SIZES)]
        place = rng.choices(grounds, [ground.weight for ground in grounds])[0]
        identity = (
            f"gpu_{gpus}x_{model['slug']}-{place.iso2.lower()}{turn // (len(partner) * len(_SKU_SIZES)) + 1}"
        )
        turn += 1
        if identity in taken:
            continue
        taken.add(identity)
        spread = float(model["spread"])
        unit = float(model["usd_per_gpu"]) * rng.uniform(1 - spread, 1 + spread)
        row = _row(identity, model, price=round(unit, 4) * _MARKUP * gpus, gpus=gpus)
        shown = {**row, "available": _SHOWN_STOCK, "network": _SHOWN_STOCK, "location": place.iso2}
        stock = 0 if rng.random() < _SOLD_OUT else rng.randint(1, int(model["stock"]))
        yield Hardware(row=shown, stock={place.id: stock}, specs=model)


def _row(identity: HardwareId, model: Mapping[str, str], *, price: float, gpus: int) -> dict[str, Any]:
    return {
        "hardware_id": identity,
        "hardware_name": model["name"],
        "brand_name": model["brand"],
        "max_gpus_per_container": gpus,
        "min_gpus_per_container": None,
        "confidential_compute": False,
        "price": price,
        "synthetic": True,
    }


def _hardware(
    row: Mapping[str, Any], *, specs: Mapping[str, str], rng: random.Random, grounds: Sequence[Place]
) -> Hardware:
    """A row with its stock: all at its country, or what is available spread over the network's."""
    if row["location"]:
        at = next(place for place in grounds if place.iso2 == row["location"])
        return Hardware(row=row, stock={at.id: rng.randint(1, 2 * _SHOWN_STOCK)}, specs=specs)
    stock = dict.fromkeys((place.id for place in grounds), 0)
    for place in rng.choices(grounds, [ground.weight for ground in grounds], k=int(row["available"])):
        stock[place.id] += 1
    return Hardware(row=row, stock=stock, specs=specs)
