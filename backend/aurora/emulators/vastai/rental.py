"""An instance: the phases of its life, what it costs in each, and what is going to happen to it next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from aurora.emulators.meter import Meter, Rate
from aurora.emulators.vastai.offer import Offer, money
from aurora.emulators.vastai.order import Order


class Phase(StrEnum):
    """`actual_status` on the wire; PROVISIONING is null there, DESTROYED is not shown at all (section 6.4)."""

    PROVISIONING = "provisioning"
    CREATED = "created"
    LOADING = "loading"
    RUNNING = "running"
    STOPPED = "stopped"
    FROZEN = "frozen"
    EXITED = "exited"
    REBOOTING = "rebooting"
    UNKNOWN = "unknown"
    OFFLINE = "offline"
    DESTROYED = "destroyed"


# GPU only while the container is connected; disk whenever the instance exists and its host is online (section 12).
_GPU_BILLED = frozenset({Phase.RUNNING, Phase.FROZEN})
_NOTHING_BILLED = frozenset({Phase.PROVISIONING, Phase.OFFLINE, Phase.DESTROYED})


@dataclass(frozen=True)
class Step:
    """Something that is going to happen."""

    at: datetime
    phase: Phase
    message: str | None = None
    intended: str | None = None  # new `intended_status`, if the market and not the user decides (outbid)


@dataclass
class Session:
    """One run of the container; `end` None while it lasts."""

    start: datetime
    end: datetime | None = None


@dataclass
class Rental:
    """Mutable; changed only by `enter`, `plan` and the commands of the market. Instants never go backwards."""

    id: int
    offer: Offer
    order: Order
    created_at: datetime
    api_key: str
    factor: Decimal = Decimal(1)  # a fault may bill more than the offer says
    never_starts: bool = False
    start_failure: bool = False
    label: str | None = None
    bid: Decimal | None = None
    phase: Phase = Phase.PROVISIONING
    message: str | None = None
    intended: str = "running"
    waiting: bool = False  # start asked for while others hold the GPUs: queued
    launches: int = 0
    sessions: list[Session] = field(default_factory=list)
    agenda: list[Step] = field(default_factory=list)
    host_ports: Mapping[tuple[int, str], int] = field(default_factory=dict)
    destroyed_at: datetime | None = None
    gpu_stopped_at: datetime | None = None
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        """Start the meter at creation, at nothing per hour."""
        self.meter = Meter(self.created_at)

    @property
    def alive(self) -> bool:
        return self.phase is not Phase.DESTROYED

    @property
    def running(self) -> bool:
        return self.phase is Phase.RUNNING

    @property
    def full_rate(self) -> Rate:
        """What an hour of running costs: the offer's price or the bid, and the disk asked for."""
        gpu = self.offer.usd_per_hour if self.bid is None else self.bid
        disk = self.offer.storage_usd_per_gb_hour * money(self.order.disk_gb)
        return Rate(gpu, disk).times(self.factor)

    @property
    def present_rate(self) -> Rate:
        """What an hour costs in the present phase."""
        if self.phase in _NOTHING_BILLED:
            return Rate()
        full = self.full_rate
        return full if self.phase in _GPU_BILLED else Rate(disk=full.disk)

    @property
    def running_at(self) -> datetime | None:
        return self.sessions[0].start if self.sessions else None

    def next_step(self) -> Step | None:
        return self.agenda[0] if self.agenda else None

    def plan(self, steps: Iterable[Step]) -> None:
        """Replace what was going to happen."""
        self.agenda = sorted(steps, key=lambda step: step.at)

    def enter(self, phase: Phase, at: datetime, message: str | None = None) -> None:
        """Change phase, with everything that depends on it: the meter, the runs of the container."""
        if self.running and phase is not Phase.RUNNING:
            self.sessions[-1].end = at
            self.gpu_stopped_at = at
        elif not self.running and phase is Phase.RUNNING:
            self.sessions.append(Session(at))
            self.gpu_stopped_at = None
        self.phase = phase
        self.message = message or self.message
        self.reprice(at)

    def reprice(self, at: datetime) -> None:
        """Let the meter follow the present rate."""
        self.meter.switch(at, self.present_rate)
