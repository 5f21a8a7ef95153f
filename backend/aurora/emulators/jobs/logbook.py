"""What the container of a job wrote. Pure: the same job at the same instant wrote the same lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aurora.emulators.jobs.job import Job, Session

_LINE_EVERY_S = 2.0
_MOST_LINES = 20_000  # of a run that are kept, the last ones
_ERROR_EVERY = 50


@dataclass(frozen=True)
class Line:
    """`seq` counts from 1 over all runs and streams."""

    seq: int
    at: datetime
    stream: str
    text: str


def lines(job: Job, now: datetime, speed: float) -> Sequence[Line]:
    """Everything until now, a line every two seconds (sped up like all waiting times)."""
    found: list[Line] = []
    for session in job.sessions:
        first = found[-1].seq + 1 if found else 1
        found.extend(_of_session(job, session, first=first, now=now, speed=speed))
    return found


def _of_session(job: Job, session: Session, *, first: int, now: datetime, speed: float) -> Iterator[Line]:
    order, start = job.order, session.start
    end = min(session.end or now, now)
    yield Line(first, start, "stdout", f"[emulated] starting job {job.id} image={order.workload.image}")
    yield Line(first + 1, start, "stdout", f"[emulated] args={' '.join(order.workload.command)}")
    yield Line(first + 2, start, "stdout", f"[emulated] env={','.join(order.env_names)}")
    count = int((end - start).total_seconds() * speed / _LINE_EVERY_S)
    for number in range(max(1, count - _MOST_LINES + 1), count + 1):
        at = start + timedelta(seconds=number * _LINE_EVERY_S / speed)
        bad = number % _ERROR_EVERY == 0
        text = "ERROR retrying shard" if bad else "INFO working"
        yield Line(first + 2 + number, at, "stderr" if bad else "stdout", f"{text} step={number}")
    if session.end is not None:
        said = "stopped" if session.exit_code is None else f"exited with code {session.exit_code}"
        yield Line(first + 3 + count, end, "stdout", f"[emulated] job {job.id} {said}")
