"""The faults in force for one provider: which of them hit a call, how often they did, when they are used up."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aurora.emulators.clock import Clock
from aurora.emulators.faults import Fault, Stage, parse


@dataclass
class _Entry:
    fault: Fault
    hits: int = 0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    def as_json(self) -> dict[str, Any]:
        fault = self.fault
        left = None if fault.count is None else fault.count - self.hits
        return {
            "id": fault.id,
            "kind": fault.kind,
            "operation": fault.operation,
            "count": left,
            "probability": fault.probability,
            **fault.parameters,
            "hits": self.hits,
            "created_at": fault.created_at.isoformat(),
        }


class FaultBook:
    """Faults act in the order in which they were installed; one that has hit `count` times is gone."""

    def __init__(self, rng: random.Random, clock: Clock) -> None:
        self._rng = rng
        self._clock = clock
        self._entries: dict[int, _Entry] = {}
        self._spent_hangs: dict[int, _Entry] = {}  # used up, but calls may still hang on them
        self._next_id = 1

    def add(self, document: Any) -> dict[str, Any]:
        """Install a fault from its JSON description and return it as listed. Raises BadFault."""
        fault = parse(document, fault_id=self._next_id, now=self._clock.now())
        self._next_id += 1
        entry = self._entries[fault.id] = _Entry(fault)
        return entry.as_json()

    def listed(self) -> list[dict[str, Any]]:
        return [entry.as_json() for entry in self._entries.values()]

    def remove(self, fault_id: int) -> bool:
        """Take a fault away and let go whatever it holds; False if it is not there (any more)."""
        entry = self._entries.pop(fault_id, None) or self._spent_hangs.pop(fault_id, None)
        if entry is not None:
            entry.lifted.set()
        return entry is not None

    def clear(self) -> None:
        for fault_id in [*self._entries, *self._spent_hangs]:
            self.remove(fault_id)

    def draw(self, operation: str) -> Sequence["Drawn"]:
        """The faults that hit this call, counted as hits. Only one can stand in for the answer: the first of its stage."""
        drawn: list[Drawn] = []
        for entry in list(self._entries.values()):
            stage = entry.fault.stage
            replaced = stage is Stage.INSTEAD and any(d.fault.stage is Stage.INSTEAD for d in drawn)
            if (
                stage is not Stage.STATE
                and not replaced
                and entry.fault.matches(operation)
                and self._hits(entry)
            ):
                drawn.append(Drawn(entry.fault, entry.lifted, entry.hits))
        return drawn

    def take(self, kind: str) -> Fault | None:
        """The stateful fault of this kind that hits now, if any; the provider asks at the moment it could matter."""
        for entry in list(self._entries.values()):
            if entry.fault.kind == kind and self._hits(entry):
                return entry.fault
        return None

    def _hits(self, entry: _Entry) -> bool:
        if self._rng.random() >= entry.fault.probability:
            return False
        entry.hits += 1
        if entry.fault.count is not None and entry.hits >= entry.fault.count:
            del self._entries[entry.fault.id]
            if entry.fault.stage is Stage.HOLD:
                self._spent_hangs[entry.fault.id] = entry
        return True


@dataclass(frozen=True)
class Drawn:
    """A fault that hit a call for the `hits`th time, and the event that is set when somebody lifts it."""

    fault: Fault
    lifted: asyncio.Event
    hits: int
