"""Instances of a group: look at them, move, renew or restart one (contract, sections 3 and 7.2)."""

from collections.abc import Callable

from aurora.emulators.exchange import Call, Handler, Reply
from aurora.emulators.marketplace import World
from aurora.emulators.pace import WindowGate
from aurora.emulators.salad import replies, schema, view
from aurora.emulators.salad.desk import ACCEPTED, Desk
from aurora.emulators.salad.estate import Estate
from aurora.emulators.salad.group import Group
from aurora.emulators.salad.instance import Instance, State
from aurora.emulators.salad.replies import Refused
from aurora.emulators.salad.shop import ACTIONS_PER_MINUTE

_WINDOW_S = 60.0
Action = Callable[[Group, Instance, Call], None]


class Replicas:
    def __init__(self, world: World, estate: Estate, desk: Desk) -> None:
        self._world = world
        self._estate = estate
        self._desk = desk

    def page(self, call: Call) -> Reply:
        """All of them; those that look for a node are left out, unless told."""
        group = self._desk.find(call)
        hidden = self._estate.knobs.hide_allocating
        shown = [one for one in group.instances if not (hidden and one.state is State.ALLOCATING)]
        return Reply({"instances": [view.instance(group, one, call.now) for one in shown]})

    def show(self, call: Call) -> Reply:
        """202, as documented, unless told."""
        group, one = self._find(call)
        return Reply(view.instance(group, one, call.now), self._estate.knobs.instance_status)

    def patch(self, call: Call) -> Reply:
        group, one = self._find(call)
        announced = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        kind = announced if announced == schema.MERGE_PATCH else "application/json"
        one.deletion_cost = schema.read(call, schema.DeletionCost, content_type=kind).deletion_cost
        return Reply(view.instance(group, one, call.now))

    def reallocate(self) -> Handler:
        return self._acting(self._reallocated)

    def recreate(self) -> Handler:
        return self._acting(self._recreated)

    def restart(self) -> Handler:
        return self._acting(self._restarted)

    def _acting(self, action: Action) -> Handler:
        """An action with its own quota per minute and group."""
        gate = WindowGate(self._world.clock, calls=ACTIONS_PER_MINUTE, seconds=_WINDOW_S)

        def handler(call: Call) -> Reply:
            group, one = self._find(call)
            if self._world.options.realistic and not gate.admit(group.id):
                raise Refused(429, f"More than {ACTIONS_PER_MINUTE} of these in a minute.")
            if not one.leaving:
                action(group, one, call)
            self._estate.crew.serve_queue(call.now)
            return ACCEPTED

        return handler

    def _reallocated(self, group: Group, one: Instance, call: Call) -> None:
        if one.placed:
            self._estate.crew.lose(group, one, call.now, "Instance Reallocated by User")

    def _recreated(self, group: Group, one: Instance, call: Call) -> None:
        if one.placed:
            group.note(call.now, "Instance Recreated", one)
            self._estate.crew.renew(group, one, call.now)

    def _restarted(self, group: Group, one: Instance, call: Call) -> None:
        if one.placed:
            group.note(call.now, "Instance Restarted", one)
            self._estate.crew.renew(group, one, call.now)

    def _find(self, call: Call) -> tuple[Group, Instance]:
        group = self._desk.find(call)
        for one in group.instances:
            if one.id == call.params["instance"]:
                return group, one
        raise replies.missing(f"The instance {call.params['instance']}")
