"""The countries in which io.net's emulated hardware stands, with the ids that price and deploy take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora.emulators import seed_files


@dataclass(frozen=True)
class Place:
    """`weight`: its share of the network's hardware."""

    id: int
    iso2: str
    name: str
    weight: int

    def wire(self) -> Mapping[str, Any]:
        return {"id": self.id, "iso2": self.iso2, "name": self.name}


def places() -> Sequence[Place]:
    rows = seed_files.table("ionet_places.csv")
    return [Place(int(row["id"]), row["iso2"], row["name"], int(row["weight"])) for row in rows]
