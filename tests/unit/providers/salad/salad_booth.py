"""SaladCloud's API as far as the tests need it: captured classes, and replies in the documented shapes."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from aurora.domain.gpu_table import GpuTable
from aurora.providers.base import CallGuard
from aurora.providers.metrics import DirectGuard
from aurora.providers.request import Transport
from aurora.providers.salad import SaladAccount, SaladProvider, normalise_base_url
from aurora.providers.salad.names import Place
from tests.unit.providers.loopback import START, Asked, Loopback, Reply, SkippingClock

GPUS = GpuTable.load()
KEY = "salad_cloud_user_0123456789"
FIXTURES = Path(__file__).parents[3] / "fixtures" / "salad"
ORGANIZATION = "/api/public/organizations/acme"
CONTAINERS = f"{ORGANIZATION}/projects/default/containers"
RTX4090 = "ed563892-aacd-40f5-80b7-90c9be6c759b"
A100X8 = "1665bfbe-6e12-41ef-82c9-1a5a35db8b37"
OFFER = f"{RTX4090}.high"
NAME = "aurora-abc123-0123456789ab-1"


def sample(name: str) -> Any:
    """A captured or documented reply."""
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def salad_at(
    server: Loopback, *, clock: SkippingClock, guard: CallGuard | None = None, attempt_s: float = 5
) -> SaladProvider:
    """The adapter under test, talking to `server`."""
    account = SaladAccount(
        SecretStr(KEY),
        Place("acme", "default"),
        base_url=normalise_base_url(server.url),
        transport=Transport(attempt_s=attempt_s),
    )
    return SaladProvider.connect(
        account, guard=guard if guard is not None else DirectGuard(), clock=clock, gpus=GPUS
    )


def problem(status: int, title: str, *, kind: str = "about:blank", detail: str = "") -> Reply:
    """RFC 7807."""
    return Reply({"type": kind, "title": title, "status": status, "detail": detail or title}, status=status)


class Booth:
    """`override` answers a path first, one prepared answer at a time."""

    def __init__(self, clock: SkippingClock) -> None:
        self.clock = clock
        self.classes = sample("gpu-classes_2025-09-22.json")["items"]
        self.free = {"high": 3, "medium": 2, "low": 0, "batch": 7}
        self.groups: dict[str, dict[str, Any]] = {}
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.events: dict[str, list[str]] = {}
        self.quota = 10
        self.override: dict[tuple[str, str], list[Reply]] = {}

    def __call__(self, asked: Asked) -> Reply:
        prepared = self.override.get((asked.method, asked.path))
        if prepared:
            return prepared.pop(0)
        if asked.headers.get("salad-api-key") != KEY:
            return problem(401, "Unauthorized")
        if not asked.path.startswith(f"{ORGANIZATION}/"):
            return problem(404, "Not Found", detail="No such organization")
        if asked.path.startswith(CONTAINERS):
            return self._containers(asked, asked.path.removeprefix(CONTAINERS).strip("/").split("/"))
        answers = {
            "/gpu-classes": lambda _: {"items": self.classes},
            "/availability/sce-gpu-availability": self._availability,
            "/quotas": self._quotas,
            "/log-entries": self._logs,
        }
        answer = answers.get(asked.path.removeprefix(ORGANIZATION))
        found = answer(asked.body) if answer else problem(404, "Not Found")
        return found if isinstance(found, Reply) else Reply(found)

    def _availability(self, _: Any) -> dict[str, int]:
        return {f"available_gpu_{each}": count for each, count in self.free.items()} | {"on_call_gpu": 1}

    def _quotas(self, _: Any) -> dict[str, Any]:
        used = {"container_replicas_quota": self.quota, "container_replicas_used": len(self.groups)}
        return {"container_groups_quotas": used}

    def write(self, name: str, *lines: str, at: datetime | None = None) -> None:
        """Log lines of this moment, or of another."""
        for line in lines:
            self.entries.setdefault(name, []).append(
                {
                    "time": (at or START + timedelta(seconds=self.clock.elapsed)).isoformat(),
                    "severity": "default",
                    "resource": {"type": "container", "labels": {"instance_id": "i-1"}},
                    "text_log": line,
                }
            )

    def _containers(self, asked: Asked, parts: list[str]) -> Reply:
        name, what = parts[0], parts[1:]
        if not name:
            groups = list(self.groups.values())
            return Reply({"items": groups}) if asked.method == "GET" else self._create(asked.body)
        if name not in self.groups:
            return problem(404, "Not Found")
        if what == ["system-logs"]:
            told = [{"event_name": each, "version": "1"} for each in self.events.get(name, [])]
            return Reply({"items": told})
        if asked.method == "DELETE":
            del self.groups[name]
            return Reply(b"", status=202)
        return Reply(self.groups[name])

    def _create(self, body: dict[str, Any]) -> Reply:
        name = body["name"]
        if name in self.groups:
            return problem(400, "Bad Request", kind="name_conflict", detail="The name is in use")
        self.groups[name] = {
            "id": f"5f7a1f0e-0d3c-4f0b-9a54-{len(self.groups):012d}",
            "name": name,
            "replicas": 1,
            "priority": body["container"]["priority"],
            "version": 1,
            "create_time": START.isoformat(),
            "container": body["container"],
            "networking": {"dns": "orange-melon-abc123.salad.cloud", **body.get("networking", {"port": 80})},
            "current_state": {
                "status": "running",
                "description": "",
                "start_time": "2026-06-03T08:00:00.1234567+00:00",
                "instance_status_counts": {
                    "allocating_count": 0,
                    "creating_count": 0,
                    "running_count": 1,
                    "stopping_count": 0,
                },
            },
        }
        return Reply(self.groups[name], status=201)

    def _logs(self, body: dict[str, Any]) -> Reply:
        start, end = (datetime.fromisoformat(body[name]) for name in ("start_time", "end_time"))
        now = START + timedelta(seconds=self.clock.elapsed)
        if end > now + timedelta(milliseconds=1):
            return problem(400, "Bad Request", detail="end_time is in the future")
        found = re.search(r'container_group_name = "([^"]+)"', body["query"])
        rows = self.entries.get(found[1] if found else "", [])
        rows = [row for row in rows if start <= datetime.fromisoformat(row["time"]).astimezone(UTC) <= end]
        rows = sorted(rows, key=lambda row: row["time"])  # stable: as they were written
        if body["sort_order"] == "desc":
            rows = rows[::-1]
        return Reply({"items": rows[: body["page_size"]], "organization_name": "acme"})
