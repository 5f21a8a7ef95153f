"""The Console API as far as the tests need it: replies in the documented shapes, both eras. Heights move with a clock."""

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from pydantic import SecretStr

from aurora.domain.gpu_table import GpuTable
from aurora.domain.region import RegionTable
from aurora.providers.akash import AkashAccount, AkashProvider
from aurora.providers.metrics import DirectGuard
from aurora.providers.request import Transport
from tests.unit.providers.loopback import Asked, Loopback, Reply, SkippingClock, make_spec

GPUS, PLACES = GpuTable.load(), RegionTable.load()
KEY = "ac.sk.production." + "k3y" * 21 + "x"
OWNER = "akash1pas6v0905jgyznpvnjhg7tsthuyqek60gkz7uf"
NEAR = "akash1svfr9xarfkcxwdnx32nvl8cs9rfruu4nd56c4f"
FAR = "akash17r6r9u364t49k7qdef52qtm6wm5mcn0lpzfgnv"
OFFER = f"{NEAR}.h100.80Gi.sxm"
NAME = "aurora-abc123-0123456789ab-1"
FIRST_HEIGHT = 28_768_150
TOKEN = "eyJhbGciOiJFUzI1NksifQ.eyJpYXQiOjEwMDAsImV4cCI6NDYwMH0.c2lnbmF0dXJl"


def akash_at(
    server: Loopback,
    *,
    clock: SkippingClock,
    guard: Any = None,
    key: str | None = KEY,
    lcd_url: str | None = None,
    proxy_url: str = "http://127.0.0.1:9",
    attempt_s: float = 5,
) -> AkashProvider:
    """The adapter under test, talking to `server`."""
    account = AkashAccount(
        api_key=None if key is None else SecretStr(key),
        base_url=server.url,
        proxy_url=proxy_url,
        lcd_url=lcd_url,
        transport=Transport(attempt_s=attempt_s),
        log_silence_s=0.02,
    )
    return AkashProvider.connect(
        account,
        guard=guard if guard is not None else DirectGuard(),
        clock=clock,
        gpus=GPUS,
        places=PLACES,
    )


def spec(**changes: Any) -> Any:
    """A launch on `OFFER`."""
    changes = {"ports": ("8080", "53/udp"), "env": {"A": "B"}, **changes}
    return make_spec(changes.pop("offer_external_id", OFFER), **changes)


def refusal(status: int, message: str, code: str | None = None, **more: Any) -> Reply:
    """The Console's error shape."""
    body = {"error": "Error", "message": message, "code": code or "unknown_error", "type": "client_error"}
    return Reply(body, status=status, **more)


def uact(per_hour: float) -> dict[str, str]:
    """A price per block."""
    amount = (Decimal(str(per_hour)) * 1_000_000 / 600).quantize(Decimal("1e-18"), rounding=ROUND_FLOOR)
    return {"denom": "uact", "amount": str(amount)}


def bid(dseq: str, provider: str, *, usd: float = 2.5, state: str = "open", **more: Any) -> dict[str, Any]:
    """One row of `GET /v1/bids`."""
    at = {"owner": OWNER, "dseq": dseq, "gseq": 1, "oseq": 1, "provider": provider, "bseq": 0}
    gpu = {"units": {"val": "1"}, "attributes": [{"key": "vendor/nvidia/model/h100/ram/80Gi/interface/sxm"}]}
    offered = [{"resources": {"gpu": gpu, "cpu": {"units": {"val": "8000"}}}, "count": 1}]
    return {"bid": {"id": at, "state": state, "price": uact(usd), "resources_offer": offered, **more}}


def services(available: int = 1) -> dict[str, Any]:
    """What a provider says of a lease."""
    return {
        "services": {"app": {"name": "app", "available": available, "total": 1, "uris": None}},
        "forwarded_ports": {
            "app": [
                {"host": "provider.example.net", "port": 8080, "externalPort": 31457, "proto": "TCP"},
                {"host": "provider.example.net", "port": 53, "externalPort": 31458, "proto": "UDP"},
            ]
        },
        "ips": None,
    }


class Booth:
    """One account. `override` answers a path first; `era_b` adds what the newer contract has."""

    def __init__(self, clock: SkippingClock, *, era_b: bool = False) -> None:
        self.clock = clock
        self.era_b = era_b
        self.deployments: dict[str, dict[str, Any]] = {}
        self.bids: dict[str, list[dict[str, Any]]] = {}
        self.status: dict[str, dict[str, Any] | None] = {}
        self.names: dict[str, str] = {}
        self.override: dict[tuple[str, str], list[Reply]] = {}
        self.providers: list[dict[str, Any]] = []
        self.prices: dict[str, Any] = {"availability": {}, "models": []}
        self.deposits: list[float] = []
        self.indexed = True
        self.shuffled = False
        self._made = 0

    def __call__(self, asked: Asked) -> Reply:
        prepared = self.override.get((asked.method, asked.path))
        if prepared:
            return prepared.pop(0)
        parts = asked.path.strip("/").split("/")
        market = self._market(parts)
        if market is not None:
            return market
        if asked.headers.get("x-api-key") != KEY:
            return refusal(401, "Unauthorized", "unauthorized")
        return self._keyed(asked, parts[1:])

    def _market(self, parts: list[str]) -> Reply | None:
        if parts[1:2] == ["deployment"]:
            return self._on_chain(parts[3])
        if parts[1:2] == ["providers"] and len(parts) == 3:
            return Reply({"owner": parts[2], "hostUri": f"https://{parts[2][-6:]}.example.net:8443"})
        body = {
            "providers": self.providers,
            "gpu-prices": self.prices,
            "healthz": {"data": {"postgres": True}},
        }
        return Reply(body[parts[1]]) if parts[1:] and parts[1] in body else None

    def _on_chain(self, dseq: str) -> Reply:
        if not self.indexed or dseq not in self.names:
            return refusal(404, "Deployment not found", "not_found")
        group = {"group_spec": {"name": self.names[dseq]}}
        return Reply({"owner": OWNER, "dseq": dseq, "other": {"groups": [group]}})

    def _keyed(self, asked: Asked, parts: list[str]) -> Reply:
        answers: dict[tuple[str, str], Callable[[], Reply]] = {
            ("POST", "deployments"): lambda: self._create(asked.body["data"]),
            ("POST", "leases"): lambda: self._lease(asked.body),
            ("POST", "deposit-deployment"): lambda: self._deposit(asked.body["data"]),
            ("POST", "create-jwt-token"): lambda: Reply({"data": {"token": TOKEN}}, status=201),
            ("GET", "user"): lambda: Reply({"data": {"id": "u", "email": "a@b.c"}}),
            ("GET", "balances"): lambda: Reply({"data": {"balance": 42170000, "deployments": 1, "total": 2}}),
            ("GET", "bids"): lambda: Reply({"data": self.bids.get(asked.query["dseq"], [])}),
        }
        if parts[0] == "deployments" and (len(parts) == 2 or asked.method == "GET"):
            return self._one(asked, parts[1]) if len(parts) == 2 else self._list(asked.query)
        found = answers.get((asked.method, parts[0]))
        return found() if found else Reply("404 Not Found", status=404)

    def height(self) -> int:
        return FIRST_HEIGHT + int(self.clock.elapsed // 6)

    def _create(self, body: dict[str, Any]) -> Reply:
        self._made += 1
        dseq = str(int(self.clock.now().timestamp() * 1000) + self._made)
        micro = {"denom": "uact", "amount": f"{body['deposit'] * 1e6:.18f}"}
        at = {"owner": OWNER, "dseq": dseq}
        self.deployments[dseq] = {
            "deployment": {"id": at, "state": "active", "hash": "", "created_at": str(self.height())},
            "leases": [],
            "escrow_account": {
                "state": {"state": "open", "settled_at": str(self.height()), "funds": [micro], "deposits": []}
            },
        }
        self.sdl = body["sdl"]
        self.names[dseq] = body.get("name", "")
        if self.era_b:
            self.deployments[dseq]["name"] = body["name"]
        signed = {"code": 0, "transactionHash": "F38A", "rawLog": ""}
        return Reply({"data": {"dseq": dseq, "manifest": "[]", "signTx": signed}}, status=201)

    def lease(self, dseq: str, provider: str, *, usd: float = 2.5, **more: Any) -> dict[str, Any]:
        """Put a lease on the chain."""
        at = {"owner": OWNER, "dseq": dseq, "gseq": 1, "oseq": 1, "provider": provider, "bseq": 0}
        made = {
            "id": at,
            "state": "active",
            "price": uact(usd),
            "created_at": str(self.height()),
            "closed_on": "0",
            "reason": "lease_closed_invalid",
        }
        self.deployments[dseq]["leases"] = [{**made, **more}]
        return self.deployments[dseq]["leases"][0]

    def _lease(self, body: dict[str, Any]) -> Reply:
        wanted = body["leases"][0]
        found = self.deployments[wanted["dseq"]]
        if not any(lease["state"] != "closed" for lease in found["leases"]):
            taken = next(
                each["bid"]
                for each in self.bids[wanted["dseq"]]
                if each["bid"]["id"]["provider"] == wanted["provider"]
            )
            self.lease(wanted["dseq"], wanted["provider"])["price"] = taken["price"]
        self.status.setdefault(wanted["dseq"], services(0))
        return self._detail(wanted["dseq"])

    def _deposit(self, body: dict[str, Any]) -> Reply:
        self.deposits.append(body["deposit"])
        funds = self.deployments[body["dseq"]]["escrow_account"]["state"]["funds"]
        funds[0]["amount"] = f"{float(funds[0]['amount']) + body['deposit'] * 1e6:.18f}"
        return self._detail(body["dseq"])

    def _one(self, asked: Asked, dseq: str) -> Reply:
        if dseq not in self.deployments:
            return refusal(404, "Deployment not found", "not_found")
        if asked.method == "DELETE":
            found = self.deployments[dseq]
            found["deployment"]["state"] = "closed"
            for lease in found["leases"]:
                lease.update(state="closed", reason="lease_closed_owner")
            return Reply({"data": {"success": True}})
        return self._detail(dseq)

    def _detail(self, dseq: str) -> Reply:
        found = self.deployments[dseq]
        told = [{**lease, "status": self.status.get(dseq)} for lease in found["leases"]]
        return Reply({"data": {**found, "leases": told}})

    def _list(self, query: dict[str, str]) -> Reply:
        active = [row for row in self.deployments.values() if row["deployment"]["state"] == "active"]
        skip, limit = int(query["skip"]), int(query["limit"])
        page = [dict(row) for row in active[skip : skip + limit]]
        if self.shuffled:  # era A's bug: leases hang on whichever deployment was ready first
            hung = [row["leases"] for row in page]
            for row, others in zip(page, hung[1:] + hung[:1], strict=True):
                row["leases"] = others
        more = skip + limit < len(active)
        counted = {"total": len(active), "skip": skip, "limit": limit, "hasMore": more}
        return Reply({"data": {"deployments": page, "pagination": counted}})
