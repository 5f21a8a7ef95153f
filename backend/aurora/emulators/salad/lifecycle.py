"""How long things take, and how long nodes last. Pure: same arguments, same times."""

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora.emulators.salad.instance import Step, Turn
from aurora.emulators.salad.pools import Priority

# Seconds, so that running is reached 149 to 240 s after the create, as measured (contract, section 7.2).
_PREPARING_S = (15.0, 87.0)
_FAILING_S = (15.0, 40.0)
_ALLOCATING_S = (5.0, 20.0)
_DOWNLOADING_S = (68.0, 88.0)
_CREATING_S = (45.0, 61.0)
_RESTARTING_S = (2.0, 5.0)
_STOPPING_S = (4.0, 80.0)
_VANISHING_S = 2.0
_SHORTEST_RUN_S = 1.0
# Chance per hour that a node goes away, by the hours it has been up (Salad's own test of 2025, see seed/ATTRIBUTION.md).
_HAZARDS = ((4, 0.023), (24, 0.014), (48, 0.011), (96, 0.009), (math.inf, 0.004))
# Chance per hour that somebody of a higher priority takes the node; ours.
_DISPLACING = {Priority.HIGH: 0.0, Priority.MEDIUM: 0.005, Priority.LOW: 0.02, Priority.BATCH: 0.06}


@dataclass(frozen=True)
class Lifecycle:
    """`speed` divides every waiting time."""

    seed: int
    speed: float

    def chance(self, *what: object) -> random.Random:
        return random.Random(":".join(map(str, (self.seed, "salad", *what))))

    def preparing(self, chance: random.Random, *, fails: bool) -> timedelta:
        return self.span(chance.uniform(*(_FAILING_S if fails else _PREPARING_S)))

    def allocating(self, chance: random.Random) -> timedelta:
        return self.span(chance.uniform(*_ALLOCATING_S))

    def downloading(self, chance: random.Random) -> timedelta:
        return self.span(chance.uniform(*_DOWNLOADING_S))

    def creating(self, chance: random.Random) -> timedelta:
        return self.span(chance.uniform(*_CREATING_S))

    def restarting(self, chance: random.Random) -> timedelta:
        return self.span(chance.uniform(*_RESTARTING_S))

    def stopping(self, chance: random.Random, *, told: float | None) -> timedelta:
        return self.span(chance.uniform(*_STOPPING_S) if told is None else told)

    def vanishing(self) -> timedelta:
        return self.span(_VANISHING_S)

    def running(self, seconds: float) -> timedelta:
        return self.span(max(seconds, _SHORTEST_RUN_S))

    def node_end(self, chance: random.Random, priority: Priority, at: datetime) -> Step:
        """When and how the node is lost again."""
        lost = _life_hours(chance)
        rate = _DISPLACING[priority]
        displaced = chance.expovariate(rate) if rate else math.inf
        turn = Turn.NODE_LOST if lost <= displaced else Turn.DISPLACED
        return Step(at + self.span(min(lost, displaced) * 3600), turn)

    def span(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / self.speed)


def _life_hours(chance: random.Random) -> float:
    """A draw from the measured survival curve."""
    left, since = chance.expovariate(1.0), 0.0
    for until, hazard in _HAZARDS:
        if left <= (until - since) * hazard:
            return since + left / hazard
        left -= (until - since) * hazard
        since = until
    raise AssertionError("the last stretch has no end")
