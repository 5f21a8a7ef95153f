"""The instances of the groups: who gets a node, what becomes of it, and where it goes when it is lost."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime

from aurora.emulators.meter import Rate
from aurora.emulators.salad.group import Group, Status
from aurora.emulators.salad.instance import Instance, State, Step, Turn
from aurora.emulators.salad.knobs import Knobs
from aurora.emulators.salad.lifecycle import Lifecycle
from aurora.emulators.salad.pools import Pools

_RESTARTS_PER_NODE = 5
_PLACED = frozenset({State.DOWNLOADING, State.CREATING, State.RUNNING, State.STOPPING})
_LOSSES = {
    Turn.NODE_LOST: "Instance Interrupted (Node Offline)",
    Turn.DISPLACED: "Instance Interrupted (Priority)",
}
_FREE = Rate()


class Crew:
    """`knobs` is the estate's, asked for anew each time."""

    def __init__(self, pools: Pools, lifecycle: Lifecycle) -> None:
        self._pools = pools
        self._lifecycle = lifecycle
        self.knobs = Knobs()
        self._queue: list[tuple[Group, Instance]] = []  # who waits for a node, the first first

    def enlist(self, group: Group, at: datetime) -> None:
        """Bring the number of instances to the replicas wanted."""
        staying = [one for one in group.instances if not one.leaving]
        for _ in range(group.replicas - len(staying)):
            number = len(group.past) + len(group.instances)
            chance = self._lifecycle.chance(group.number, "instance", number)
            identity = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            one = Instance(number=number, id=identity, version=group.version, created_at=at)
            group.instances.append(one)
            self.seek(group, one, at)
        by_cost = sorted(staying, key=lambda one: (one.deletion_cost, -one.number))
        for one in by_cost[: max(0, len(staying) - group.replicas)]:
            self.dismiss(group, one, at)

    def seek(self, group: Group, one: Instance, at: datetime) -> None:
        """Look for a node; it takes a while to find one."""
        self._release(one)
        one.enter(State.ALLOCATING, at, _FREE)
        one.allocations += 1
        one.exits_here = 0
        one.plan([Step(at + self._lifecycle.allocating(self._chance(group, one)), Turn.ALLOCATE)])

    def dismiss(self, group: Group, one: Instance, at: datetime, *, lag_s: float | None = None) -> None:
        """Told to stop: what runs, runs on for a while; everything else is gone at once."""
        if one.state is not State.RUNNING:
            self._vanish(group, one, at)
            return
        told = self.knobs.stop_lag_s if lag_s is None else lag_s
        one.leaving = True
        one.plan([Step(at + self._lifecycle.stopping(self._chance(group, one), told=told), Turn.STOP)])

    def renew(self, group: Group, one: Instance, at: datetime) -> None:
        """A new container on the same node."""
        if one.placed:
            one.version = group.version
            self._create(group, one, at, again=True)
        else:
            one.version = group.version

    def turn(self, group: Group, one: Instance, step: Step) -> None:
        """What fell due."""
        at = step.at
        if step.turn is Turn.ALLOCATE:
            self._allocate(group, one, at)
        elif step.turn is Turn.CREATE:
            self._create(group, one, at, again=False)
        elif step.turn is Turn.RUN:
            self._run(group, one, at)
        elif step.turn is Turn.EXIT:
            self.exit(group, one, at, code=0)
        elif step.turn in _LOSSES:
            self.lose(group, one, at, _LOSSES[step.turn])
        elif step.turn is Turn.STOP:
            one.enter(State.STOPPING, at, _FREE)
            one.plan([Step(at + self._lifecycle.vanishing(), Turn.VANISH)])
        else:
            self._vanish(group, one, at)

    def exit(self, group: Group, one: Instance, at: datetime, *, code: int) -> None:
        """The container ended: it is started again, five times here, then on another node (section 7.3)."""
        words = {0: "0 (Exited Successfully)", 137: "137 (Likely Out of System Memory)"}
        group.note(at, f"Instance Exited:{words.get(code, f'{code} (Error)')}", one)
        if one.leaving or not self._relaunches(group, code):
            self._vanish(group, one, at)
            if group.wanted and not group.instances:
                group.status, group.stopped_at = Status.SUCCEEDED, at
            return
        one.exits_here += 1
        if one.exits_here > _RESTARTS_PER_NODE:
            self.lose(group, one, at, "Instance Reallocated by Platform")
            return
        one.enter(State.CREATING, at, _FREE)
        group.note(at, "Instance Restarted", one)
        one.launches += 1
        again = at + self._lifecycle.restarting(self._chance(group, one))
        one.plan(self._with_end(one, [Step(again, Turn.RUN)]))

    def lose(self, group: Group, one: Instance, at: datetime, word: str) -> None:
        """The node is gone or given up; without warning the search begins again."""
        group.note(at, word, one)
        if word == _LOSSES[Turn.NODE_LOST]:
            one.placed = False  # it does not come back to the pool
        if one.leaving:
            self._vanish(group, one, at)
            return
        if not self.knobs.running_sticky and group.count(State.RUNNING) <= 1:
            group.status = Status.DEPLOYING
        self.seek(group, one, at)

    def serve_queue(self, at: datetime) -> None:
        """Nodes may have become free: the first who waits for one takes it."""
        for group, one in list(self._queue):
            if one.waiting and self._take(group, one):
                self._queue.remove((group, one))
                self._download(group, one, at)

    def _allocate(self, group: Group, one: Instance, at: datetime) -> None:
        if self._take(group, one):
            self._download(group, one, at)
            return
        one.waiting = True
        self._queue.append((group, one))

    def _take(self, group: Group, one: Instance) -> bool:
        """A node of the first class that has one."""
        for gpu in group.classes or (None,):
            if self._pools.of(gpu.id if gpu is not None else None).take(group.standing):
                one.gpu, one.placed, one.waiting = gpu, True, False
                return True
        return False

    def _download(self, group: Group, one: Instance, at: datetime) -> None:
        chance = self._chance(group, one)
        one.machine_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        one.version = group.version
        one.enter(State.DOWNLOADING, at, _FREE)
        one.downloading_from, one.downloading_until = at, at + self._lifecycle.downloading(chance)
        one.node_ends = None
        if self.knobs.interruptions:
            one.node_ends = self._lifecycle.node_end(chance, group.standing, at)
        group.note(at, "Instance Allocated", one)
        group.note(at, "Instance Downloading", one)
        one.plan(self._with_end(one, [Step(one.downloading_until, Turn.CREATE)]))

    def _create(self, group: Group, one: Instance, at: datetime, *, again: bool) -> None:
        one.enter(State.CREATING, at, _FREE)
        one.launches += 1
        chance = self._chance(group, one)
        wait = self._lifecycle.restarting(chance) if again else self._lifecycle.creating(chance)
        if not again:
            group.note(at, "Instance Creating", one)
        one.plan(self._with_end(one, [Step(at + wait, Turn.RUN)]))

    def _run(self, group: Group, one: Instance, at: datetime) -> None:
        one.enter(State.RUNNING, at, group.rate_on(one.gpu))
        group.note(at, "Instance Running", one)
        if group.status is Status.DEPLOYING:
            group.status = Status.RUNNING
        seconds = group.workload.seconds
        ends = [] if seconds is None else [Step(at + self._lifecycle.running(seconds), Turn.EXIT)]
        one.plan(self._with_end(one, ends))

    def _with_end(self, one: Instance, steps: list[Step]) -> Iterator[Step]:
        """The steps, and the loss of the node."""
        yield from steps
        if one.node_ends is not None:
            yield one.node_ends

    def _vanish(self, group: Group, one: Instance, at: datetime) -> None:
        self._release(one)
        one.enter(State.GONE, at, _FREE)
        one.plan(())
        if one in group.instances:
            group.instances.remove(one)
            group.past.append(one)
        if not group.instances and not group.wanted and group.stopped_at is None:
            group.stopped_at = at

    def _release(self, one: Instance) -> None:
        """Give the node back, and leave the queue."""
        if one.placed and one.state in _PLACED:
            self._pools.of(one.gpu.id if one.gpu is not None else None).give_back()
        one.placed = False
        if one.waiting:
            one.waiting = False
            self._queue = [(group, other) for group, other in self._queue if other is not one]

    def _relaunches(self, group: Group, code: int) -> bool:
        if self.knobs.relaunch_on_exit:
            return True
        policy = group.spec["restart_policy"]
        return policy == "always" or (policy == "on_failure" and code != 0)

    def _chance(self, group: Group, one: Instance) -> random.Random:
        return self._lifecycle.chance(group.number, one.number, one.allocations, one.launches)
