"""A job: the phases of its life, what it costs in each, and what is going to happen to it next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from aurora.emulators.jobs.stock import Sku
from aurora.emulators.meter import Meter, Rate
from aurora.emulators.workload import Workload

_SECONDS_PER_HOUR = 3600


class Phase(StrEnum):
    """ASSIGNED: a node is known, nothing is on it yet. FAILING is a failure on its way, in markets that show it."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    PREPARING = "preparing"
    RUNNING = "running"
    FAILING = "failing"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED})
ON_NODE = frozenset({Phase.ASSIGNED, Phase.PREPARING, Phase.RUNNING, Phase.FAILING, Phase.STOPPING})
_BEGINS = frozenset({Phase.ASSIGNED, Phase.PREPARING, Phase.RUNNING})  # the phases in which a bill can begin


@dataclass(frozen=True)
class Reason:
    code: str
    message: str


@dataclass(frozen=True)
class Step:
    """Something that is going to happen. `exit_code` when it is the container that ends."""

    at: datetime
    phase: Phase
    reason: Reason | None = None
    exit_code: int | None = None


@dataclass
class Session:
    """One run of the container; `end` None while it lasts."""

    start: datetime
    end: datetime | None = None
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be run. `queue_s`, `start_s` and `run_s` are the longest times wanted, in seconds; `restarts` after failures."""

    name: str
    workload: Workload
    env_names: Sequence[str] = ()
    ports: Sequence[tuple[int, str]] = ()
    disk_gb: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    run_s: float | None = None
    queue_s: float | None = None
    start_s: float | None = None
    restarts: int = 0


@dataclass
class Job:
    """Mutable; changed only by `enter`, `plan` and the estate. Instants never go backwards."""

    id: str
    number: int
    sku: Sku
    order: Order
    created_at: datetime
    rate: Rate
    bills_from_creation: bool = False
    never_starts: bool = False
    start_failure: bool = False
    phase: Phase = Phase.QUEUED
    reason: Reason | None = None
    attempt: int = 1
    strange: str | None = None  # a status that no document knows, shown instead of the true one
    billing_started_at: datetime | None = None
    reachable_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    failure: Step | None = None  # what a FAILING job is going to end with
    sessions: list[Session] = field(default_factory=list)
    nodes: list[datetime] = field(default_factory=list)  # when each attempt was given its node
    agenda: list[Step] = field(default_factory=list)
    changed_at: datetime = field(init=False)
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        """Start the meter at creation, at nothing per hour."""
        self.meter = Meter(self.created_at)
        self.changed_at = self.created_at

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    @property
    def started_at(self) -> datetime | None:
        return self.sessions[0].start if self.sessions else None

    def reachable(self, now: datetime) -> bool:
        """Whether the ports answer."""
        return self.phase is Phase.RUNNING and self.reachable_at is not None and now >= self.reachable_at

    def billed(self, now: datetime) -> Decimal:
        """USD so far, by whole seconds; when it has ended, the minimum included."""
        run = round(self.meter.bill(now).gpu_hours * _SECONDS_PER_HOUR, 6)  # the meter counts microseconds
        seconds = run.to_integral_value(ROUND_CEILING)
        if self.ended and self.billing_started_at is not None:
            seconds = max(seconds, Decimal(self.sku.min_minutes * 60))
        return self.rate.total * seconds / _SECONDS_PER_HOUR

    def plan(self, steps: Iterable[Step]) -> None:
        """Replace what was going to happen."""
        self.agenda = sorted(steps, key=lambda step: step.at)

    def enter(self, step: Step) -> None:
        """Change phase, with everything that depends on it: the meter, the runs of the container."""
        at = step.at
        if self.phase is Phase.RUNNING and step.phase is not Phase.RUNNING:
            self.sessions[-1].end = at
            self.sessions[-1].exit_code = step.exit_code
        elif self.phase is not Phase.RUNNING and step.phase is Phase.RUNNING:
            self.sessions.append(Session(at))
        if step.phase is Phase.ASSIGNED:
            self.nodes.append(at)
        self.phase, self.changed_at = step.phase, at
        self.reason = step.reason or (None if step.phase not in ENDED else self.reason)
        if step.phase in ENDED:
            self.finished_at, self.exit_code = at, step.exit_code
        self._charge(at)

    def _charge(self, at: datetime) -> None:
        """Let the meter follow the phase. A market that bills from creation charges the wait for a node, once there is one."""
        begun = self.billing_started_at is not None
        on_node = self.phase in (ON_NODE if begun else _BEGINS)
        if on_node and not begun:
            at = self.billing_started_at = self.created_at if self.bills_from_creation else at
        self.meter.switch(at, self.rate if on_node else Rate())
