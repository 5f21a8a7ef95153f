"""The emulated account: its credit, its deployments, the stock they take, and the passing of time.

Time passes when somebody looks: `advance` lets everything happen that was due since the last look, in its true order.
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from aurora.emulators.ionet.deployment import ZERO, Config, Deployment, Event, Phase, Step, Turn
from aurora.emulators.ionet.hardware import Catalogue, Hardware, build_catalogue
from aurora.emulators.ionet.knobs import Knobs
from aurora.emulators.ionet.lifecycle import Lifecycle
from aurora.emulators.ionet.places import Place
from aurora.emulators.marketplace import World

_CAPTURED_ROWS = 18
_PER_ROW = 24  # options.offers counts what is deployable: a row is on sale at many places
_MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True, kw_only=True)
class Order:
    """A deploy that has been checked. `hours` None pays as it goes."""

    name: str
    hardware: Hardware
    place: Place
    gpus: int
    replicas: int
    hours: int | None
    config: Config


class Estate:
    def __init__(self, world: World) -> None:
        options = world.options
        self.knobs = Knobs()
        self.faults = world.faults
        self.catalogue: Catalogue = build_catalogue(
            seed=options.seed, size=min(options.offers, max(_CAPTURED_ROWS, options.offers // _PER_ROW))
        )
        self._lifecycle = Lifecycle(options.seed, options.state_speed)
        self._chance = random.Random(f"{options.seed}:ionet:estate")
        self._granted = options.credit_usd
        self._all: dict[str, Deployment] = {}
        self._live: dict[str, Deployment] = {}
        self._closed_usd = ZERO
        self._at = world.clock.now()
        self.sold_out: set[int | str] = set()  # hardware, at a word of the control API

    def advance(self, now: datetime) -> None:
        while (due := self._next_due(now)) is not None:
            one, step = due
            self._at = max(self._at, step.at)
            one.agenda = [left for left in one.agenda if left is not step]
            self._turn(one, step)
        self._at = max(self._at, now)

    @property
    def now(self) -> datetime:
        """The instant advanced to."""
        return self._at

    def credit(self) -> Decimal:
        live = sum((one.paid(self._at) for one in self._live.values()), ZERO)
        return self._granted - self._closed_usd - live

    def every(self) -> Sequence[Deployment]:
        """All deployments ever, the oldest first."""
        return list(self._all.values())

    def find(self, deployment_id: str) -> Deployment | None:
        return self._all.get(deployment_id)

    def free(self, hardware: Hardware, place: Place) -> int:
        """Stock that can be had there now: GPUs of network hardware, whole SKUs of a partner."""
        if hardware.id in self.sold_out:
            return 0
        held = sum(
            one.hardware.units(one.gpus) * one.replicas
            for one in self._live.values()
            if one.hardware.id == hardware.id and one.place.id == place.id
        )
        return max(0, hardware.stock.get(place.id, 0) - held)

    def rate(self, order_hardware: Hardware, *, gpus: int, replicas: int) -> Decimal:
        """USD per hour for all containers, fees included."""
        fee = 1 + Decimal(str(self.knobs.fee_percent)) / 100
        return order_hardware.usd_per_hour(gpus) * replicas * fee

    def deploy(self, order: Order) -> Deployment:
        """Take the stock and the money. The order has been found possible."""
        factor = self.faults.take("charge_factor")
        one = Deployment(
            number=len(self._all),
            id=self._uuid(),
            name=order.name,
            hardware=order.hardware,
            place=order.place,
            gpus=order.gpus,
            replicas=order.replicas,
            config=order.config,
            rate=self.rate(order.hardware, gpus=order.gpus, replicas=order.replicas)
            * (Decimal(str(factor["k"])) if factor else 1),
            hours=order.hours,
            created_at=self._at,
            refund=self.knobs.refund,
            refund_unstarted=self.knobs.refund_unstarted,
            never_starts=self.faults.take("never_starts") is not None,
            start_failure=self.faults.take("start_failure") is not None,
            container_ids=[f"c-{self._chance.getrandbits(32):08x}" for _ in range(order.replicas)],
            device_ids=[self._uuid() for _ in range(order.replicas)],
        )
        self._all[one.id] = self._live[one.id] = one
        one.plan(self._lifecycle.launch(one, self._at))
        return one

    def extend(self, one: Deployment, hours: int) -> None:
        """Pay for more hours of a living deployment that pays in advance."""
        if one.hours is not None:
            one.hours += hours
            if one.ends_at is not None:
                one.plan([*(s for s in one.agenda if s.turn is not Turn.COMPLETED), self._completion(one)])

    def reconfigure(self, one: Deployment, config: Config) -> None:
        """Start the container again with another configuration."""
        one.config = config
        if one.placed_at is not None:
            self._relaunch(one, "Container is restarted: configuration changed")

    def terminate(self, one: Deployment) -> None:
        one.phase = Phase.TERMINATING
        one.reachable = False
        one.plan([self._lifecycle.destroy(one, self._at)])

    def befall(self, one: Deployment, turn: Turn, message: str) -> None:
        """Let a turn happen now, out of its time."""
        self._turn(one, Step(self._at, turn, message))

    def _turn(self, one: Deployment, step: Step) -> None:
        if step.message:
            one.events.append(Event(step.at, step.message))
        if step.turn is Turn.PLACED:
            one.placed_at = step.at
        elif step.turn is Turn.RUNNING:
            self._run(one, step.at)
        elif step.turn is Turn.REACHABLE:
            one.reachable = True
        elif step.turn is Turn.EXITED and self.knobs.on_exit == "restart":
            self._relaunch(one, "Container is restarted")
        else:
            ends = {Turn.COMPLETED: Phase.COMPLETED, Turn.DESTROYED: Phase.DESTROYED}
            self._close(one, ends.get(step.turn, Phase.FAILED), step.at)

    def _run(self, one: Deployment, at: datetime) -> None:
        one.phase, one.launched_at = Phase.RUNNING, at
        if one.started_at is None:
            one.started_at = at
            if one.hours is not None:
                one.plan([*one.agenda, self._completion(one)])

    def _relaunch(self, one: Deployment, message: str) -> None:
        one.events.append(Event(self._at, message))
        one.launches += 1
        one.reachable, one.launched_at = False, None
        end = [step for step in one.agenda if step.turn is Turn.COMPLETED]
        one.plan([*self._lifecycle.relaunch(one, self._at), *end])

    def _completion(self, one: Deployment) -> Step:
        return Step(one.ends_at or self._at, Turn.COMPLETED, "Paid duration used up")

    def _close(self, one: Deployment, phase: Phase, at: datetime) -> None:
        one.end(phase, at)
        one.launched_at = None
        self._closed_usd += one.paid(at)
        self._live.pop(one.id, None)

    def _next_due(self, now: datetime) -> tuple[Deployment, Step] | None:
        """The earliest step until now; deployments that pay as they go fail when the credit is used up."""
        dues: list[tuple[Step, int, Deployment]] = [
            (one.agenda[0], one.number, one)
            for one in self._live.values()
            if one.agenda and one.agenda[0].at <= now
        ]
        dry = self._dry(now)
        if dry is not None:
            dues.append(dry)
        if not dues:
            return None
        step, _, one = min(dues, key=lambda due: due[:2])
        return one, step

    def _dry(self, now: datetime) -> tuple[Step, int, Deployment] | None:
        metered = [one for one in self._live.values() if one.hours is None and one.started_at]
        rate = sum((one.rate for one in metered), ZERO)
        if not rate:
            return None
        left = max(ZERO, self.credit())
        at = self._at + timedelta(microseconds=int(left / rate * _MICROSECONDS_PER_HOUR) + 1)
        step = Step(at, Turn.FAILED, "out of IO Credits")
        return (step, metered[0].number, metered[0]) if at <= now else None

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
