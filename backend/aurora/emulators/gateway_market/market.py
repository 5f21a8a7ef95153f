"""A gateway as a whole: its parts put together behind its routes."""

from collections.abc import Mapping, Sequence
from typing import Any

from aurora.emulators.exchange import Call, Endpoint, Handler, Reply
from aurora.emulators.gateway_market.brands import Brand
from aurora.emulators.gateway_market.catalogue import build_catalogue
from aurora.emulators.gateway_market.desk import Desk
from aurora.emulators.gateway_market.door import Door
from aurora.emulators.gateway_market.keys import Keys
from aurora.emulators.gateway_market.knobs import Knobs
from aurora.emulators.gateway_market.logs import Logs
from aurora.emulators.gateway_market.replies import Refused, moment, money
from aurora.emulators.gateway_market.shelf import Shelf
from aurora.emulators.jobs.estate import Estate
from aurora.emulators.jobs.happening import happen
from aurora.emulators.marketplace import LedgerRow, World

_VERSION = "1.1"
_OFFERS_SHARE = 8  # `offers` counts those of the largest market; a gateway has an eighth of them
_NO_ROWS: Mapping[str, Any] = {"data": [], "next_cursor": None}
_EMPTY: Mapping[str, Mapping[str, Any]] = {"offers": _NO_ROWS, "list": _NO_ROWS, "logs": {"data": []}}


class GatewayMarket:
    """One brand. Its routes are there with and without `/v1`, so that either may be its base URL."""

    def __init__(self, world: World, brand: Brand) -> None:
        options = world.options
        size = -(-options.offers // _OFFERS_SHARE)
        self.name = brand.name
        self._brand = brand
        self._knobs = Knobs()
        self._clock = world.clock
        self._estate = Estate(world, brand.terms, build_catalogue(brand, seed=options.seed, size=size))
        self._shelf = Shelf(self._estate, lambda: self._knobs)
        self._desk = Desk(brand, self._estate, self._shelf, world.faults, Keys())
        self._logs = Logs(self._desk, options.state_speed)
        self._door = Door(world, brand.name)

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return [*self.routes("/v1"), *self.routes(""), self.elsewhere()]

    def routes(self, base: str) -> Sequence[Endpoint]:
        """The contract's routes under a base path."""
        desk, member = self._desk, self._door.member
        job, row = f"{base}/jobs/{{id}}", ("id", "status")
        return [
            _route("GET", f"{base}/health", "health", self._door.public(self._health), ("status",)),
            _route("GET", f"{base}/account", "health", member(self._account), ("id",)),
            _route("GET", f"{base}/gpus", "offers", member(self._shelf.listed), ("data",)),
            _route("GET", f"{base}/gpus/{{id}}", "quote", member(self._shelf.quoted), ("price_per_hour",)),
            _route("POST", f"{base}/jobs", "create", member(desk.create), row),
            _route("GET", f"{base}/jobs", "list", member(desk.listed), ("data",)),
            _route("GET", job, "status", member(desk.show), ("status",)),
            _route("DELETE", job, "terminate", member(desk.stop), row),
            _route("GET", f"{job}/logs", "logs", member(self._logs.read), ("data",)),
        ]

    def elsewhere(self) -> Endpoint:
        """Every other path; the headers of all answers are on this one too."""
        return _route("*", "/{rest:.*}", "unknown", self._door.public(_no_route), ())

    def unknown_route(self) -> Reply:
        return Refused("not_found", "no such route").reply("unknown")

    def ledger(self) -> Sequence[LedgerRow]:
        return self._estate.ledger()

    def happen(self, event: str, lease_id: str, details: Mapping[str, Any], /) -> None:
        self._estate.advance(self._clock.now())
        happen(self._estate, event, lease_id, details)

    def settings(self) -> Mapping[str, Any]:
        return self._knobs.listed()

    def adjust(self, changes: Mapping[str, Any]) -> None:
        self._knobs = self._knobs.changed(changes)

    def _health(self, call: Call) -> Reply:
        health = self._knobs.health
        body = {"status": health, "version": _VERSION, "time": moment(call.now), "emulated": True}
        return Reply(body, 503 if health == "down" else 200)

    def _account(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        balance = money(self._estate.balance()) if self._brand.terms.prepaid else None
        return Reply(
            {
                "id": self._brand.account,
                "currency": "USD",
                "balance": balance,
                "hourly_burn": money(self._estate.burn()),
                "emulated": True,
            }
        )


def _no_route(call: Call) -> Reply:
    raise Refused("not_found", f"no route {call.method} {call.path}")


def _route(method: str, path: str, operation: str, handler: Handler, required: tuple[str, ...]) -> Endpoint:
    return Endpoint(
        method=method,
        path=path,
        operation=operation,
        handler=handler,
        required=required,
        empty=_EMPTY.get(operation, {}),
    )
