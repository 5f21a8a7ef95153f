"""The emulated account: its credit, its container groups, the names they block, and the passing of time.

Time passes when somebody looks: `advance` lets everything happen that was due since the last look, in its true order.
"""

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aurora.emulators.marketplace import World
from aurora.emulators.meter import ZERO
from aurora.emulators.salad.crew import Crew
from aurora.emulators.salad.cushion import Cushion
from aurora.emulators.salad.group import Group, Key, Status
from aurora.emulators.salad.instance import Instance, Step
from aurora.emulators.salad.knobs import Knobs
from aurora.emulators.salad.lifecycle import Lifecycle
from aurora.emulators.salad.pools import GpuClass, Pools, Priority

_MICROSECONDS_PER_HOUR = 3_600_000_000
_REAL_QUOTA, _RELAXED_QUOTA = 10, 5000  # replicas of all created groups
_WORDS = ("orange", "melon", "papaya", "celery", "radish", "kale", "fennel", "cress", "lentil", "olive")
_NO_IMAGE = "The image could not be downloaded: "
_START_FAILURE = "The image could not be stored: compressed size exceeds the limit"


@dataclass(frozen=True)
class Order:
    """A create that has been checked; `spec` is its wire form with all defaults."""

    key: Key
    spec: dict[str, Any]
    priority: Priority | None
    classes: list[GpuClass]


class Estate:
    def __init__(self, world: World) -> None:
        options = world.options
        self.faults = world.faults
        self.pools = Pools(seed=options.seed, size=options.offers)
        self.lifecycle = Lifecycle(options.seed, options.state_speed)
        self.crew = Crew(self.pools, self.lifecycle)
        self.created_at = world.clock.now()
        self._realistic = options.realistic
        self._chance = random.Random(f"{options.seed}:salad:estate")
        self._granted = options.credit_usd
        self._closed_usd = ZERO
        self._all: list[Group] = []
        self._live: dict[Key, Group] = {}
        self._blocked: dict[Key, datetime] = {}
        self._at = self.created_at
        self._cushion = Cushion(self._at)

    @property
    def knobs(self) -> Knobs:
        return self.crew.knobs

    @knobs.setter
    def knobs(self, knobs: Knobs) -> None:
        self.crew.knobs = knobs

    @property
    def now(self) -> datetime:
        """The instant advanced to."""
        return self._at

    @property
    def quota(self) -> int:
        told = self.knobs.replicas_quota
        if told is not None:
            return int(told)
        return _REAL_QUOTA if self._realistic else _RELAXED_QUOTA

    def advance(self, now: datetime) -> None:
        while (due := self._next_due(now)) is not None:
            at, group, one, step = due
            self._at = max(self._at, at)
            if group is None:
                self._run_dry()
            elif one is None or step is None:
                self._turn(group)
            else:
                one.agenda.remove(step)
                self.crew.turn(group, one, step)
            self.crew.serve_queue(self._at)
        self._at = max(self._at, now)

    def credit(self) -> Decimal:
        live = sum((group.billed(self._at) for group in self._live.values()), ZERO)
        return self._granted - self._closed_usd - live

    def solvent(self) -> bool:
        """Whether any credit is left."""
        return self._lasts(self._at) or self.credit() > 0

    def every(self) -> Sequence[Group]:
        """All groups ever, the oldest first."""
        return self._all

    def living(self, organization: str, project: str | None = None) -> Sequence[Group]:
        return [
            group
            for key, group in self._live.items()
            if key.organization == organization and project in {None, key.project}
        ]

    def find(self, key: Key) -> Group | None:
        return self._live.get(key)

    def blocks(self, key: Key) -> bool:
        """Whether the name is in use, or was deleted too recently."""
        return key in self._live or self._blocked.get(key, self._at) > self._at

    def create(self, order: Order) -> Group:
        """A group in preparation. The order has been found possible."""
        factor = self.faults.take("charge_factor")
        group = Group(
            number=len(self._all),
            id=str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            key=order.key,
            spec=order.spec,
            priority=order.priority,
            classes=order.classes,
            created_at=self._at,
            dns=f"{'-'.join(self._chance.sample(_WORDS, 2))}-{self._chance.getrandbits(32):08x}.salad.example",
            hash=f"sha256:{self._chance.getrandbits(256):064x}",
            size=self._chance.randint(30_000_000, 6_000_000_000),
            factor=Decimal(str(factor["k"])) if factor else Decimal(1),
            never_starts=self.faults.take("never_starts") is not None,
            start_failure=self.faults.take("start_failure") is not None,
            autostarts=order.spec["autostart_policy"],
        )
        self._all.append(group)
        self._live[group.key] = group
        self._cushion.burden(self._at, group.most_usd_per_hour)
        self._prepare(group)
        return group

    def start(self, group: Group) -> None:
        """Wanted to run: at once if the image is prepared, else as soon as it is."""
        group.autostarts = True
        if group.prepared and not group.wanted and not group.deleted:
            group.status, group.started_at, group.stopped_at = Status.DEPLOYING, self._at, None
            group.note(self._at, "Container Group Started")
            self.crew.enlist(group, self._at)

    def stop(self, group: Group) -> None:
        """`stopped` at once as far as the status says; containers run on for a while."""
        group.autostarts = False
        if group.wanted:
            group.status = Status.STOPPED
            group.note(self._at, "Container Group Stopped")
            for one in [one for one in group.instances if not one.leaving]:
                self.crew.dismiss(group, one, self._at)
            group.stopped_at = None if group.instances else self._at
        self.crew.serve_queue(self._at)

    def delete(self, group: Group) -> None:
        """Gone after a short while, and with it what still ran; the name stays blocked for longer."""
        if group.deleted:
            return
        group.deleted = True
        lag = self.knobs.delete_lag_s
        group.gone_at = self._at + self.lifecycle.span(lag)
        for one in list(group.instances):
            self.crew.dismiss(group, one, self._at, lag_s=lag)
        self.crew.serve_queue(self._at)
        self.advance(self._at)

    def change(self, group: Group, *, image: bool, container: bool) -> None:
        """After the spec was changed: a new version, a new image to prepare, new containers."""
        self._cushion.burden(self._at, group.most_usd_per_hour)
        group.version += 1
        group.updated_at = self._at
        group.note(self._at, f"Container Group Updated (Version {group.version})")
        if group.status is Status.FAILED or (image and not group.prepared):
            self._prepare(group)
            return
        if group.wanted:
            if container or image:
                for one in [one for one in group.instances if not one.leaving]:
                    self.crew.renew(group, one, self._at)
            else:
                for one in group.instances:
                    one.version = group.version
            self.crew.enlist(group, self._at)
        self.crew.serve_queue(self._at)

    def _prepare(self, group: Group) -> None:
        group.status, group.prepared, group.description = Status.PENDING, False, ""
        fails = bool(group.workload.start_error) or group.start_failure
        chance = self.lifecycle.chance(group.number, "image", group.version)
        wait = self.lifecycle.preparing(chance, fails=fails)
        group.prepares_at = None if group.never_starts else self._at + wait

    def _turn(self, group: Group) -> None:
        """What is due for a group itself: it is gone, or its image is prepared."""
        if group.gone_at is not None and group.gone_at <= self._at:
            self._bury(group)
            return
        group.prepares_at = None
        error = group.workload.start_error
        if error or group.start_failure:
            group.status, group.stopped_at = Status.FAILED, self._at
            group.description = _NO_IMAGE + error if error else _START_FAILURE
            return
        group.prepared, group.status = True, Status.STOPPED
        if group.autostarts:
            self.start(group)

    def _bury(self, group: Group) -> None:
        for one in list(group.instances):
            self.crew.dismiss(group, one, self._at, lag_s=0)
        while group.instances:
            one = group.instances[0]
            self.crew.turn(group, one, one.agenda.pop(0))
        group.stopped_at = group.stopped_at or self._at
        self._closed_usd += group.billed(self._at)
        del self._live[group.key]
        self._blocked[group.key] = self._at + self.lifecycle.span(self.knobs.tombstone_s)

    def _run_dry(self) -> None:
        """Credit is used up: everything is stopped."""
        for group in list(self._live.values()):
            self.stop(group)
            for one in list(group.instances):
                self.crew.dismiss(group, one, self._at, lag_s=0)

    def _next_due(self, now: datetime) -> tuple[datetime, Group | None, Instance | None, Step | None] | None:
        """The earliest thing that happens until now: of a group, of an instance, or the end of the credit."""
        dues = [due for due in self._dues() if due[0] <= now]
        dry = None if self._lasts(now) else self._dry_at()
        if dry is not None and dry <= now and all(dry <= due[0] for due in dues):
            return dry, None, None, None
        return min(dues, key=lambda due: due[0]) if dues else None

    def _dues(self) -> Iterator[tuple[datetime, Group, Instance | None, Step | None]]:
        for group in self._live.values():
            if group.gone_at is not None:
                yield group.gone_at, group, None, None
            elif group.prepares_at is not None:
                yield group.prepares_at, group, None, None
            for one in group.instances:
                if one.agenda:
                    yield one.agenda[0].at, group, one, one.agenda[0]

    def _lasts(self, until: datetime) -> bool:
        """Whether the credit lasts that long even if all replicas run."""
        if not self._cushion.lasts(until):
            most = sum((group.most_usd_per_hour for group in self._live.values()), ZERO)
            self._cushion.reckon(self._at, credit=self.credit(), rate=most)
        return self._cushion.lasts(until)

    def _dry_at(self) -> datetime | None:
        """When the credit ends at the present rates, if somebody is still wanted."""
        running = [group for group in self._live.values() if group.wanted]
        rate = sum((one.meter.rate.total for group in running for one in group.instances), ZERO)
        if not rate:
            return None
        left = max(ZERO, self.credit())
        return self._at + timedelta(microseconds=int(left / rate * _MICROSECONDS_PER_HOUR) + 1)
