"""A container group: what it is to run, its instances, its events, and what it cost."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from aurora.emulators.meter import ZERO, Rate
from aurora.emulators.salad.instance import Instance, State
from aurora.emulators.salad.pools import GpuClass, Priority
from aurora.emulators.workload import Workload

_EVENTS_KEPT = 2000
_VCPU_HOUR, _GB_HOUR = Decimal("0.004"), Decimal("0.001")  # of groups without GPUs (section 10)
_MB_PER_GB = 1024


class Status(StrEnum):
    """Section 7.1."""

    PENDING = "pending"
    STOPPED = "stopped"
    DEPLOYING = "deploying"
    RUNNING = "running"
    FAILED = "failed"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True)
class Event:
    """An entry of the system log; `instance_id` and `machine_id` empty for those of the group."""

    at: datetime
    name: str
    instance_id: str = ""
    machine_id: str = ""
    version: int = 1


@dataclass(frozen=True)
class Key:
    """Where a group is found."""

    organization: str
    project: str
    name: str


@dataclass(kw_only=True)
class Group:
    """Mutable; changed by the estate and the crew only. `spec` is the wire form of what was asked for."""

    number: int
    id: str
    key: Key
    spec: dict[str, Any]
    priority: Priority | None
    classes: list[GpuClass]
    created_at: datetime
    dns: str
    hash: str
    size: int
    factor: Decimal = Decimal(1)  # a fault may bill more than the class says
    never_starts: bool = False
    start_failure: bool = False
    autostarts: bool = False  # started as soon as the image is prepared
    status: Status = Status.PENDING
    shown_status: str | None = None
    description: str = ""
    version: int = 1
    prepared: bool = False
    prepares_at: datetime | None = None
    updated_at: datetime = field(init=False)
    started_at: datetime = field(init=False)
    stopped_at: datetime | None = None
    gone_at: datetime | None = None  # when a deleted one is gone
    deleted: bool = False
    instances: list[Instance] = field(default_factory=list)
    past: list[Instance] = field(default_factory=list)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))

    def __post_init__(self) -> None:
        """Everything begins at creation."""
        self.updated_at = self.started_at = self.created_at

    @property
    def replicas(self) -> int:
        return int(self.spec["replicas"])

    @property
    def container(self) -> dict[str, Any]:
        container: dict[str, Any] = self.spec["container"]
        return container

    @property
    def resources(self) -> Mapping[str, Any]:
        resources: Mapping[str, Any] = self.container["resources"]
        return resources

    @property
    def workload(self) -> Workload:
        return Workload(self.container["image"], self.container.get("command") or ())

    @property
    def wanted(self) -> bool:
        """Whether instances are to run."""
        return self.status in {Status.DEPLOYING, Status.RUNNING} and not self.deleted

    @property
    def standing(self) -> Priority:
        """The priority it has among others: high unless told; without GPUs always the lowest."""
        return (self.priority or Priority.HIGH) if self.classes else Priority.BATCH

    def rate_on(self, gpu: GpuClass | None) -> Rate:
        """USD per hour of one running instance."""
        if gpu is not None:
            return Rate(gpu.prices[self.standing] * self.factor)
        memory = Decimal(self.resources["memory"]) / _MB_PER_GB
        return Rate((_VCPU_HOUR * self.resources["cpu"] + _GB_HOUR * memory) * self.factor)

    @property
    def most_usd_per_hour(self) -> Decimal:
        """If all replicas ran, and those that are to go, each on the dearest class."""
        rates = [self.rate_on(gpu).total for gpu in self.classes] or [self.rate_on(None).total]
        return max(rates) * max(self.replicas, len(self.instances))

    def count(self, state: State) -> int:
        return sum(one.state is state for one in self.instances)

    def billed(self, now: datetime) -> Decimal:
        return sum((one.meter.bill(now).total for one in (*self.past, *self.instances)), ZERO)

    def note(self, at: datetime, name: str, instance: Instance | None = None) -> None:
        """Write an entry of the system log."""
        if instance is None:
            self.events.append(Event(at, name, version=self.version))
        else:
            self.events.append(Event(at, name, instance.id, instance.machine_id, instance.version))
