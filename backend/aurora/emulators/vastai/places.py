"""Where emulated machines stand: the geolocation strings seen on Vast.ai, weighted towards the busy ones."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aurora.emulators import seed_files

# Regions that tenants ask for by name; machines of the most wanted GPUs are spread over them in turn.
WANTED: Mapping[str, tuple[str, ...]] = {
    "us-west": ("California, US", "Oregon, US", "Washington, US", "Nevada, US"),
    "us-east": (
        "Virginia, US",
        "New York, US",
        "North Carolina, US",
        "Pennsylvania, US",
        "Massachusetts, US",
    ),
    "eu-central": ("Germany, DE", "Czechia, CZ", "Poland, PL", "Switzerland, CH", "Austria, AT"),
}
_BUSY = {
    "": 4.0,
    "US": 3.0,
    "CZ": 4.0,
    "DE": 3.0,
    "NL": 3.0,
    "SE": 3.0,
    "GB": 2.0,
    "FR": 2.0,
    "NO": 2.0,
    "BG": 2.0,
    "JP": 2.0,
}


@dataclass(frozen=True)
class Places:
    """All strings of the seed with the weight of their country. The empty one of the source is kept: a machine of unknown place."""

    names: Sequence[str]
    weights: Sequence[float]

    @classmethod
    def load(cls) -> "Places":
        rows = seed_files.table("regions_vast.csv.gz")
        return cls([row["wire"] for row in rows], [_BUSY.get(row["country"], 1.0) for row in rows])

    def anywhere(self, rng: random.Random) -> str | None:
        return rng.choices(self.names, self.weights)[0] or None

    def wanted(self, turn: int, rng: random.Random) -> str | None:
        """One of the wanted regions in turn, every fourth time anywhere."""
        groups = list(WANTED.values())
        if turn % 4 == len(groups):
            return self.anywhere(rng)
        return rng.choice(groups[turn % 4])
