"""The rented thing as its market reports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class InstanceState(StrEnum):
    """What the market says, translated. UNKNOWN and UNREACHABLE never mean failed."""

    PREPARING = "preparing"
    """A create of several steps is not finished: the next move is ours (an auction waits for our choice)."""
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    """Halted by the market (outbid, out of credit, host stopped); may still cost disk."""
    EXITED = "exited"
    """The container ended by itself."""
    FAILED = "failed"
    """The market says that it will never run."""
    UNREACHABLE = "unreachable"
    """The market lost the machine; it may come back."""
    ENDING = "ending"
    UNKNOWN = "unknown"
    """A status we do not know; keep looking."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a port of the container is reached. `port` is the container's, `url_port` the public one."""

    port: str
    host: str
    url_port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.url_port}"


@dataclass(frozen=True, slots=True)
class Instance:
    """One sighting of one rented machine."""

    provider: str
    external_id: str
    name: str | None
    """The label it carries: ours starts with `aurora-<installation>-`."""
    state: InstanceState
    raw_state: str | None = None
    message: str | None = None
    usd_per_hour: Decimal | None = None
    """What is being charged while it runs, read back from the market."""
    quoted_usd_per_hour: Decimal | None = None
    """The price that was agreed in a later step of the create (the bid that was taken)."""
    paid_until: datetime | None = None
    """Until when the money that the market holds for it lasts; None where nothing is paid in advance."""
    charged_usd: Decimal | None = None
    """What the market says it has charged for it in all, so far; goes before our own count."""
    over: bool = False
    """It ended for good and costs nothing more: only the market's record of it is left, which cannot be destroyed."""
    endpoints: tuple[Endpoint, ...] = ()
    started_at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of one offer with the disk asked for, read from the market just now."""

    offer_id: str
    usd_per_hour: Decimal
    firm: bool
    read_at: datetime


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """All a market needs to start one container under our name."""

    name: str
    offer_external_id: str
    image: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    ports: tuple[str, ...]
    disk_gb: float
    ceiling_usd_per_hour: Decimal
    """The most that may be charged per hour for the whole instance, disk included."""
    gpu_count: int
    registry_login: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Created:
    """The market accepted a create."""

    external_id: str
    usd_per_hour: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; `at` when the market gives times."""

    text: str
    at: datetime | None = None
    stream: str | None = None
