"""The stock of the emulated market: the captured offers, and synthetic ones made in their likeness."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora.emulators import seed_files
from aurora.emulators.vastai.gpus import GpuModel, models
from aurora.emulators.vastai.machine import Machine, Owner, Site, SliceIds, build_machine
from aurora.emulators.vastai.offer import Offer
from aurora.emulators.vastai.places import WANTED, Places

# name and moment of each capture: epoch seconds at which its `duration` held (samples' README)
_CAPTURES = ("vast_bundles_a100_2026-06-03.json.gz", "vast_bundles_rtx4090_2024-07-30.json.gz")
# Models of which every wanted region must have many: tenants ask for these by name.
_SIZES = (8, 4, 2, 1)  # GPUs of their machines, in turn
_WANTED = frozenset({"A100 SXM4", "A100 PCIE", "H100 SXM", "H100 NVL", "H100 PCIE", "RTX 4090", "Tesla T4"})


@dataclass(frozen=True)
class Catalogue:
    """All asks, and the GPUs that strangers have rented already."""

    offers: Sequence[Offer]
    strangers: frozenset[int]


def build_catalogue(*, seed: int, size: int, now: datetime) -> Catalogue:
    """`size` asks, the captured ones first. The same seed makes the same asks; only dates follow `now`."""
    captured = [Offer.of(fields) for fields in _captured(now)]
    rng = random.Random(f"{seed}:vastai:catalogue")
    offers, strangers = captured[:size], set[int]()
    for machine in _machines(rng, templates=[offer.fields for offer in captured], now=now):
        if len(offers) >= size:
            break
        offers.extend(Offer.of(fields) for fields in machine.asks[: size - len(offers)])
        strangers |= machine.taken
    return Catalogue(offers, frozenset(strangers))


def _captured(now: datetime) -> Iterator[dict[str, Any]]:
    """Captured offers word for word, but moved in time so that `end_date` - now is still their `duration`."""
    for name in _CAPTURES:
        for fields in seed_files.document(name)["offers"]:
            shift = now.timestamp() + fields["duration"] - fields["end_date"]
            start = fields["start_date"]
            moved = {"end_date": fields["end_date"] + shift, "start_date": start + shift if start else start}
            yield {**fields, **moved}


def _machines(
    rng: random.Random, *, templates: Sequence[Mapping[str, Any]], now: datetime
) -> Iterator[Machine]:
    """Machines without end, model by model in proportion to their share of the market's asks."""
    places, ids, asks, turns = Places.load(), SliceIds(), Counter[int](), Counter[str]()
    stock, hosts = models(), Hosts(rng)
    while True:
        index = min(range(len(stock)), key=lambda i: (asks[i] / stock[i].share, i))
        model = stock[index]
        site = _site(model, turn=turns[model.name], rng=rng, places=places)
        turns[model.name] += 1
        owner = Owner(hosts.owner_at(site.place), site)
        template = rng.choice(templates)
        machine = build_machine(model, rng=rng, ids=ids, owner=owner, template=template, now=now)
        asks[index] += len(machine.asks)
        yield machine


def _site(model: GpuModel, *, turn: int, rng: random.Random, places: Places) -> Site:
    """Machines that tenants ask for by name go round the wanted regions: first one of 8 GPUs in each, then one of 4, ..."""
    if model.name not in _WANTED:
        return Site(places.anywhere(rng))
    regions = len(WANTED) + 1  # and anywhere
    gpus = _SIZES[turn // regions % len(_SIZES)]
    return Site(places.wanted(turn, rng), gpus=gpus, sound=turn < regions * len(_SIZES))


class Hosts:
    """Who owns the machines: a new one often belongs to a host met before at the same place."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._at: dict[str | None, list[int]] = {}

    def owner_at(self, place: str | None) -> int:
        neighbours = self._at.setdefault(place, [])
        if neighbours and self._rng.random() < 0.7:
            return self._rng.choice(neighbours)
        neighbours.append(self._rng.randrange(1_000, 500_000))
        return neighbours[-1]
