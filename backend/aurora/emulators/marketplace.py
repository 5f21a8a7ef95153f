"""What the framework asks of an emulated provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from aurora.emulators.clock import Clock
from aurora.emulators.exchange import Endpoint, Reply
from aurora.emulators.faultbook import FaultBook
from aurora.emulators.options import EmulatorOptions


class UnknownEvent(ValueError):
    """The event does not exist, or cannot happen to this instance now."""


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """What one rented thing cost, kept for ever. `stopped_at` is when the GPU bill last stopped, None while it may grow.

    `more_usd` are further sums of money that only this market has, by name (deposits).
    """

    id: str
    label: str | None
    state: str
    started_at: datetime
    running_at: datetime | None
    stopped_at: datetime | None
    usd_per_hour: Decimal
    usd_billed: Decimal
    more_usd: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class World:
    """What surrounds a provider: time, the faults in force, and the user's options (chance is drawn from `options.seed`)."""

    clock: Clock
    faults: FaultBook
    options: EmulatorOptions


class Marketplace(Protocol):
    """An emulated provider. Its handlers are synchronous; time passes only when somebody looks."""

    @property
    def name(self) -> str: ...

    @property
    def endpoints(self) -> Sequence[Endpoint]: ...

    def unknown_route(self) -> Reply:
        """The provider's own answer to a path it does not have."""
        ...

    def ledger(self) -> Sequence[LedgerRow]:
        """Every rented thing ever, destroyed ones included, billed to this instant."""
        ...

    def happen(self, event: str, lease_id: str, details: Mapping[str, Any], /) -> None:
        """Let something befall a rented thing: `outbid`, `offline`, `exited`, ... `details` is the whole request.

        Raises UnknownEvent, or KeyError for a strange id.
        """
        ...


@runtime_checkable
class Adjustable(Protocol):
    """A market with settings that can be changed while it runs."""

    def settings(self) -> Mapping[str, Any]: ...

    def adjust(self, changes: Mapping[str, Any]) -> None:
        """Change some settings. Raises BadFault with the name of a wrong one; then none is changed."""
        ...
