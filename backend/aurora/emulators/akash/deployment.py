"""A deployment: what a tenant asked the market for, and everything that became of it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from aurora.emulators.akash.escrow import Escrow
from aurora.emulators.akash.lease import Lease, Lot
from aurora.emulators.akash.sdl import Sdl


@dataclass
class Fate:
    """What faults and scripts have in store for a deployment; the control API may change it."""

    no_bids: bool = False
    above_ceiling: bool = False
    refuses_manifest: bool = False
    bid_gone: bool = False
    never_starts: bool = False
    start_failure: bool = False
    charge_factor: Decimal = Decimal(1)


@dataclass
class Deployment:
    """`manifest` is the text whose hash is on chain. States: active, closed."""

    dseq: int
    owner: str
    sdl: Sdl
    manifest: str
    hash: str
    name: str
    created_at: datetime
    height: int
    escrow: Escrow
    lots: list[Lot]
    fate: Fate
    state: str = "active"
    closed_at: datetime | None = None
    runtime_hours: int | None = None
    auto_top_up: bool = False
    settings_at: datetime | None = None
    restarts: int = 0
    transactions: list[tuple[str, datetime, str]] = field(default_factory=list)  # hash, when, message

    @property
    def id(self) -> str:
        return str(self.dseq)

    @property
    def label(self) -> str:
        """The placement's name, which is the group's on chain."""
        return self.lots[0].spec.name

    @property
    def active(self) -> bool:
        return self.state == "active"

    @property
    def leases(self) -> list[Lease]:
        return [lot.lease for lot in self.lots if lot.lease]

    @property
    def living_leases(self) -> list[Lease]:
        return [lease for lease in self.leases if lease.living]

    @property
    def ran_dry(self) -> bool:
        return self.escrow.state == "overdrawn"

    def lot(self, gseq: int) -> Lot | None:
        return next((lot for lot in self.lots if lot.gseq == gseq), None)
