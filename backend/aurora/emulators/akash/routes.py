"""Every route of the emulated Akash: whose it is, whether it needs a key, what it counts as (contract, sections 1 and 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora.emulators.akash.account import Account
from aurora.emulators.akash.board import Board
from aurora.emulators.akash.directory import Directory
from aurora.emulators.akash.explorer import Explorer
from aurora.emulators.akash.guard import Guard
from aurora.emulators.akash.lcd import Lcd
from aurora.emulators.akash.leasing import Leasing
from aurora.emulators.akash.ordering import Ordering
from aurora.emulators.akash.proxy import Proxy
from aurora.emulators.akash.reading import Reading
from aurora.emulators.akash.tokens import Tokens
from aurora.emulators.exchange import Call, Endpoint, Handler, Opener

_DSEQ = "{dseq}"
_SCREENING_LIMIT = 64 << 10
_NO_DEPLOYMENTS = {
    "data": {"deployments": [], "pagination": {"total": 0, "skip": 0, "limit": 1000, "hasMore": False}}
}
_NO_ROWS: Mapping[str, Any] = {"data": []}


@dataclass(frozen=True, kw_only=True)
class Desks:
    """The parts of the market that answer calls."""

    account: Account
    board: Board
    directory: Directory
    explorer: Explorer
    lcd: Lcd
    leasing: Leasing
    ordering: Ordering
    proxy: Proxy
    reading: Reading
    tokens: Tokens


def routes(desks: Desks) -> Sequence[Endpoint]:
    """Fixed paths come before those with a name in them."""
    guard = Guard()
    return [
        *_market(desks, guard),
        *_deployments(desks, guard),
        *_leasing(desks, guard),
        *_account(desks, guard),
        *_keyless(desks, guard),
        *_chain(desks.lcd),
        *_providers(desks.proxy),
    ]


def _market(desks: Desks, guard: Guard) -> Sequence[Endpoint]:
    board, directory, public = desks.board, desks.directory, guard.public
    screen = guard.public(directory.screen, limit=_SCREENING_LIMIT)
    none: Mapping[str, Any] = {"availability": {"total": 0, "available": 0}, "models": []}
    return [
        _route("GET /v1/gpu-prices", "offers", public(board.prices), required=("models",), empty=none),
        _route("GET /internal/gpu-prices", "offers", public(board.prices), required=("models",), empty=none),
        _route("GET /v1/gpu", "gpus", public(board.gpus), required=("gpus",)),
        _route("GET /internal/gpu", "gpus", public(board.gpus), required=("gpus",)),
        _route("GET /v1/gpu-models", "gpu_models", public(board.models), required=("models",)),
        _route("GET /v1/providers", "providers", public(directory.listed), required=("owner",)),
        _route("GET /v1/providers/{address}", "provider", public(directory.show), required=("owner",)),
        _route("GET /v1/provider-regions", "regions", public(directory.regions), required=("key",)),
        _route("GET /v1/auditors", "auditors", public(directory.auditors), required=("address",)),
        _route(
            "POST /v1/bid-screening", "screening", screen, required=("providers",), empty={"providers": []}
        ),
        _route("GET /v1/network-capacity", "capacity", public(directory.capacity), required=("resources",)),
        _route("GET /v1/market-data", "market_data", public(directory.market), required=("price",)),
        _route("GET /v1/market-data/{coin}", "market_data", public(directory.market), required=("price",)),
    ]


def _deployments(desks: Desks, guard: Guard) -> Sequence[Endpoint]:
    reading, ordering, member = desks.reading, desks.ordering, guard.member
    here = f"/v1/deployments/{_DSEQ}"
    return [
        _route(
            "POST /v1/deployments", "create", member(ordering.create), required=("dseq", "manifest", "signTx")
        ),
        _route(
            "GET /v1/deployments",
            "list",
            member(reading.listed),
            required=("deployments",),
            empty=_NO_DEPLOYMENTS,
        ),
        _route(f"GET {here}", "status", member(reading.show), required=("deployment", "leases")),
        _route(f"PUT {here}", "update", member(ordering.update)),
        _route(f"PATCH {here}", "update", member(ordering.patch)),
        _route(f"DELETE {here}", "terminate", member(reading.close)),
        _route("GET /v1/deployment-names", "names", member(reading.names), empty=_NO_ROWS),
        _route("GET /v1/activities/{id}", "activity", member(reading.activity)),
    ]


def _leasing(desks: Desks, guard: Guard) -> Sequence[Endpoint]:
    leasing, member = desks.leasing, guard.member
    return [
        _route("GET /v1/bids", "quote", member(leasing.bids), required=("bid",), empty=_NO_ROWS),
        _route(f"GET /v1/bids/{_DSEQ}", "quote", member(leasing.bids), required=("bid",), empty=_NO_ROWS),
        _route("POST /v1/leases", "lease", member(leasing.lease), required=("deployment", "leases")),
        _route("POST /v1/deposit-deployment", "deposit", member(desks.ordering.deposit)),
        _route("POST /v1/create-jwt-token", "token", member(desks.tokens.create), required=("token",)),
        _route(
            "GET /v1/addresses/{address}/deployments/{skip}/{limit}",
            "address_list",
            guard.public(desks.explorer.deployments),
            required=("results",),
            empty={"count": 0, "results": []},
        ),
        _route(
            f"GET /v1/deployment/{{owner}}/{_DSEQ}",
            "address_show",
            guard.public(desks.explorer.deployment),
            required=("other",),
        ),
    ]


def _account(desks: Desks, guard: Guard) -> Sequence[Endpoint]:
    account, member = desks.account, guard.member
    settings = f"/v2/deployment-settings/{_DSEQ}"
    return [
        _route("GET /v1/user/me", "health", member(account.user)),
        _route("GET /v1/wallets", "wallets", member(account.wallets), empty=_NO_ROWS),
        _route("GET /v1/balances", "balance", guard.public(account.balances)),
        _route("GET /v1/weekly-cost", "weekly_cost", member(account.weekly_cost)),
        _route(f"GET {settings}", "settings", member(account.settings)),
        _route(f"PATCH {settings}", "settings", member(account.set_settings)),
    ]


def _keyless(desks: Desks, guard: Guard) -> Sequence[Endpoint]:
    account, public = desks.account, guard.public
    return [
        _route("GET /v1/healthz/readiness", "health", public(account.healthy)),
        _route("GET /v1/healthz/liveness", "health", public(account.healthy)),
        _route("GET /v1/blockchain-status", "health", public(account.blockchain), required=()),
        _route("GET /status", "health", public(account.status), required=("version",)),
        _route("GET /v1/deployment-funding-config", "funding", public(account.funding_config)),
        _route("POST /v1/certificates", "certificates", public(account.certificates), required=()),
    ]


def _chain(lcd: Lcd) -> Sequence[Endpoint]:
    """The chain's interface, and the two listings of it that the Console mirrors."""
    deployment = "/akash/{module:deployment}/{version}/deployments"
    market = "/akash/{module:market}/{version}/{what}/list"
    provider = "/rest/akash/{module:provider}/{version}/providers"
    rows = {
        f"/rest{deployment}/list": lcd.deployments,
        f"{deployment}/list": lcd.deployments,
        f"/rest{deployment}/info": lcd.deployment,
        f"{deployment}/info": lcd.deployment,
        f"/rest{market}": lcd.market,
        market: lcd.market,
        provider: lcd.providers,
        f"{provider}/{{owner}}": lcd.provider,
        "/rest/cosmos/base/tendermint/v1beta1/blocks/latest": lcd.block,
        "/rest/cosmos/bank/v1beta1/balances/{address}": lcd.balances,
    }
    return [
        _route(f"GET {path}", "chain", lcd.routed(handler), required=()) for path, handler in rows.items()
    ]


def _providers(proxy: Proxy) -> Sequence[Endpoint]:
    return [
        _route("POST /provider-proxy", "provider", proxy.forward, required=()),
        _route("GET /provider-proxy/status", "proxy_status", proxy.status, required=()),
        _route("GET /provider-proxy/ws", "logs", proxy.status, required=(), socket=proxy.talk),
        Endpoint(
            method="*",
            path="/gateway/{address}/{rest:.*}",
            operation="provider",
            handler=proxy.direct,
            classify=_gateway_operation,
            socket=proxy.direct_talk,
        ),
    ]


def _gateway_operation(call: Call) -> str:
    ends = {"/logs": "logs", "/kubeevents": "events", "/manifest": "manifest"}
    return next((name for end, name in ends.items() if call.path.endswith(end)), "provider")


def _route(
    at: str,
    operation: str,
    handler: Handler,
    *,
    required: tuple[str, ...] = ("data",),
    empty: Mapping[str, Any] | None = None,
    socket: Opener | None = None,
) -> Endpoint:
    method, path = at.split()
    return Endpoint(
        method=method,
        path=path,
        operation=operation,
        handler=handler,
        required=required,
        empty=empty or {},
        socket=socket,
    )
