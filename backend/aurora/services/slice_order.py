"""Which part of a catalogue is read next, when there is not time for all of it."""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from aurora.domain.clock import Clock

COMMON_MODELS: Mapping[str, float] = {"h100": 0.4, "a100": 0.3, "rtx4090": 0.2, "4090": 0.2, "t4": 0.1}
"""What is asked for most when nobody has asked yet, with weights below one real request."""

_HALF_LIFE_S = 3600.0
_FORGOTTEN = 0.01


class Interest:
    """How much each GPU family or slice has been asked for lately; a request counts half after an hour."""

    def __init__(self, clock: Clock, *, common: Mapping[str, float] = COMMON_MODELS) -> None:
        self._clock = clock
        self._common = common
        self._asked: dict[str, tuple[float, float]] = {}

    def note(self, name: str) -> None:
        """One request for `name`, a family (`a100`) or a slice key."""
        now = self._clock.monotonic()
        self._asked = {
            key: (weight, at)
            for key, (weight, at) in self._asked.items()
            if self._faded(weight, at) > _FORGOTTEN
        }
        key = _plain(name)
        weight, at = self._asked.get(key, (0.0, now))
        self._asked[key] = (self._faded(weight, at) + 1.0, now)

    def heat(self, names: Iterable[str]) -> float:
        """How much anything of these names is asked for, 0 when nothing of it is."""
        return max((self._of(_plain(name)) for name in names), default=0.0)

    def _of(self, key: str) -> float:
        weight, at = self._asked.get(key, (0.0, 0.0))
        return self._faded(weight, at) + self._common.get(key, 0.0)

    def _faded(self, weight: float, at: float) -> float:
        return weight * math.pow(0.5, (self._clock.monotonic() - at) / _HALF_LIFE_S)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A slice that could be read now."""

    key: str
    heat: float
    read_at: datetime | None
    young: bool = False
    """Read to its end so lately that reading it again can wait."""
    position: int = 0
    """In the market's own list: decides among equals."""
    begun: bool = False
    """Its reading was interrupted and goes on where it stopped."""


def next_slice(waiting: Collection[Waiting], *, hot_first: bool) -> Waiting:
    """What was begun; then what is asked for most; then what was never read; then the oldest.

    Without `hot_first` (the asked-for slices have had their share of this run) age alone decides. Raises
    ValueError when nothing is waiting.
    """
    return min(waiting, key=lambda each: _rank(each, hot_first=hot_first))


def words(slice_key: str) -> frozenset[str]:
    """The names a slice key may mean: the key itself, its words, and neighbours joined (`rtx 4090`: `rtx4090`)."""
    parts = [part for part in re.split(r"[^a-z0-9]+", slice_key.lower()) if part]
    joined = (first + second for first, second in pairwise(parts))
    return frozenset({slice_key, *parts, *joined})


def _rank(each: Waiting, *, hot_first: bool) -> tuple[int, float, float, int]:
    age_rank = each.read_at.timestamp() if each.read_at is not None else 0.0
    if each.begun:
        return (0, 0.0, age_rank, each.position)
    if hot_first and each.heat > 0 and not each.young:
        return (1, -each.heat, age_rank, each.position)
    return (2 if each.read_at is None else 3, age_rank, 0.0, each.position)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
