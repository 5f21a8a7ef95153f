"""A gateway as far as the tests need it: answers in the shapes of docs/gateway-openapi.yaml. A fresh job runs at once."""

from typing import Any

from pydantic import SecretStr

from aurora.domain.gpu_table import GpuTable
from aurora.domain.region import RegionTable
from aurora.providers.gateway import GatewayAccount, GatewayProvider
from aurora.providers.metrics import DirectGuard
from aurora.providers.request import Transport
from tests.unit.providers.loopback import Asked, Loopback, Reply, SkippingClock, make_spec

GPUS, PLACES = GpuTable.load(), RegionTable.load()
KEY = "gateway-key-0123456789"
OFFER = "rtx4090-24.us-west"
NAME = "aurora-abc123-0123456789ab-1"


def gateway_at(
    server: Loopback,
    *,
    clock: SkippingClock,
    guard: Any = None,
    attempt_s: float = 5,
    name: str = "aethir",
    **more: Any,
) -> GatewayProvider:
    """The adapter under test, talking to `server`."""
    account = GatewayAccount(
        name, SecretStr(KEY), f"{server.url}/v1", transport=Transport(attempt_s=attempt_s), **more
    )
    return GatewayProvider.connect(
        account,
        guard=guard if guard is not None else DirectGuard(),
        clock=clock,
        gpus=GPUS,
        places=PLACES,
    )


def spec(**changes: Any) -> Any:
    """A launch on `OFFER`."""
    return make_spec(changes.pop("offer_external_id", OFFER), **{"ports": ("8080",), **changes})


def refusal(status: int, code: str, message: str = "no", **more: Any) -> Reply:
    """The contract's error shape; `headers` of the answer, everything else of the error."""
    headers = more.pop("headers", {})
    error = {
        "code": code,
        "message": message,
        "retryable": False,
        "request_id": "5f1c",
        "details": {},
        **more,
    }
    return Reply({"error": error}, status=status, headers=headers)


def row(offer_id: str = OFFER, **changes: Any) -> dict[str, Any]:
    """One offer; the example of the contract."""
    return {
        "id": offer_id,
        "gpu_model": "NVIDIA RTX 4090",
        "gpu_count": 1,
        "vram_gb": 24,
        "cpu_cores": 16,
        "memory_gb": 64,
        "max_disk_gb": 500,
        "region": "us-west",
        "country": "US",
        "available": 1,
        "price_per_hour": "0.350000",
        "disk_price_per_gb_hour": "0.000100",
        "currency": "USD",
        "spot": False,
        "min_billing_minutes": 60,
        "updated_at": "2026-11-20T09:00:00Z",
        **changes,
    }


def job(job_id: str = "1", **changes: Any) -> dict[str, Any]:
    """One job that runs; the example of the contract."""
    return {
        "id": job_id,
        "name": NAME,
        "labels": {"owner": "aurora", "workload": NAME},
        "status": "running",
        "status_reason": None,
        "attempt": 1,
        "image": "nginx:latest",
        "offer_id": OFFER,
        "gpu_model": "NVIDIA RTX 4090",
        "gpu_count": 1,
        "vram_gb": 24,
        "region": "us-west",
        "price_per_hour": "0.354000",
        "cost_total": "0.088500",
        "currency": "USD",
        "endpoints": [
            {"container_port": 8080, "protocol": "tcp", "host": "n17.gw.example", "port": 31877},
        ],
        "created_at": "2026-06-03T08:00:00Z",
        "billing_started_at": "2026-06-03T08:00:01Z",
        "started_at": "2026-06-03T08:00:02Z",
        "finished_at": None,
        "exit_code": None,
        **changes,
    }


class Booth:
    """One account. `override` answers a path first; `page` is the most rows of a page; `quotes` as in version 1.1."""

    def __init__(self, *, page: int = 200, quotes: bool = True) -> None:
        self.offers = {each["id"]: each for each in (row(f"rtx4090-24.us-west-{n}") for n in range(5))}
        self.offers[OFFER] = row()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.log: dict[str, list[str]] = {}
        self.override: dict[tuple[str, str], list[Reply]] = {}
        self.page = page
        self.quotes = quotes

    def __call__(self, asked: Asked) -> Reply:
        prepared = self.override.get((asked.method, asked.path))
        if prepared:
            return prepared.pop(0)
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return refusal(401, "unauthenticated")
        parts = asked.path.strip("/").split("/")[1:]
        if parts[0] == "gpus":
            return self._gpus(asked, parts)
        if parts[0] == "jobs" and len(parts) > 1:
            return self._one(asked, parts[1], logs=len(parts) > 2)
        answers = {
            ("GET", "account"): lambda: Reply(
                {"id": "a", "currency": "USD", "balance": "12.500000", "hourly_burn": "0"}
            ),
            ("POST", "jobs"): lambda: self._create(asked),
            ("GET", "jobs"): lambda: self._list(
                [each for each in self.jobs.values() if _matches(asked, each)], asked
            ),
        }
        return answers[asked.method, parts[0]]()

    def _gpus(self, asked: Asked, parts: list[str]) -> Reply:
        if len(parts) == 1:
            return self._list([each for each in self.offers.values() if self._shown(asked, each)], asked)
        if not self.quotes:
            return refusal(404, "not_found", "no such route")
        return self._quote(parts[1], int(asked.query["disk_gb"]))

    def _shown(self, asked: Asked, offer: dict[str, Any]) -> bool:
        return offer["available"] > 0 or asked.query.get("available") == "false"

    def _list(self, rows: list[dict[str, Any]], asked: Asked) -> Reply:
        rows = sorted(rows, key=lambda each: each["id"])
        later = [each for each in rows if each["id"] > asked.query.get("cursor", "")]
        shown = later[: min(self.page, int(asked.query["limit"]))]
        following = shown[-1]["id"] if len(shown) < len(later) else None
        return Reply({"data": shown, "next_cursor": following})

    def _quote(self, offer_id: str, disk_gb: int) -> Reply:
        found = self.offers.get(offer_id)
        if found is None:
            return refusal(404, "not_found")
        price = float(found["price_per_hour"]) + disk_gb * float(found["disk_price_per_gb_hour"])
        quote = {"disk_gb": disk_gb, "duration_minutes": 60, "billed_minutes": 60}
        return Reply({**found, "quote": {**quote, "price_per_hour": f"{price:.6f}", "total": f"{price:.6f}"}})

    def _create(self, asked: Asked) -> Reply:
        offer = self.offers.get(asked.body["gpu"]["offer_id"])
        if offer is None or not offer["available"]:
            return refusal(404, "not_found", "not sold any more")
        offer["available"] -= 1
        made = job(str(len(self.jobs) + 1), name=asked.body["name"])
        self.jobs[made["id"]] = made
        return Reply(made, status=201, headers={"Location": f"/jobs/{made['id']}"})

    def _one(self, asked: Asked, job_id: str, *, logs: bool) -> Reply:
        found = self.jobs.get(job_id)
        if found is None:
            return refusal(404, "not_found", f"no job {job_id}")
        if logs:
            return self._logs(job_id, asked.query)
        if asked.method == "DELETE" and found["status"] not in {"cancelled", "succeeded", "failed"}:
            reason = {"code": "user_requested", "message": "stopped by the client"}
            found.update(status="cancelled", status_reason=reason, cost_total="0.354000")
            return Reply({**found, "status": "stopping"}, status=202)
        return Reply(found)

    def _logs(self, job_id: str, query: dict[str, str]) -> Reply:
        lines = list(enumerate(self.log.get(job_id, []), start=1))
        tail = int(query["tail"])
        since = int(query.get("cursor", "0"))
        shown = [(seq, line) for seq, line in lines if seq > since]
        shown = shown[:tail] if "cursor" in query else shown[-tail:]
        ended = self.jobs[job_id]["status"] in {"succeeded", "failed", "cancelled"}
        rows = [
            {"seq": seq, "ts": "2026-06-03T08:00:03.120Z", "stream": "stdout", "line": line}
            for seq, line in shown
        ]
        last = shown[-1][0] if shown else since
        return Reply({"data": rows, "next_cursor": str(last), "complete": ended and last == len(lines)})


def _matches(asked: Asked, found: dict[str, Any]) -> bool:
    statuses = asked.query.get("status")
    if statuses is not None and found["status"] not in statuses.split(","):
        return False
    return found["created_at"] >= asked.query.get("created_after", "")
