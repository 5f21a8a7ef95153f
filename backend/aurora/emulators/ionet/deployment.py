"""A deployment: the hours paid for it, the phases of its life, and what is going to happen to it next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from aurora.emulators.ionet.hardware import Hardware
from aurora.emulators.ionet.places import Place
from aurora.emulators.workload import Workload

ZERO = Decimal(0)
_MINUTES_PER_HOUR = 60
_MINUTE = timedelta(minutes=1)


class Phase(StrEnum):
    """The words of section 4, with their spaces."""

    REQUESTED = "deployment requested"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TERMINATING = "termination requested"
    DESTROYED = "destroyed"


TERMINAL = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.DESTROYED})


class Turn(StrEnum):
    """What can happen to a deployment by itself."""

    PLACED = "placed"
    RUNNING = "running"
    REACHABLE = "reachable"
    FAILED = "failed"
    EXITED = "exited"
    COMPLETED = "completed"
    DESTROYED = "destroyed"


@dataclass(frozen=True, order=True)
class Step:
    at: datetime
    turn: Turn
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What runs; secrets are known by their names only."""

    image: str
    port: int
    entrypoint: Sequence[str] | None = None
    args: Sequence[str] | None = None
    env: dict[str, str] | None = None
    secret_keys: Sequence[str] = ()

    @property
    def workload(self) -> Workload:
        return Workload(self.image, (*(self.entrypoint or ()), *(self.args or ())))


@dataclass(frozen=True)
class Event:
    at: datetime
    message: str


@dataclass(kw_only=True)
class Deployment:
    """Mutable; changed by the estate only. `rate` is USD per hour for all its containers together.

    `hours` are paid in advance; None when it pays as it goes. Instants never go backwards.
    """

    number: int
    id: str
    name: str
    hardware: Hardware
    place: Place
    gpus: int  # of one container
    replicas: int
    config: Config
    rate: Decimal
    hours: int | None
    created_at: datetime
    refund: str
    refund_unstarted: bool
    never_starts: bool = False
    start_failure: bool = False
    phase: Phase = Phase.REQUESTED
    shown_status: str | None = None  # a word that hides the phase, at a word of the control API
    placed_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    reachable: bool = False
    launches: int = 0
    launched_at: datetime | None = None  # of the container that runs now
    refunded: Decimal = ZERO
    events: list[Event] = field(default_factory=list)
    agenda: list[Step] = field(default_factory=list)
    container_ids: Sequence[str] = ()
    device_ids: Sequence[str] = ()

    @property
    def alive(self) -> bool:
        return self.phase not in TERMINAL

    @property
    def status(self) -> str:
        return self.shown_status or str(self.phase)

    @property
    def total_gpus(self) -> int:
        return self.gpus * self.replicas

    @property
    def ends_at(self) -> datetime | None:
        """When the paid hours are used up; they run from the start."""
        if self.started_at is None or self.hours is None:
            return None
        return self.started_at + timedelta(hours=self.hours)

    def served_minutes(self, now: datetime) -> int:
        """Whole minutes of service, the last one counted as soon as it begins."""
        if self.started_at is None:
            return 0
        until = min(self.finished_at or now, self.ends_at or now)
        return -(-(until - self.started_at) // _MINUTE)

    def paid(self, now: datetime) -> Decimal:
        """Taken from the credit so far, refunds given back."""
        return self._charged(now) - self.refunded

    def prepaid(self, now: datetime) -> Decimal:
        """Taken from the credit so far, before refunds."""
        return self._charged(now)

    def plan(self, steps: Iterable[Step]) -> None:
        """Replace what was going to happen."""
        self.agenda = sorted(steps)

    def end(self, phase: Phase, at: datetime) -> None:
        """Close the bill: what is due back comes back."""
        self.phase, self.finished_at, self.reachable = phase, at, False
        self.plan(())
        self.refunded = self._due_back(at)

    def _charged(self, now: datetime) -> Decimal:
        if self.hours is not None:
            return self.rate * self.hours
        return self.rate * self.served_minutes(now) / _MINUTES_PER_HOUR

    def _due_back(self, at: datetime) -> Decimal:
        """Nothing unless told: all of what never ran; of the rest what lies beyond the first hour, by the minute (section 7)."""
        if self.hours is None:
            return ZERO
        if self.started_at is None:
            return self.rate * self.hours if self.refund_unstarted else ZERO
        if self.refund == "none":
            return ZERO
        used = max(self.served_minutes(at), _MINUTES_PER_HOUR)
        return max(ZERO, self.rate * (self.hours * _MINUTES_PER_HOUR - used) / _MINUTES_PER_HOUR)
