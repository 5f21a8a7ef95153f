"""io.net as a whole: its parts put together behind its routes, its ledger, and what can be made to happen to it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aurora.emulators.exchange import Call, Endpoint, Reply
from aurora.emulators.faults import BadFault
from aurora.emulators.ionet.deployment import Deployment, Phase, Turn
from aurora.emulators.ionet.desk import Desk
from aurora.emulators.ionet.estate import Estate
from aurora.emulators.ionet.guard import Guard
from aurora.emulators.ionet.listing import Listing
from aurora.emulators.ionet.logs import Logs
from aurora.emulators.ionet.shop import Shop
from aurora.emulators.marketplace import LedgerRow, UnknownEvent, World

_CAAS = "/enterprise/v1/io-cloud/caas"
_CLUSTERS = (f"{_CAAS}/clusters", "/enterprise/v1/io-cloud/clusters")  # the prefix differs between clients
_CONSOLE = "/v1/io-cloud"
_DEPLOYMENT = f"{_CAAS}/deployment/{{id:[^/]+}}"
_CONTAINER = "{container:[^/]+}"
_NO_ROWS = {"data": {"deployments": [], "total": 0, "statuses": []}}


class IonetMarket:
    name = "ionet"

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._estate = Estate(world)
        self._guard = Guard(world, self._estate)
        self._shop = Shop(self._estate)
        self._desk = Desk(self._estate)
        self._listing = Listing(self._estate)
        self._logs = Logs(self._estate, speed=world.options.state_speed)
        self._events: Mapping[str, Callable[[Deployment, Mapping[str, Any]], None]] = {
            "failed": lambda one, _: self._turn(one, Turn.FAILED, "supplier went away"),
            "exited": lambda one, _: self._turn(one, Turn.EXITED, "Container exited with code 1"),
            "unreachable": lambda one, _: self._reach(one, reachable=False),
            "reachable": lambda one, _: self._reach(one, reachable=True),
            "status": self._rename_status,
        }

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return [*self._buying(), *self._holding(), *self._console()]

    def unknown_route(self) -> Reply:
        return Reply({"detail": "Not Found"}, 404)

    def ledger(self) -> Sequence[LedgerRow]:
        now = self._clock.now()
        self._estate.advance(now)
        return [_ledger_row(one, now) for one in self._estate.every()]

    def happen(self, event: str, lease_id: str, details: Mapping[str, Any], /) -> None:
        """`sold_out` and `restocked` befall hardware, all others a deployment."""
        self._estate.advance(self._clock.now())
        if event in {"sold_out", "restocked"}:
            self._restock(lease_id, sold_out=event == "sold_out")
            return
        if event not in self._events:
            names = ", ".join([*self._events, "sold_out", "restocked"])
            raise UnknownEvent(f"must be one of {names}")
        one = self._estate.find(lease_id)
        if one is None:
            raise KeyError(lease_id)
        self._events[event](one, details)

    def settings(self) -> Mapping[str, Any]:
        return self._estate.knobs.listed()

    def adjust(self, changes: Mapping[str, Any]) -> None:
        self._estate.advance(self._clock.now())
        self._estate.knobs = self._estate.knobs.changed(changes)

    def _buying(self) -> Sequence[Endpoint]:
        shop, member = self._shop, self._guard.member
        return [
            Endpoint.at(
                f"GET {_CAAS}/hardware/max-gpus-per-container",
                "offers",
                member(shop.hardware),
                required=("data",),
                empty={"data": []},
            ),
            Endpoint.at(
                f"GET {_CAAS}/available-replicas",
                "offers",
                member(shop.replicas),
                required=("data",),
                empty={"data": []},
            ),
            Endpoint.at(f"GET {_CAAS}/price", "quote", member(shop.price), required=("data",)),
            Endpoint.at(f"POST {_CAAS}/deploy", "create", member(shop.deploy), required=("deployment_id",)),
            *(
                Endpoint.at(f"GET {base}/check_cluster_name_availability", "name", member(shop.name_is_free))
                for base in _CLUSTERS
            ),
        ]

    def _holding(self) -> Sequence[Endpoint]:
        desk, member, data = self._desk, self._guard.member, ("data",)
        no_workers = {"data": {"total": 0, "workers": []}}
        return [
            Endpoint(
                method="GET",
                path=f"{_CAAS}/deployments",
                operation="list",
                handler=member(self._listing.page),
                classify=_operation,
                required=data,
                empty=_NO_ROWS,
            ),
            Endpoint.at(f"GET {_DEPLOYMENT}", "status", member(desk.show), required=data),
            Endpoint.at(
                f"GET {_DEPLOYMENT}/containers",
                "status",
                member(desk.containers),
                required=data,
                empty=no_workers,
            ),
            Endpoint.at(
                f"GET {_DEPLOYMENT}/container/{_CONTAINER}", "status", member(desk.container), required=data
            ),
            Endpoint.at(
                f"GET {_DEPLOYMENT}/containers-jobs/{_CONTAINER}", "status", member(desk.jobs), required=data
            ),
            Endpoint.at(f"GET {_DEPLOYMENT}/log/{_CONTAINER}", "logs", member(self._logs.stream)),
            Endpoint.at(
                f"DELETE {_DEPLOYMENT}", "terminate", member(desk.destroy), required=("deployment_id",)
            ),
            Endpoint.at(f"PATCH {_DEPLOYMENT}", "update", member(desk.patch), required=("deployment_id",)),
            Endpoint.at(f"POST {_DEPLOYMENT}/extend", "extend", member(desk.extend), required=data),
            *(
                Endpoint.at(f"PUT {base}/{{id:[^/]+}}/update-name", "update", member(desk.rename))
                for base in _CLUSTERS
            ),
        ]

    def _console(self) -> Sequence[Endpoint]:
        """The catalogue that the web console reads without a key."""
        shop, public = self._shop, self._guard.public
        empty: Mapping[str, Any] = {"data": {"hardware": []}}
        return [
            Endpoint.at(
                f"GET {_CONSOLE}/{kind}/hardware", "offers", public(handler), required=("data",), empty=empty
            )
            for kind, handler in (("caas", shop.caas_catalogue), ("vmaas", shop.vmaas_catalogue))
        ]

    def _turn(self, one: Deployment, turn: Turn, message: str) -> None:
        possible = {Phase.RUNNING} if turn is Turn.EXITED else {Phase.RUNNING, Phase.REQUESTED}
        if one.phase not in possible:
            raise UnknownEvent(f"cannot befall a deployment that is {one.phase}")
        self._estate.befall(one, turn, message)

    def _reach(self, one: Deployment, *, reachable: bool) -> None:
        if one.phase is not Phase.RUNNING:
            raise UnknownEvent(f"cannot befall a deployment that is {one.phase}")
        one.reachable = reachable

    def _rename_status(self, one: Deployment, details: Mapping[str, Any]) -> None:
        """`status`: a word that is shown instead of the true one; null shows the true one again."""
        word = details.get("status")
        if word is not None and not isinstance(word, str):
            raise BadFault("status", "must be a text, or null")
        one.shown_status = word

    def _restock(self, name: str, *, sold_out: bool) -> None:
        identity = int(name) if name.isdecimal() else name
        if self._estate.catalogue.find(identity) is None:
            raise KeyError(name)
        change = self._estate.sold_out.add if sold_out else self._estate.sold_out.discard
        change(identity)


def _ledger_row(one: Deployment, now: datetime) -> LedgerRow:
    return LedgerRow(
        id=one.id,
        label=one.name,
        state=str(one.phase),
        started_at=one.created_at,
        running_at=one.started_at,
        stopped_at=one.finished_at,
        usd_per_hour=one.rate,
        usd_billed=one.paid(now),
        more_usd={"prepaid_usd": one.prepaid(now), "refunded_usd": one.refunded},
    )


def _operation(call: Call) -> str:
    """The cheapest read, one row of the list, is how the key is checked (contract, section 2)."""
    return "health" if call.query.get("page_size") == "1" else "list"
