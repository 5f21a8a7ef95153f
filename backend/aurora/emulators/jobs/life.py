"""What happens to a job, by chance and by what it runs. Pure: same arguments, same life."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora.emulators.jobs.job import Job, Phase, Reason, Step

_SHORTEST_RUN_S = 1.0
_PULL_FAILS_S = (2.0, 6.0)  # preparing -> failed, when the image cannot be had
_START_FAILS_S = (5.0, 15.0)
_EXIT = re.compile(r"\bexit\s+(\d{1,3})\b")
_OUT_OF_MEMORY = 137  # killed; the message of the kernel says why

_TOO_SLOW = Reason("start_timeout", "the container did not start in time")

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a market takes, in seconds: for a node, for preparing it, for the image and start, until ports answer, to stop.

    `failing` is how long a failure shows before it is final, None where it does not. `no_node` is the share of jobs for which
    no node is found after all; spot jobs lose theirs every `spot_mean` seconds on average.
    """

    queue: Range
    assign: Range
    prepare: Range
    reach: Range = (1.0, 4.0)
    stop: Range = (1.0, 4.0)
    failing: Range | None = None
    no_node: float = 0.0
    spot_mean: float = 6 * 3600


@dataclass(frozen=True)
class Life:
    """`speed` divides every waiting time, not the limits that a job's order sets."""

    seed: str
    pace: Pace
    speed: float

    def launch(self, job: Job, at: datetime) -> list[Step]:
        """The steps from the queue on, in order of time."""
        chance = self._chance(job, "launch")
        assigned = at + self._span(chance.uniform(*self.pace.queue))
        if chance.random() < self.pace.no_node:
            return [Step(assigned, Phase.FAILED, Reason("no_capacity", "the node went to somebody else"))]
        preparing = assigned + self._span(chance.uniform(*self.pace.assign))
        return [
            Step(assigned, Phase.ASSIGNED),
            Step(preparing, Phase.PREPARING),
            *self._after_preparing(job, preparing, chance),
        ]

    def stop(self, job: Job, at: datetime, reason: Reason) -> list[Step]:
        gone = at + self._span(self._chance(job, "stop").uniform(*self.pace.stop))
        return [Step(at, Phase.STOPPING, reason), Step(gone, Phase.CANCELLED, reason)]

    def fail(self, job: Job, step: Step) -> list[Step]:
        """A failure, with its announcement where the market makes one."""
        if self.pace.failing is None:
            return [step]
        final = step.at + self._span(self._chance(job, "fail").uniform(*self.pace.failing))
        return [
            Step(step.at, Phase.FAILING, step.reason, step.exit_code),
            Step(final, Phase.FAILED, step.reason, step.exit_code),
        ]

    def reachable_at(self, job: Job, running: datetime) -> datetime:
        return running + self._span(self._chance(job, "reach").uniform(*self.pace.reach))

    def _after_preparing(self, job: Job, at: datetime, chance: random.Random) -> Iterator[Step]:
        error = job.order.workload.start_error
        if job.never_starts:
            if job.order.start_s is not None:
                yield Step(at + timedelta(seconds=job.order.start_s), Phase.FAILED, _TOO_SLOW)
            return
        if error:
            failed = at + self._span(chance.uniform(*_PULL_FAILS_S))
            yield Step(failed, Phase.FAILED, Reason("image_pull_failed", error))
            return
        if job.start_failure:
            failed = at + self._span(chance.uniform(*_START_FAILS_S))
            yield Step(failed, Phase.FAILED, _TOO_SLOW)
            return
        running = at + self._span(chance.uniform(*self.pace.prepare))
        yield Step(running, Phase.RUNNING)
        yield from self._end(job, running, chance)

    def _end(self, job: Job, running: datetime, chance: random.Random) -> Iterator[Step]:
        """The first of what may end a run: the command, the time limit, the loss of the node."""
        ends: list[Step] = []
        seconds = job.order.workload.seconds
        if seconds is not None:
            ends.append(ended(running + self._span(max(seconds, _SHORTEST_RUN_S)), exit_code(job)))
        if job.order.run_s is not None:
            limit = Reason("max_duration", f"ran for {job.order.run_s:g} s")
            ends.append(Step(running + timedelta(seconds=job.order.run_s), Phase.STOPPING, limit))
        if job.sku.spot:
            lost = running + self._span(chance.expovariate(1 / self.pace.spot_mean))
            ends.append(Step(lost, Phase.FAILED, Reason("node_lost", "the node was taken back")))
        if ends:
            yield min(ends, key=lambda step: step.at)

    def _chance(self, job: Job, what: str) -> random.Random:
        return random.Random(f"{self.seed}:{job.number}:{job.attempt}:{what}")

    def _span(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / self.speed)


def exit_code(job: Job) -> int:
    """What the command says its end is: `exit 3`, or `false` as its last step; else 0."""
    text = " ".join(job.order.workload.command)
    said = _EXIT.search(text)
    if said:
        return int(said[1]) & 0xFF
    return 1 if re.search(r"(^|[;&\s])false\s*$", text) else 0


def ended(at: datetime, code: int) -> Step:
    """The end of a container by itself."""
    if code == 0:
        return Step(at, Phase.SUCCEEDED, None, 0)
    name = "out_of_memory" if code == _OUT_OF_MEMORY else "exit_nonzero"
    return Step(at, Phase.FAILED, Reason(name, f"the container exited with code {code}"), code)
