"""SaladCloud as a whole: its parts put together behind its routes, its ledger, and what can be made to happen to it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from aurora.emulators.exchange import Endpoint, Handler, Reply
from aurora.emulators.faults import BadFault
from aurora.emulators.marketplace import LedgerRow, UnknownEvent, World
from aurora.emulators.meter import ZERO
from aurora.emulators.salad.desk import Desk
from aurora.emulators.salad.estate import Estate
from aurora.emulators.salad.group import Group
from aurora.emulators.salad.guard import Guard
from aurora.emulators.salad.instance import Instance
from aurora.emulators.salad.logs import Logs
from aurora.emulators.salad.replicas import Replicas
from aurora.emulators.salad.shop import Shop

_ORGANIZATION = "/api/public/organizations/{organization:[^/]+}"
_GROUPS = f"{_ORGANIZATION}/projects/{{project:[^/]+}}/containers"
_GROUP = f"{_GROUPS}/{{group:[^/]+}}"
_INSTANCE = f"{_GROUP}/instances/{{instance:[^/]+}}"
_REFILL = 8  # nodes that come back when a class is restocked
_GROUP_KEYS = ("name", "current_state")


class SaladMarket:
    name = "salad"

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._estate = Estate(world)
        self._guard = Guard(world, self._estate)
        self._shop = Shop(self._estate)
        self._desk = Desk(self._estate)
        self._replicas = Replicas(world, self._estate, self._desk)
        self._logs = Logs(self._estate, speed=world.options.state_speed)
        self._events: Mapping[str, Callable[[Group, Mapping[str, Any]], None]] = {
            "node_lost": lambda group, _: self._lose(group, "Instance Interrupted (Node Offline)"),
            "preempted": lambda group, _: self._lose(group, "Instance Interrupted (Priority)"),
            "exited": self._exit,
            "status": self._rename_status,
        }

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return [*self._organization(), *self._containers(), *self._instances()]

    def unknown_route(self) -> Reply:
        return Reply({"type": "about:blank", "title": "Not Found", "status": 404}, 404)

    def ledger(self) -> Sequence[LedgerRow]:
        now = self._clock.now()
        self._estate.advance(now)
        return [_ledger_row(group, now) for group in self._estate.every()]

    def happen(self, event: str, lease_id: str, details: Mapping[str, Any], /) -> None:
        """`sold_out` and `restocked` befall a GPU class, all others a group; both by id, a group also by name."""
        self._estate.advance(self._clock.now())
        if event in {"sold_out", "restocked"}:
            self._restock(lease_id, sold_out=event == "sold_out")
        elif event in self._events:
            self._events[event](self._group(lease_id), details)
        else:
            raise UnknownEvent(f"must be one of {', '.join([*self._events, 'sold_out', 'restocked'])}")
        self._estate.crew.serve_queue(self._estate.now)

    def settings(self) -> Mapping[str, Any]:
        return self._estate.knobs.listed()

    def adjust(self, changes: Mapping[str, Any]) -> None:
        self._estate.advance(self._clock.now())
        self._estate.knobs = self._estate.knobs.changed(changes)

    def _organization(self) -> Sequence[Endpoint]:
        shop, member = self._shop, self._guard.member
        items: Mapping[str, Any] = {"items": []}
        return [
            Endpoint.at(
                f"GET {_ORGANIZATION}/gpu-classes",
                "offers",
                member(shop.classes),
                required=("items",),
                empty=items,
            ),
            Endpoint.at(
                f"POST {_ORGANIZATION}/availability/sce-gpu-availability",
                "quote",
                member(shop.availability),
                required=("available_gpu_batch",),
            ),
            Endpoint.at(
                f"POST {_ORGANIZATION}/availability/sce-cpu-availability",
                "quote",
                member(shop.cpu_availability),
            ),
            Endpoint.at(
                f"GET {_ORGANIZATION}/quotas",
                "health",
                member(shop.quotas),
                required=("container_groups_quotas",),
            ),
            Endpoint.at(
                f"POST {_ORGANIZATION}/log-entries",
                "logs",
                member(self._logs.query),
                required=("items",),
                empty=items,
            ),
        ]

    def _containers(self) -> Sequence[Endpoint]:
        desk, member = self._desk, self._guard.member
        items: Mapping[str, Any] = {"items": []}
        return [
            Endpoint.at(f"GET {_GROUPS}", "list", member(desk.page), required=("items",), empty=items),
            Endpoint.at(f"POST {_GROUPS}", "create", member(desk.create), required=_GROUP_KEYS),
            Endpoint.at(f"GET {_GROUP}", "status", member(desk.show), required=("current_state",)),
            Endpoint.at(f"PATCH {_GROUP}", "update", member(desk.patch), required=_GROUP_KEYS),
            Endpoint.at(f"DELETE {_GROUP}", "terminate", member(desk.delete)),
            Endpoint.at(f"POST {_GROUP}/start", "start", member(desk.start)),
            Endpoint.at(f"POST {_GROUP}/stop", "stop", member(desk.stop)),
            Endpoint.at(
                f"GET {_GROUP}/system-logs", "status", member(desk.events), required=("items",), empty=items
            ),
        ]

    def _instances(self) -> Sequence[Endpoint]:
        replicas, member = self._replicas, self._guard.member
        actions: Mapping[str, Handler] = {
            "reallocate": replicas.reallocate(),
            "recreate": replicas.recreate(),
            "restart": replicas.restart(),
        }
        return [
            Endpoint.at(
                f"GET {_GROUP}/instances",
                "status",
                member(replicas.page),
                required=("instances",),
                empty={"instances": []},
            ),
            Endpoint.at(f"GET {_INSTANCE}", "status", member(replicas.show), required=("state",)),
            Endpoint.at(f"PATCH {_INSTANCE}", "update", member(replicas.patch)),
            *(
                Endpoint.at(f"POST {_INSTANCE}/{name}", name, member(action))
                for name, action in actions.items()
            ),
        ]

    def _group(self, name: str) -> Group:
        for group in self._estate.every():
            if group.gone_at is None and name in {group.id, group.key.name}:
                return group
        raise KeyError(name)

    def _lose(self, group: Group, word: str) -> None:
        """Every instance that has a node loses it."""
        for one in self._those(group, running=False):
            self._estate.crew.lose(group, one, self._estate.now, word)

    def _exit(self, group: Group, details: Mapping[str, Any]) -> None:
        """`code`: the exit code, 1 unless told."""
        code = details.get("code", 1)
        if isinstance(code, bool) or not isinstance(code, int):
            raise BadFault("code", "must be a whole number")
        for one in self._those(group, running=True):
            self._estate.crew.exit(group, one, self._estate.now, code=code)

    def _those(self, group: Group, *, running: bool) -> list[Instance]:
        """Raises UnknownEvent if there are none."""
        found = [one for one in group.instances if (one.running_since if running else one.placed)]
        if not found:
            what = "a running instance" if running else "an instance on a node"
            raise UnknownEvent(f"cannot befall a group without {what}")
        return found

    def _rename_status(self, group: Group, details: Mapping[str, Any]) -> None:
        """`status`: a word that is shown instead of the true one; null shows the true one again."""
        word = details.get("status")
        if word is not None and not isinstance(word, str):
            raise BadFault("status", "must be a text, or null")
        group.shown_status = word

    def _restock(self, class_id: str, *, sold_out: bool) -> None:
        if class_id not in self._estate.pools.classes:
            raise KeyError(class_id)
        pool = self._estate.pools.of(class_id)
        if sold_out:
            pool.empty()
        else:
            pool.refill(_REFILL)


def _ledger_row(group: Group, now: datetime) -> LedgerRow:
    """`stopped_at`: when the last run ended, of groups that are not wanted to run."""
    runs = [run for one in (*group.past, *group.instances) for run in one.runs]
    over = not group.wanted and not group.instances
    last = max((run.end for run in runs if run.end), default=group.stopped_at)
    return LedgerRow(
        id=group.id,
        label=group.key.name,
        state="deleted" if group.deleted else str(group.status),
        started_at=group.created_at,
        running_at=min((run.start for run in runs), default=None),
        stopped_at=last if over else None,
        usd_per_hour=_full_rate(group),
        usd_billed=group.billed(now),
    )


def _full_rate(group: Group) -> Decimal:
    """USD for an hour in which all replicas run, each on the class it has, or else on the first one asked for."""
    first = group.classes[0] if group.classes else None
    placed = [one.gpu for one in group.instances if not one.leaving and one.gpu is not None]
    rates = [group.rate_on(gpu).total for gpu in placed[: group.replicas]]
    return sum(rates, ZERO) + (group.replicas - len(rates)) * group.rate_on(first).total
