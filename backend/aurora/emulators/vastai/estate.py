"""The emulated account: its instances, its credit, and the passing of time.

Time passes when somebody looks: `advance` replays everything that was due since the last look in its true order, so that
bills are exact however seldom anyone calls.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from aurora.emulators.marketplace import UnknownEvent, World
from aurora.emulators.meter import ZERO
from aurora.emulators.vastai.catalogue import build_catalogue
from aurora.emulators.vastai.inventory import Inventory
from aurora.emulators.vastai.lifecycle import Lifecycle
from aurora.emulators.vastai.offer import Offer
from aurora.emulators.vastai.order import Order
from aurora.emulators.vastai.rental import Phase, Rental, Step

_FIRST_ID = 33_400_000
_FIRST_PORT = 40_000
_MICROSECONDS_PER_HOUR = 3_600_000_000
# What may befall an instance at a word of the control API, and the phase it leads to.
_EVENTS: Mapping[str, Phase] = {
    "outbid": Phase.STOPPED,
    "offline": Phase.OFFLINE,
    "online": Phase.RUNNING,
    "unknown": Phase.UNKNOWN,
    "exited": Phase.EXITED,
    "frozen": Phase.FROZEN,
}
# Events that need an instance in one of some phases; the others can befall any.
_POSSIBLE_IN: Mapping[str, frozenset[Phase]] = {
    "online": frozenset({Phase.OFFLINE, Phase.UNKNOWN, Phase.FROZEN}),
    "exited": frozenset({Phase.RUNNING}),
    "frozen": frozenset({Phase.RUNNING}),
}
_RELEASING = frozenset({Phase.STOPPED, Phase.DESTROYED})


class Estate:
    def __init__(self, world: World) -> None:
        options = world.options
        self._faults = world.faults
        self._lifecycle = Lifecycle(options.seed, options.state_speed)
        self._chance = random.Random(f"{options.seed}:vastai:estate")
        self._granted = options.credit_usd
        self._closed_usd = ZERO  # billed to instances that are gone
        self._rentals: dict[int, Rental] = {}
        self._live: dict[int, Rental] = {}
        self._at = world.clock.now()
        self.inventory = Inventory(build_catalogue(seed=options.seed, size=options.offers, now=self._at))

    def advance(self, now: datetime) -> None:
        """Let everything happen that was due until now."""
        while (due := self._next_due(now)) is not None:
            at, rental, step = due
            self._at = max(self._at, at)
            if rental is None or step is None:
                self._run_dry(self._at)
            else:
                rental.agenda.pop(0)
                rental.intended = step.intended or rental.intended
                self._enter(rental, step.phase, at=self._at, message=step.message)
        self._at = max(self._at, now)

    @property
    def now(self) -> datetime:
        """The instant advanced to."""
        return self._at

    def credit(self) -> Decimal:
        """Spendable money left, at the instant advanced to."""
        return (
            self._granted
            - self._closed_usd
            - sum((r.meter.bill(self._at).total for r in self._live.values()), ZERO)
        )

    def every(self) -> Sequence[Rental]:
        """All instances ever, the oldest first."""
        return list(self._rentals.values())

    def living(self) -> Sequence[Rental]:
        return list(self._live.values())

    def find(self, instance_id: int) -> Rental | None:
        return self._live.get(instance_id)

    def rent(self, offer: Offer, order: Order) -> Rental:
        """Create an instance on an offer that is free. A bid below the minimum gives a stopped one (section 5)."""
        factor = self._faults.take("charge_factor")
        rental = Rental(
            id=_FIRST_ID + 7 * len(self._rentals),
            offer=offer,
            order=order,
            created_at=self._at,
            api_key=f"{self._chance.getrandbits(256):064x}",
            factor=Decimal(str(factor["k"])) if factor else Decimal(1),
            never_starts=self._faults.take("never_starts") is not None,
            start_failure=self._faults.take("start_failure") is not None,
            label=order.label,
            bid=order.price,
        )
        self._rentals[rental.id] = self._live[rental.id] = rental
        rental.host_ports = self._host_ports(rental)
        if order.start_stopped or (rental.bid is not None and rental.bid < offer.min_bid):
            rental.intended = "stopped"
            self._enter(rental, Phase.STOPPED, at=self._at)
        else:
            self._launch(rental)
        return rental

    def start(self, rental: Rental) -> bool:
        """Ask for a stopped or ended instance to run again; False if it must wait for its GPUs."""
        rental.intended = "running"
        held = self.inventory.holds(rental.id)
        if rental.running or (held and rental.agenda and rental.phase is not Phase.EXITED):
            return True
        rental.waiting = not held and not self.inventory.is_free(rental.offer, self._at)
        if not rental.waiting:
            self._launch(rental)
        return not rental.waiting

    def stop(self, rental: Rental, message: str = "stopped by user") -> None:
        rental.intended, rental.waiting = "stopped", False
        rental.plan(())
        self._enter(rental, Phase.STOPPED, at=self._at, message=message)

    def reboot(self, rental: Rental) -> None:
        """Restart the container in place; one that is not on its GPUs is started instead."""
        if not self.inventory.holds(rental.id):
            self.start(rental)
            return
        rental.launches += 1
        rental.plan(self._lifecycle.reboot(rental, self._at))
        self.advance(self._at)

    def rebid(self, rental: Rental, price: Decimal) -> None:
        """Change the bid: too low stops the instance, high enough lets an outbid one run again."""
        rental.bid = price
        rental.reprice(self._at)
        if price < rental.offer.min_bid:
            self.stop(rental, "outbid")
        elif rental.phase is Phase.STOPPED:
            self.start(rental)

    def destroy(self, rental: Rental) -> None:
        rental.plan(())
        rental.waiting = False
        rental.destroyed_at = self._at
        self._enter(rental, Phase.DESTROYED, at=self._at)
        self._closed_usd += rental.meter.bill(self._at).total
        del self._live[rental.id]

    def happen(self, event: str, instance_id: int) -> None:
        """Let an event befall an instance now. Raises UnknownEvent, or KeyError if there is no such instance."""
        rental = self._live[instance_id]
        phase = _EVENTS.get(event)
        if phase is None:
            raise UnknownEvent(f"must be one of {', '.join(_EVENTS)}")
        if rental.phase not in _POSSIBLE_IN.get(event, frozenset(Phase)):
            raise UnknownEvent(f"cannot befall an instance that is {rental.phase}")
        rental.plan(())
        if event == "outbid":
            rental.intended = "stopped"
        self._enter(rental, phase, at=self._at, message=event)

    def _launch(self, rental: Rental) -> None:
        rental.waiting = False
        rental.launches += 1
        self.inventory.hold(rental.offer, rental.id)
        rental.plan(self._lifecycle.launch(rental, self._at))

    def _enter(self, rental: Rental, phase: Phase, *, at: datetime, message: str | None = None) -> None:
        rental.enter(phase, at, message)
        if phase in _RELEASING and self.inventory.holds(rental.id):
            self.inventory.release(rental.id)
            self._start_queued()

    def _start_queued(self) -> None:
        """GPUs became free: the oldest instance that waits for them takes them."""
        for rental in self._live.values():
            if rental.waiting and self.inventory.is_free(rental.offer, self._at):
                self._launch(rental)

    def _next_due(self, now: datetime) -> tuple[datetime, Rental | None, Step | None] | None:
        """The earliest thing that happens until now: a step of an instance, or the end of the credit (no instance)."""
        steps = [(r.agenda[0].at, r.id) for r in self._live.values() if r.agenda and r.agenda[0].at <= now]
        dry = self._dry_at(now)
        if dry is not None and (not steps or dry <= min(steps)[0]):
            return dry, None, None
        if not steps:
            return None
        at, instance_id = min(steps)
        rental = self._live[instance_id]
        return at, rental, rental.next_step()

    def _dry_at(self, now: datetime) -> datetime | None:
        """When the credit ends at the present rates, if that is until now and somebody is still active."""
        active = any(r.intended == "running" for r in self._live.values())
        rate = sum((r.meter.rate.total for r in self._live.values()), ZERO)
        left = self.credit()
        if not active or (left > 0 and not rate):
            return None
        wait = timedelta(microseconds=int(left / rate * _MICROSECONDS_PER_HOUR)) if left > 0 else timedelta(0)
        at = self._at + wait
        return at if at <= now and (left <= 0 or rate) else None

    def _run_dry(self, at: datetime) -> None:
        """Credit is used up: everything is stopped; disks go on costing (section 12)."""
        for rental in self._live.values():
            if rental.intended == "running":
                rental.intended, rental.waiting = "stopped", False
                rental.plan(())
                self._enter(rental, Phase.STOPPED, at=at, message="stopped: out of credit")

    def _host_ports(self, rental: Rental) -> dict[tuple[int, str], int]:
        """Host ports for the container's, as many as the slice has (section 4.2, `direct_port_count`)."""
        room = int(rental.offer.fields["direct_port_count"] or 0)
        first = _FIRST_PORT + rental.id * 64 % 20_000
        wanted = rental.order.ports[:room]
        return {port: first + place for place, port in enumerate(wanted)}
