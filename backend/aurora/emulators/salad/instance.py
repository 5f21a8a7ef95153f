"""A replica on some node: the states of its life, its runs, and what is going to happen to it next."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aurora.emulators.meter import Meter, Rate
from aurora.emulators.salad.pools import GpuClass


class State(StrEnum):
    """Section 7.2; GONE is not shown."""

    ALLOCATING = "allocating"
    DOWNLOADING = "downloading"
    CREATING = "creating"
    RUNNING = "running"
    STOPPING = "stopping"
    GONE = "gone"


class Turn(StrEnum):
    """What can happen to an instance by itself."""

    ALLOCATE = "allocate"
    CREATE = "create"
    RUN = "run"
    EXIT = "exit"
    NODE_LOST = "node_lost"
    DISPLACED = "displaced"
    STOP = "stop"
    VANISH = "vanish"


@dataclass(frozen=True, order=True)
class Step:
    at: datetime
    turn: Turn


@dataclass
class Run:
    """One run of the container on one node; `end` None while it lasts. `number` counts those of the instance."""

    number: int
    instance_id: str
    machine_id: str
    version: int
    start: datetime
    end: datetime | None = None


@dataclass(kw_only=True)
class Instance:
    """Mutable; changed by the crew only. `rate`: USD per hour of running."""

    number: int
    id: str
    version: int
    created_at: datetime
    state: State = State.ALLOCATING
    machine_id: str = ""
    gpu: GpuClass | None = None  # the class of its node
    placed: bool = False  # holds a node
    waiting: bool = False  # for a node
    leaving: bool = False  # runs on for a moment after it was told to stop
    update_time: datetime = field(init=False)
    downloading_from: datetime | None = None
    downloading_until: datetime | None = None
    node_ends: Step | None = None
    allocations: int = 0
    launches: int = 0
    exits_here: int = 0  # on this node
    deletion_cost: int = 0
    runs: list[Run] = field(default_factory=list)
    agenda: list[Step] = field(default_factory=list)
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        """Start the meter at creation, at nothing per hour."""
        self.meter = Meter(self.created_at)
        self.update_time = self.created_at

    @property
    def alive(self) -> bool:
        return self.state is not State.GONE

    @property
    def running_since(self) -> datetime | None:
        return self.runs[-1].start if self.state is State.RUNNING and self.runs else None

    def progress(self, now: datetime) -> float:
        """Percent of the image that has come."""
        if self.downloading_from is None or self.downloading_until is None:
            return 0.0
        whole = (self.downloading_until - self.downloading_from).total_seconds()
        done = (now - self.downloading_from).total_seconds() / whole if whole else 1.0
        return round(min(1.0, max(0.0, done)) * 100, 1)

    def enter(self, state: State, at: datetime, rate: Rate) -> None:
        """Change state; only running costs."""
        if self.state is State.RUNNING and state is not State.RUNNING:
            self.runs[-1].end = at
        elif self.state is not State.RUNNING and state is State.RUNNING:
            self.runs.append(Run(len(self.runs), self.id, self.machine_id, self.version, at))
        self.state, self.update_time = state, at
        self.meter.switch(at, rate if state is State.RUNNING else Rate())

    def plan(self, steps: Iterable[Step]) -> None:
        """Replace what was going to happen."""
        self.agenda = sorted(steps)
