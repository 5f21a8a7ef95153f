"""Render as a whole: signed calls go to Dispersed, calls with a bearer key to the gateway. Jobs and money are apart.

Dispersed has its paths under `/v1`, where the gateway has its own as well; what a call carries tells the two apart on the
paths they share.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from aurora.emulators.exchange import Call, Endpoint, Handler, Reply
from aurora.emulators.gateway_market.brands import BRANDS
from aurora.emulators.gateway_market.market import GatewayMarket
from aurora.emulators.jobs.estate import Estate, Terms
from aurora.emulators.jobs.happening import happen
from aurora.emulators.jobs.life import Pace
from aurora.emulators.marketplace import LedgerRow, World
from aurora.emulators.render.desk import REAL_LIMIT, RELAXED_LIMIT, Desk
from aurora.emulators.render.door import Door, Refused, is_signed
from aurora.emulators.render.knobs import Knobs
from aurora.emulators.render.registry import build_registry

# Consumer machines on home lines: images take long. Charged from the moment of creation (seen by one client).
_TERMS = Terms(
    market="render:dispersed",
    id_prefix="",
    pace=Pace(queue=(2.0, 25.0), assign=(3.0, 15.0), prepare=(30.0, 240.0), failing=(2.0, 6.0)),
    queues=True,
    bills_from_creation=True,
)
_NO_ROWS: Mapping[str, Any] = {"data": []}


class RenderMarket:
    name = "render"

    def __init__(self, world: World) -> None:
        options = world.options
        registry = build_registry(options.seed)
        self._clock = world.clock
        self._knobs = Knobs()
        self._estate = Estate(world, _TERMS, registry.skus)
        self._door = Door()
        self._gateway = GatewayMarket(world, BRANDS["render"])
        self._desk = Desk(
            estate=self._estate,
            largest=registry.largest,
            faults=world.faults,
            knobs=lambda: self._knobs,
            chance=random.Random(f"{options.seed}:render:uuids"),
            most=REAL_LIMIT if options.realistic else RELAXED_LIMIT,
        )

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """Dispersed's own, the shared ones, the gateway's; at the end every other path."""
        signed = {(one.method, one.path): one for one in self._signed()}
        keyed = {(one.method, one.path): one for one in self._gateway.routes("/v1")}
        rest = Endpoint(
            method="*", path="/{rest:.*}", operation="unknown", handler=self._door.member(_no_route)
        )
        return [
            *(_either(one, keyed[key]) if key in keyed else one for key, one in signed.items()),
            *(one for key, one in keyed.items() if key not in signed),
            *self._gateway.routes(""),
            _either(rest, self._gateway.elsewhere()),
        ]

    def unknown_route(self) -> Reply:
        return self._gateway.unknown_route()

    def ledger(self) -> Sequence[LedgerRow]:
        return [*self._estate.ledger(), *self._gateway.ledger()]

    def happen(self, event: str, lease_id: str, details: Mapping[str, Any], /) -> None:
        self._estate.advance(self._clock.now())
        if self._estate.find(lease_id) is None:
            self._gateway.happen(event, lease_id, details)
        else:
            happen(self._estate, event, lease_id, details)

    def settings(self) -> Mapping[str, Any]:
        return {**self._gateway.settings(), **self._knobs.listed()}

    def adjust(self, changes: Mapping[str, Any]) -> None:
        """All or none: what the gateway would refuse is found before anything changes."""
        own = {name: value for name, value in changes.items() if name in self._knobs.listed()}
        knobs = self._knobs.changed(own)
        self._gateway.adjust({name: value for name, value in changes.items() if name not in own})
        self._knobs = knobs

    def _signed(self) -> Sequence[Endpoint]:
        desk, job = self._desk, "/v1/jobs/{id}"
        return [
            self._route("GET /v1/gpu-registry", "offers", desk.registry, ("data",)),
            self._route("POST /v1/jobs", "create", desk.create, ("uuid", "status")),
            self._route("GET /v1/jobs", "list", desk.listed, ("data",)),
            self._route("GET /v1/job-runs", "status", desk.runs, ("data",)),
            self._route(f"GET {job}", "status", desk.show, ("status",)),
            self._route(f"PUT {job}/cancel", "terminate", desk.cancel, ("status",)),
            self._route("GET /v1/compute/ledger/transactions", "health", desk.transactions, ("data",)),
        ]

    def _route(self, at: str, operation: str, handler: Handler, required: tuple[str, ...]) -> Endpoint:
        method, path = at.split()
        empty = _NO_ROWS if required == ("data",) else {}
        return Endpoint(
            method=method,
            path=path,
            operation=operation,
            handler=self._door.member(handler),
            required=required,
            empty=empty,
        )


def _either(signed: Endpoint, keyed: Endpoint) -> Endpoint:
    """One route for both dialects."""

    def answer(call: Call) -> Reply:
        return (signed if is_signed(call) else keyed).handler(call)

    return Endpoint(
        method=signed.method,
        path=signed.path,
        operation=keyed.operation,
        handler=answer,
        required=tuple(dict.fromkeys((*signed.required, *keyed.required))),
        empty={**signed.empty, **keyed.empty},
    )


def _no_route(call: Call) -> Reply:
    raise Refused(404, "not_found", f"no route {call.method} {call.path}")
