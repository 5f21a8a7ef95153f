"""Vast.ai as a whole: its parts put together behind its routes (contract, section 3)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from aurora.emulators.exchange import Call, Endpoint, Handler, Reply
from aurora.emulators.marketplace import LedgerRow, World
from aurora.emulators.vastai import replies
from aurora.emulators.vastai.billing import Billing
from aurora.emulators.vastai.desk import Desk
from aurora.emulators.vastai.estate import Estate
from aurora.emulators.vastai.guard import Guard
from aurora.emulators.vastai.listing import Listing
from aurora.emulators.vastai.logs import RESULT_PATH, Logs
from aurora.emulators.vastai.rental import Phase, Rental
from aurora.emulators.vastai.shop import Shop, is_quote

_ID = r"{id:[^/]+}"
_NO_INSTANCES = {
    "instances": [],
    "instances_found": 0,
    "total_instances": 0,
    "label_counts": {},
    "next_token": None,
}


class VastMarket:
    name = "vastai"

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._estate = Estate(world)
        self._guard = Guard(world)
        self._shop = Shop(world, self._estate)
        self._desk = Desk(world, self._estate)
        self._listing = Listing(world, self._estate)
        self._logs = Logs(world, self._estate)
        self._billing = Billing(self._estate)

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """Fixed paths come before those with an id, so that the router tells them apart."""
        return [*self._buying(), *self._reading(), *self._changing(), *self._accounting()]

    def unknown_route(self) -> Reply:
        return replies.error(404, "not_found", "no such route")

    def ledger(self) -> Sequence[LedgerRow]:
        now = self._clock.now()
        self._estate.advance(now)
        return [_ledger_row(rental, bill=rental.meter.bill(now).total) for rental in self._estate.every()]

    def happen(self, event: str, lease_id: str, _details: Mapping[str, Any], /) -> None:
        if not lease_id.isdecimal():
            raise KeyError(lease_id)
        self._estate.advance(self._clock.now())
        self._estate.happen(event, int(lease_id))

    def _buying(self) -> Sequence[Endpoint]:
        shop, guard = self._shop, self._guard
        return [
            _search("POST", "/api/v0/bundles", guard.search(shop.bundles)),
            _search("GET", "/api/v0/bundles", guard.search(shop.bundles_by_get)),
            _search("PUT", "/api/v0/search/asks", guard.search(shop.asks)),
            _create("POST", "/api/v0/asks/bulk", guard.member(shop.create_many)),
            _create("PUT", f"/api/v0/asks/{_ID}", guard.member(shop.create, limit="create")),
            _route("GET /api/v0/gpu_names/unique", "health", shop.gpu_names, required=("gpu_names",)),
            _route("GET /api/v0/gpu_types", "gpu_types", shop.gpu_types, required=("gpu_types",)),
        ]

    def _reading(self) -> Sequence[Endpoint]:
        listing, guard = self._listing, self._guard
        show = guard.member(self._desk.show, limit="status")
        return [
            _list("/api/v1/instances", guard.member(listing.page, limit="list")),
            _list("/api/v0/instances", guard.member(listing.old_list)),
            _route(
                "GET /api/v0/instances/filters",
                "filters",
                guard.member(listing.filters),
                required=("filters",),
            ),
            Endpoint(
                method="GET",
                path=f"/api/v0/instances/{_ID}",
                operation="status",
                handler=show,
                required=("instances",),
                empty={"instances": None},
            ),
            _route(
                f"PUT /api/v0/instances/request_logs/{_ID}",
                "logs",
                guard.member(self._logs.request),
                required=("result_url",),
            ),
            _route(f"GET {RESULT_PATH}", "logs", self._logs.result),
        ]

    def _changing(self) -> Sequence[Endpoint]:
        desk, guard = self._desk, self._guard
        restart = guard.member(desk.reboot, limit="restart")
        here = "/api/v0/instances"
        return [
            _route(f"PUT {here}/reboot/{_ID}", "reboot", restart),
            _route(f"PUT {here}/recycle/{_ID}", "recycle", restart),
            _route(f"PUT {here}/bid_price/{_ID}", "bid", guard.member(desk.bid, limit="bid")),
            _route(f"PUT {here}/command/{_ID}", "command", guard.member(self._logs.command, limit="command")),
            _route(f"PUT {here}", "manage", guard.member(desk.manage_many, limit="manage")),
            _route(f"PUT {here}/{_ID}", "manage", guard.member(desk.manage, limit="manage")),
            _route(f"DELETE {here}", "terminate", guard.member(desk.destroy_many, limit="terminate")),
            _route(f"DELETE {here}/{_ID}", "terminate", guard.member(desk.destroy, limit="terminate")),
        ]

    def _accounting(self) -> Sequence[Endpoint]:
        billing, guard = self._billing, self._guard
        charges = guard.member(billing.charges, limit="charges", refusal=lambda: replies.bad_key(404))
        return [
            _route(
                "GET /api/v0/users/current",
                "health",
                guard.member(billing.user),
                required=("credit", "id"),
            ),
            _route("GET /api/v0/charges", "charges", charges, required=("results",)),
        ]


def _route(
    at: str, operation: str, handler: Handler, *, required: tuple[str, ...] = ("success",)
) -> Endpoint:
    method, path = at.split()
    return Endpoint(method=method, path=path, operation=operation, handler=handler, required=required)


def _search(method: str, path: str, handler: Handler) -> Endpoint:
    def operation(call: Call) -> str:
        return "quote" if is_quote(call) else "offers"

    return Endpoint(
        method=method,
        path=path,
        operation="offers",
        handler=handler,
        classify=operation,
        required=("offers",),
        empty={"offers": []},
    )


def _create(method: str, path: str, handler: Handler) -> Endpoint:
    return Endpoint(
        method=method, path=path, operation="create", handler=handler, required=("new_contract", "success")
    )


def _list(path: str, handler: Handler) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        operation="list",
        handler=handler,
        required=("instances",),
        empty=_NO_INSTANCES,
    )


def _ledger_row(rental: Rental, *, bill: Decimal) -> LedgerRow:
    idle = rental.phase not in {Phase.RUNNING, Phase.FROZEN} and bool(rental.sessions)
    return LedgerRow(
        id=str(rental.id),
        label=rental.label,
        state=str(rental.phase),
        started_at=rental.created_at,
        running_at=rental.running_at,
        stopped_at=rental.destroyed_at or (rental.gpu_stopped_at if idle else None),
        usd_per_hour=rental.full_rate.total,
        usd_billed=bill,
    )
