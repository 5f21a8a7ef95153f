"""Orders, bids and leases of one group, and the containers that a lease runs (contract, section 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from aurora.emulators.akash.escrow import Payment
from aurora.emulators.akash.manifest import Group
from aurora.emulators.akash.provider import Provider
from aurora.emulators.akash.stock import Choice


class Reason(StrEnum):
    """Why a lease was closed; INVALID means that it was not."""

    INVALID = "lease_closed_invalid"
    OWNER = "lease_closed_owner"
    UNSTABLE = "lease_closed_reason_unstable"
    DECOMMISSION = "lease_closed_reason_decommission"
    UNSPECIFIED = "lease_closed_reason_unspecified"
    MANIFEST_TIMEOUT = "lease_closed_reason_manifest_timeout"
    INSUFFICIENT_FUNDS = "lease_closed_reason_insufficient_funds"


@dataclass
class Bid:
    """A provider's price for the whole group, in uact per block. States: open, active, lost, closed."""

    provider: Provider
    amount: Decimal
    choices: Sequence[Choice]
    height: int
    reclamation_s: int | None = None
    state: str = "open"


@dataclass
class Containers:
    """What runs of a lease once its manifest is there. `ready_at` None: it never comes up; `ends_at` None: it never ends."""

    started_at: datetime
    ready_at: datetime | None
    ends_at: datetime | None = None
    trouble: str | None = None  # the reason that kubernetes events give
    hosts: Mapping[str, Sequence[int]] = field(default_factory=dict)  # service -> random host ports

    def up(self, now: datetime) -> bool:
        if self.ready_at is None or now < self.ready_at:
            return False
        return self.ends_at is None or now < self.ends_at


@dataclass
class Lease:
    """States: active, insufficient_funds, closed, reclaiming."""

    bid: Bid
    made_at: datetime
    height: int
    payment: Payment
    state: str = "active"
    closed_at: datetime | None = None
    closed_height: int = 0
    reason: Reason = Reason.INVALID
    reclaim_deadline: datetime | None = None
    containers: Containers | None = None

    @property
    def provider(self) -> Provider:
        return self.bid.provider

    @property
    def living(self) -> bool:
        return self.state in {"active", "reclaiming"}


@dataclass
class Lot:
    """A group of a deployment with its only order: orders are not opened again when a provider leaves.

    Group states: open, paused, insufficient_funds, closed. Order states: open, active, closed.
    """

    gseq: int
    spec: Group
    height: int
    state: str = "open"
    order: str = "open"
    bids: list[Bid] = field(default_factory=list)
    lease: Lease | None = None

    def bid_of(self, provider: str) -> Bid | None:
        return next((bid for bid in self.bids if bid.provider.owner == provider), None)
