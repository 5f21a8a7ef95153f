"""The fake's world: offers, rented machines that live by the clock, and the bill."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from aurora.domain.billing import BillingRule
from aurora.domain.clock import Clock
from aurora.domain.errors import InstanceNotFound, OfferGone
from aurora.domain.instance import Endpoint, Instance, InstanceState, LaunchSpec, LogLine
from aurora.domain.offer import Offer


@dataclass(slots=True)
class Pace:
    """How fast the fake world is, in seconds of the injected clock; may be changed while it runs."""

    boot_s: float = 30.0
    """From create to running."""
    list_lag_s: float = 0.0
    """From create until the list shows it."""
    end_s: float = 0.0
    """From terminate until it is gone, and no longer billed."""
    latency_s: float = 0.0
    """Of every call."""
    follow_every_s: float = 1.0
    """Between two looks at a followed log."""
    page_size: int = 100
    """Offers per page."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What one instance has cost so far, by the market's own count."""

    external_id: str
    name: str
    usd_per_hour: Decimal
    created_at: datetime
    ended_at: datetime | None
    cost_usd: Decimal


@dataclass(slots=True)
class Machine:
    """One rented machine. Its state follows from the clock unless it was forced."""

    external_id: str
    spec: LaunchSpec
    offer: Offer
    usd_per_hour: Decimal
    created_at: datetime
    running_at: datetime
    listed_at: datetime
    ended_at: datetime | None = None
    gone_at: datetime | None = None
    forced: InstanceState | None = None
    forced_at: datetime | None = None
    message: str | None = None
    raw_state: str | None = None
    log: list[LogLine] = field(default_factory=list)

    def state(self, now: datetime) -> InstanceState:
        if self.ended_at is not None:
            return InstanceState.ENDING
        if self.forced is not None:
            return self.forced
        return InstanceState.RUNNING if now >= self.running_at else InstanceState.STARTING


class FakeMarket:
    """Offers, machines and money."""

    def __init__(
        self,
        provider: str,
        *,
        clock: Clock,
        billing: BillingRule,
        pace: Pace,
    ) -> None:
        self.provider = provider
        self.pace = pace
        self.credit_usd: Decimal = Decimal(1000)
        self._clock = clock
        self._billing = billing
        self._offers: dict[str, Offer] = {}
        self._taken: dict[str, int] = {}
        self._machines: dict[str, Machine] = {}

    # Offers

    def put_offer(self, offer: Offer) -> None:
        """List an offer, or replace the one with its id (a new price, say)."""
        self._offers[offer.external_id] = replace(offer, provider=self.provider)

    def remove_offer(self, external_id: str) -> None:
        self._offers.pop(external_id, None)

    def offers(self) -> tuple[Offer, ...]:
        """What can be rented now, seen now."""
        now = self._clock.now()
        return tuple(
            replace(offer, seen_at=now, available=None if offer.available is None else self._free(offer))
            for offer in self._offers.values()
            if self._free(offer) > 0
        )

    def offer(self, external_id: str) -> Offer:
        """One offer that is free. Raises OfferGone."""
        found = self._offers.get(external_id)
        if found is None or self._free(found) <= 0:
            raise OfferGone(self.provider, f"offer {external_id} is not to be had")
        return found

    def _free(self, offer: Offer) -> int:
        return (1 if offer.available is None else offer.available) - self._taken.get(offer.external_id, 0)

    # Machines

    def rent(self, spec: LaunchSpec) -> Machine:
        """Start a machine under `spec.name`; the same name twice gives two machines, as at a real market."""
        offer = self.offer(spec.offer_external_id)
        now = self._clock.now()
        machine = Machine(
            external_id=str(1001 + len(self._machines)),
            spec=spec,
            offer=offer,
            usd_per_hour=offer.price_with_disk(spec.disk_gb),
            created_at=now,
            running_at=now + timedelta(seconds=self.pace.boot_s),
            listed_at=now + timedelta(seconds=self.pace.list_lag_s),
        )
        self._machines[machine.external_id] = machine
        self._taken[offer.external_id] = self._taken.get(offer.external_id, 0) + 1
        return machine

    def end(self, external_id: str) -> None:
        """Destroy it; unknown or ended already is fine."""
        machine = self._machines.get(external_id)
        if machine is None or machine.ended_at is not None:
            return
        now = self._clock.now()
        machine.ended_at, machine.gone_at = now, now + timedelta(seconds=self.pace.end_s)
        self._taken[machine.offer.external_id] -= 1

    def machine(self, external_id: str) -> Machine:
        """A machine that is still there. Raises InstanceNotFound."""
        found = self._machines.get(external_id)
        if found is None or self._is_gone(found):
            raise InstanceNotFound(self.provider, f"no instance {external_id}")
        return found

    def sighting(self, machine: Machine) -> Instance:
        """The machine as the market reports it now."""
        state = machine.state(self._clock.now())
        running = state is InstanceState.RUNNING
        return Instance(
            provider=self.provider,
            external_id=machine.external_id,
            name=machine.spec.name,
            state=state,
            raw_state=machine.raw_state or state.value,
            message=machine.message,
            usd_per_hour=machine.usd_per_hour,
            endpoints=_endpoints(machine.spec.ports) if running else (),
            started_at=machine.created_at,
        )

    def listed(self) -> tuple[Instance, ...]:
        """The account's list, which may lag behind creates."""
        now = self._clock.now()
        return tuple(
            self.sighting(machine)
            for machine in self._machines.values()
            if not self._is_gone(machine) and machine.listed_at <= now
        )

    def live(self) -> tuple[str, ...]:
        """Ids of all machines that still exist, listed or not: the truth for orphan tests."""
        return tuple(machine.external_id for machine in self._machines.values() if not self._is_gone(machine))

    def _is_gone(self, machine: Machine) -> bool:
        return machine.gone_at is not None and machine.gone_at <= self._clock.now()

    # What happens to machines

    def put(
        self,
        external_id: str,
        state: InstanceState,
        *,
        message: str | None = None,
        raw_state: str | None = None,
        usd_per_hour: Decimal | None = None,
    ) -> None:
        """Force a state (exited, unreachable, ...), and with it a message, a raw status or another charged price."""
        machine = self.machine(external_id)
        machine.forced, machine.forced_at = state, self._clock.now()
        machine.message, machine.raw_state = message, raw_state
        if usd_per_hour is not None:
            machine.usd_per_hour = usd_per_hour

    def release(self, external_id: str) -> None:
        """The clock rules again after `put`."""
        self.machine(external_id).forced = None

    def vanish(self, external_id: str) -> None:
        """The machine disappears without being asked."""
        machine = self.machine(external_id)
        self.end(external_id)
        machine.gone_at = self._clock.now()

    def write_log(self, external_id: str, *lines: str) -> None:
        now = self._clock.now()
        self.machine(external_id).log.extend(LogLine(text=line, at=now) for line in lines)

    # Money

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """The bill, one entry per machine ever rented. Billed from running (or creation, by the rule) to gone."""
        return tuple(self._entry(machine) for machine in self._machines.values())

    def cost_usd(self) -> Decimal:
        return sum((entry.cost_usd for entry in self.ledger()), Decimal(0))

    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Machine ids by name: more than one id means that something was rented twice."""
        found: dict[str, tuple[str, ...]] = {}
        for machine in self._machines.values():
            found[machine.spec.name] = (*found.get(machine.spec.name, ()), machine.external_id)
        return found

    def _entry(self, machine: Machine) -> LedgerEntry:
        now = self._clock.now()
        since = machine.created_at if self._billing.from_creation else machine.running_at
        until = min(now, machine.gone_at) if machine.gone_at is not None else now
        if machine.forced is InstanceState.FAILED and machine.forced_at is not None:
            until = min(until, machine.forced_at)
        started = until > since
        cost = (
            self._billing.cost(machine.usd_per_hour, (until - since).total_seconds())
            if started
            else Decimal(0)
        )
        return LedgerEntry(
            external_id=machine.external_id,
            name=machine.spec.name,
            usd_per_hour=machine.usd_per_hour,
            created_at=machine.created_at,
            ended_at=machine.gone_at if machine.gone_at is not None and machine.gone_at <= now else None,
            cost_usd=cost,
        )


def _endpoints(ports: tuple[str, ...]) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(port=port, host="198.51.100.7", url_port=40000 + index) for index, port in enumerate(ports)
    )
