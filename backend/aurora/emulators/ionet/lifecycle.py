"""How a deployment gets from being requested to being reachable. Pure: same arguments, same life."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora.emulators.ionet.deployment import Deployment, Step, Turn

# Seconds; nobody has published any, so these are short for a demonstration's sake.
_PLACING_S = (4.0, 10.0)
_PULLING_S = (6.0, 16.0)
_HEALTH_S = (2.0, 5.0)  # running -> public_url
_FAILING_S = (6.0, 15.0)
_DESTROYING_S = (4.0, 12.0)
_SHORTEST_RUN_S = 1.0


@dataclass(frozen=True)
class Lifecycle:
    """`speed` divides every waiting time, but not the hours that were paid for."""

    seed: int
    speed: float

    def launch(self, one: Deployment, at: datetime) -> list[Step]:
        """From the deploy on."""
        if one.never_starts:
            return []
        chance = self._chance(one)
        if one.start_failure:
            return [
                Step(at + self._span(chance, _FAILING_S), Turn.FAILED, "no supplier accepted the container")
            ]
        placed = at + self._span(chance, _PLACING_S)
        return [Step(placed, Turn.PLACED, "Container placed"), *self._pull(one, placed, chance)]

    def relaunch(self, one: Deployment, at: datetime) -> list[Step]:
        """A container that is started again where it is: after a change, or after its end."""
        chance = self._chance(one)
        return list(self._pull(one, at, chance))

    def destroy(self, one: Deployment, at: datetime) -> Step:
        return Step(at + self._span(self._chance(one), _DESTROYING_S), Turn.DESTROYED)

    def _pull(self, one: Deployment, at: datetime, chance: random.Random) -> Iterator[Step]:
        error = one.config.workload.start_error
        if error:
            yield Step(at + self._span(chance, _FAILING_S), Turn.FAILED, error)
            return
        running = at + self._span(chance, _PULLING_S)
        yield Step(running, Turn.RUNNING, "Container started")
        seconds = one.config.workload.seconds
        if seconds is None:
            yield Step(running + self._span(chance, _HEALTH_S), Turn.REACHABLE, "Health check passed")
        else:
            end = running + timedelta(seconds=max(seconds, _SHORTEST_RUN_S) / self.speed)
            yield Step(end, Turn.EXITED, "Container exited with code 0")

    def _chance(self, one: Deployment) -> random.Random:
        return random.Random(f"{self.seed}:ionet:{one.number}:{one.launches}:{one.phase}")

    def _span(self, chance: random.Random, seconds: tuple[float, float]) -> timedelta:
        return timedelta(seconds=chance.uniform(*seconds) / self.speed)
