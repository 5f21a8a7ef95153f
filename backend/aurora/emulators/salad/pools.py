"""GPU classes, and the nodes behind them: who is on them, and who may take one (contract, section 4)."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from aurora.emulators import seed_files

_SEED = "salad_gpu_classes_2025-09-22.json.gz"
_PRIORITIES_PER_CLASS = 4
_CPU_CLASS = ""
_CPU_NODES = 4000


class Priority(StrEnum):
    """The dearest first; one may displace those that stand behind it."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    BATCH = "batch"


ORDER = tuple(Priority)
_MIDDLE_NODES, _SIGMA = 160, 0.9  # of a community class
_MOST_SECURE = 4  # servers of 8
_OCCUPIED = (0.35, 0.9)  # share of nodes with somebody on them
_SHARES = {Priority.HIGH: 0.4, Priority.MEDIUM: 0.25, Priority.LOW: 0.2, Priority.BATCH: 0.15}
_SCARCE = 0.15  # share of classes whose nodes are all taken at medium or high


@dataclass(frozen=True)
class GpuClass:
    """A captured row, with the price of each priority."""

    row: Mapping[str, Any]
    prices: Mapping[Priority, Decimal]

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def name(self) -> str:
        return str(self.row["name"])

    @property
    def secure(self) -> bool:
        return self.row.get("gpu_class_type") == "secure"


@dataclass
class Pool:
    """Nodes of one class: idle ones, and strangers by priority."""

    idle: int
    strangers: dict[Priority, int]

    def available(self, priority: Priority) -> int:
        """Idle nodes, and those that a workload of this priority may take from lower ones."""
        below = ORDER[ORDER.index(priority) + 1 :]
        return self.idle + sum(self.strangers[one] for one in below)

    def take(self, priority: Priority) -> bool:
        """An idle node, else that of the lowest stranger; False if there is none."""
        if self.idle:
            self.idle -= 1
            return True
        for lower in reversed(ORDER[ORDER.index(priority) + 1 :]):
            if self.strangers[lower]:
                self.strangers[lower] -= 1
                return True
        return False

    def give_back(self) -> None:
        self.idle += 1

    def empty(self) -> None:
        """Strangers of high priority take everything that can be had."""
        gone = self.available(Priority.HIGH)
        self.idle = 0
        self.strangers = {**dict.fromkeys(Priority, 0), Priority.HIGH: self.strangers[Priority.HIGH] + gone}

    def refill(self, nodes: int) -> None:
        self.idle += nodes


class Pools:
    """All classes by id, and a pool for those who want no GPU."""

    def __init__(self, *, seed: int, size: int) -> None:
        """At most `size` offers: every class has four."""
        rows = seed_files.document(_SEED)["items"][: -(-size // _PRIORITIES_PER_CLASS)]
        self.classes: Mapping[str, GpuClass] = {row["id"]: _class(row) for row in rows}
        self._shuffle = random.Random(f"{seed}:salad:order")
        self._pools = {one.id: _pool(one, seed=seed) for one in self.classes.values()}
        self._pools[_CPU_CLASS] = Pool(_CPU_NODES, dict.fromkeys(Priority, 0))

    def listed(self) -> Sequence[Mapping[str, Any]]:
        """The rows in another order every time."""
        rows = [one.row for one in self.classes.values()]
        self._shuffle.shuffle(rows)
        return rows

    def of(self, class_id: str | None) -> Pool:
        """Of a class; None is the pool without GPUs."""
        return self._pools[class_id or _CPU_CLASS]


def _class(row: Mapping[str, Any]) -> GpuClass:
    return GpuClass(row, {Priority(one["priority"]): Decimal(one["price"]) for one in row["prices"]})


def _pool(one: GpuClass, *, seed: int) -> Pool:
    chance = random.Random(f"{seed}:salad:pool:{one.id}")
    if one.secure:
        idle = 0 if one.row["is_high_demand"] else chance.randint(1, _MOST_SECURE)
        return Pool(idle, {**dict.fromkeys(Priority, 1), Priority.BATCH: chance.randint(0, 1)})
    nodes = max(8, int(chance.lognormvariate(0, _SIGMA) * _MIDDLE_NODES))
    if chance.random() < _SCARCE:
        medium = chance.randint(2, 8)
        return Pool(0, {**dict.fromkeys(Priority, 0), Priority.HIGH: nodes - medium, Priority.MEDIUM: medium})
    taken = int(nodes * chance.uniform(*_OCCUPIED))
    strangers = {priority: int(taken * share) for priority, share in _SHARES.items()}
    return Pool(nodes - sum(strangers.values()), strangers)
