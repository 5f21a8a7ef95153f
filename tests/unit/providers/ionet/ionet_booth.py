"""io.net's CaaS API as far as the tests need it: captured hardware, and replies in the documented shapes."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from aurora.domain.gpu_table import GpuTable
from aurora.domain.region import RegionTable
from aurora.providers.base import CallGuard
from aurora.providers.ionet import IonetAccount, IonetProvider, RefundRule, normalise_base_url
from aurora.providers.ionet.logs import Patience
from aurora.providers.metrics import DirectGuard
from aurora.providers.request import Transport
from tests.unit.providers.loopback import Asked, Loopback, Raw, Reply, SkippingClock

GPUS, PLACES = GpuTable.load(), RegionTable.load()
KEY = "io-v2-0123456789abcdef"
CAAS = "/enterprise/v1/io-cloud/caas"
FIXTURES = Path(__file__).parents[3] / "fixtures" / "ionet"
OFFER = "net-12.3.1"
SKU = "sku-gpu_2x_6000_ada.US.2"
NAME = "aurora-abc123-0123456789ab-1"
QUICK = Patience(silence=0.05, read=0.5, pause=0.02)


def captured() -> list[dict[str, Any]]:
    """The hardware rows of the capture of 2026-10-08."""
    told = json.loads((FIXTURES / "mcp_caas_get_hardware_ids_a.json").read_text(encoding="utf-8"))
    return list(told["result"]["data"]["data"])


def ionet_at(
    server: Loopback,
    *,
    clock: SkippingClock,
    guard: CallGuard | None = None,
    attempt_s: float = 5,
    patience: Patience = QUICK,
    refund: RefundRule = RefundRule.FIRST_HOUR_KEPT,
    billing_model: str | None = None,
    **more: Any,
) -> IonetProvider:
    """The adapter under test, talking to `server`."""
    account = IonetAccount(
        SecretStr(KEY),
        base_url=normalise_base_url(server.url),
        transport=Transport(attempt_s=attempt_s),
        patience=patience,
        refund=refund,
        billing_model=billing_model,
        **more,
    )
    return IonetProvider.connect(
        account, guard=guard if guard is not None else DirectGuard(), clock=clock, gpus=GPUS, places=PLACES
    )


def refusal(status: int, detail: Any) -> Reply:
    """FastAPI's shape."""
    return Reply({"detail": detail}, status=status)


def events(*lines: str) -> Raw:
    """An event stream that ends after these lines."""
    body = "".join(f"data: {line}\n\n" for line in lines)
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return Raw((head + body).encode())


class Booth:
    """`override` answers a path first, one prepared answer at a time."""

    def __init__(self) -> None:
        self.hardware = captured()
        self.free = {(12, 3): 2, (12, 17): 5}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}
        self.log: dict[str, list[str]] = {}
        self.errors: dict[str, list[str]] = {}
        self.override: dict[tuple[str, str], list[Reply | Raw]] = {}
        self.first_page = 0
        self.wrapped = False
        """The older shape of the hardware answer."""

    def __call__(self, asked: Asked) -> Reply | Raw:
        prepared = self.override.get((asked.method, asked.path.removeprefix(CAAS)))
        if prepared:
            return prepared.pop(0)
        if asked.path == "/v1/io-cloud/caas/hardware":
            return Reply({"data": {"hardware": [_console(row) for row in self.hardware]}})
        if asked.headers.get("x-api-key") != KEY:
            return refusal(401, "Unauthorized")
        if not asked.path.startswith(CAAS):
            return refusal(404, "Not Found")
        return self._keyed(asked, asked.path.removeprefix(CAAS).strip("/").split("/"))

    def _keyed(self, asked: Asked, parts: list[str]) -> Reply | Raw:
        if parts[0] == "deployment":
            found = self.jobs.get(parts[1])
            return refusal(404, "Not found") if found is None else self._one(asked, found, parts[2:])
        answers = {
            "hardware": self._hardware,
            "available-replicas": self._replicas,
            "price": self._price,
            "deploy": self._deploy,
            "deployments": self._list,
        }
        return answers[parts[0]](asked) if parts[0] in answers else refusal(404, "Not Found")

    def _hardware(self, _: Asked) -> Reply:
        rows: Any = self.hardware
        return Reply({"data": {"hardware": rows, "total": len(rows)} if self.wrapped else rows})

    def _one(self, asked: Asked, job: dict[str, Any], rest: list[str]) -> Reply | Raw:
        match (asked.method, *rest):
            case ("GET",):
                return Reply({"data": job})
            case ("GET", "containers"):
                return Reply({"data": {"total": 1, "workers": [_worker(job)]}})
            case ("GET", "log", _):
                kept = self.log if asked.query.get("stream") == "stdout" else self.errors
                return events(*kept.get(job["id"], []))
            case ("POST", "extend"):
                job["compute_minutes_remaining"] += 60 * asked.body["duration_hours"]
                return Reply({"data": job})
            case ("DELETE",):
                job["status"] = "destroyed"
                return Reply({"status": "success", "deployment_id": job["id"]})
        return refusal(404, "Not Found")

    def _replicas(self, asked: Asked) -> Reply:
        hardware = int(asked.query["hardware_id"])
        places = {3: ("US", "United States"), 17: ("DE", "Germany")}
        rows = [
            {
                "id": place,
                "iso2": code,
                "name": name,
                "available_replicas": self.free.get((hardware, place), 0),
            }
            for place, (code, name) in places.items()
        ]
        return Reply({"data": rows})

    def _price(self, asked: Asked) -> Reply:
        query = asked.query
        places = json.loads(query["location_ids"])
        row = next((each for each in self.hardware if str(each["hardware_id"]) == query["hardware_id"]), None)
        if row is None:
            return refusal(422, "hardware_id is invalid")
        hours, gpus = int(query["duration_hours"]), int(query["gpus_per_container"])
        each_usd = row["price"] if isinstance(row["hardware_id"], str) else row["price"] * gpus
        free = [self.free.get((row["hardware_id"], place), row["available"]) for place in places]
        return Reply({"data": {"available_replica_count": free, "total_cost_usdc": each_usd * hours}})

    def _deploy(self, asked: Asked) -> Reply:
        body = asked.body
        place = (body["hardware_id"], body["location_ids"][0])
        if self.free.get(place, 1) < 1:
            return refusal(409, "Not enough replicas available")
        if place in self.free:
            self.free[place] -= 1
        row = next(each for each in self.hardware if each["hardware_id"] == body["hardware_id"])
        job = f"3c90c3cc-0d44-4b50-8888-{len(self.jobs):012d}"
        self.names[job] = body["resource_private_name"]
        self.jobs[job] = {
            "id": job,
            "status": "running",
            "created_at": "2026-06-03T08:00:00",
            "started_at": "2026-06-03T08:00:00",
            "finished_at": None,
            "amount_paid": row["price"],
            "completed_percent": 0,
            "total_gpus": 1,
            "gpus_per_container": 1,
            "hardware_name": row["hardware_name"],
            "hardware_id": row["hardware_id"],
            "locations": [{"id": 3, "iso2": "US", "name": "United States"}],
            "compute_minutes_served": 0,
            "compute_minutes_remaining": 60,
            "container_config": {"traffic_port": body["container_config"]["traffic_port"]},
        }
        return Reply({"status": "success", "deployment_id": job})

    def _list(self, asked: Asked) -> Reply:
        query = asked.query
        page, size = int(query["page"]) - self.first_page, int(query["page_size"])
        if page < 0 or size > 100:
            return refusal(
                422, [{"loc": ["query", "page"], "msg": "too small", "type": "greater_than_equal"}]
            )
        keep = ("id", "status", "compute_minutes_served", "compute_minutes_remaining", "created_at")
        rows = [
            {**{name: job[name] for name in keep}, "name": self.names[job["id"]]}
            for job in reversed(self.jobs.values())
        ]
        return Reply(
            {"data": {"deployments": rows[page * size :][:size], "total": len(rows), "statuses": []}}
        )


def _worker(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "container_id": f"c-{job['id'][-4:]}",
        "status": "running",
        "container_events": [{"time": "2026-06-03T08:00:00Z", "message": "Pulling image"}],
        "public_url": f"https://{job['id'][-4:]}.caas.example-io.net",
    }


def _console(row: dict[str, Any]) -> dict[str, Any]:
    found = re.search(r"(\d+)GB", row["hardware_name"])
    return {
        "deploy_id": row["hardware_id"],
        "num_cards": row["max_gpus_per_container"],
        "price": row["price"],
        "vram_per_card": int(found[1]) if found else None,
        "storage": 900,
    }
