"""Vast.ai's API as far as the conformance kit needs it: recorded rows, and replies in the documented shapes."""

import json
from typing import Any

from pydantic import SecretStr

from aurora.domain.gpu_table import GpuTable
from aurora.domain.region import RegionTable
from aurora.providers.base import CallGuard
from aurora.providers.metrics import DirectGuard
from aurora.providers.request import Transport
from aurora.providers.vastai import VastAccount, VastProvider
from tests.unit.providers.loopback import KEY, Asked, Loopback, Reply, SkippingClock, fixture

GPUS, PLACES = GpuTable.load(), RegionTable.load()
INSTANCE_KEY = "f" * 64


def vast_at(
    server: Loopback, *, clock: SkippingClock, guard: CallGuard | None = None, attempt_s: float = 5
) -> Any:
    """The adapter under test, talking to `server`."""
    return VastProvider.connect(
        VastAccount(SecretStr(KEY), base_url=server.url, transport=Transport(attempt_s=attempt_s)),
        guard=guard if guard is not None else DirectGuard(),
        clock=clock,
        gpus=GPUS,
        places=PLACES,
    )


class Booth:
    """Offers of the captured file; instances made from the documented one. `override` answers a path first."""

    def __init__(self) -> None:
        self.offers = {row["id"]: row for row in fixture("bundles_a100_2026-06-03.json")["offers"]}
        self.instances: dict[int, dict[str, Any]] = {}
        self.logs: dict[int, list[str]] = {}
        self.log_waits = 1
        self.override: dict[tuple[str, str], list[Reply]] = {}
        self.base = ""
        self._template = fixture("docs_show_instances_v1.json")["instances"][0]
        self._looks = 0

    def __call__(self, asked: Asked) -> Reply:
        prepared = self.override.get((asked.method, asked.path))
        if prepared:
            return prepared.pop(0)
        parts = asked.path.strip("/").split("/")
        if parts[0] == "files":
            return self._log_file(int(parts[1]))
        if parts[:3] == ["api", "v0", "gpu_names"]:
            return Reply({"gpu_names": ["RTX 4090", "A100 SXM4"]})
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return Reply({"success": False, "error": "auth_error", "msg": "Invalid user key"}, status=401)
        return self._keyed(asked, parts[2:])

    def _keyed(self, asked: Asked, parts: list[str]) -> Reply:
        match (asked.method, *parts):
            case ("POST", "bundles"):
                return self._search(asked.body)
            case ("PUT", "asks", ask):
                return self._create(int(ask), asked.body)
            case ("GET", "instances"):
                return self._list(asked.query)
            case (_, "instances", *_, number):
                return self._one(asked, int(number), logs="request_logs" in parts)
            case ("GET", "users", "current"):
                return Reply({"id": 1, "credit": 12.5, "balance": 0, "api_key": KEY, "email": "a@b.c"})
        return Reply("404 page not found", status=404)

    def _one(self, asked: Asked, number: int, *, logs: bool) -> Reply:
        found = self.instances.get(number)
        if asked.method == "GET":
            return Reply({"instances": found})
        if logs:
            self._looks = 0
            here = {"success": True, "result_url": f"{self.base}/files/{number}", "msg": "ok"}
            return (
                Reply(here)
                if found
                else Reply({"error": "invalid_id", "msg": "Invalid instance id."}, status=404)
            )
        self.instances.pop(number, None)
        gone = {"success": False, "error": "not_found", "msg": "Instance not found"}
        return Reply({"success": True}) if found else Reply(gone, status=404)

    def _search(self, query: dict[str, Any]) -> Reply:
        wanted = query.get("ask_contract_id", {}).get("eq")
        name = query.get("gpu_name", {}).get("eq")
        rows = [
            row
            for row in self.offers.values()
            if wanted in (None, row["id"]) and name in (None, row["gpu_name"]) and row["rentable"]
        ]
        return Reply({"offers": [self._priced(row, query["allocated_storage"]) for row in rows]})

    def _priced(self, row: dict[str, Any], allocated_gb: float) -> dict[str, Any]:
        storage = row["storage_cost"] * allocated_gb / 720
        return {**row, "storage_total_cost": storage, "dph_total": row["dph_base"] + storage}

    def _create(self, ask: int, body: dict[str, Any]) -> Reply:
        row = self.offers.get(ask)
        if row is None or not row["rentable"]:
            text = f"error 404/3603: no_such_ask Instance type by id {ask} is not available."
            return Reply({"success": False, "error": "invalid_args", "msg": text, "ask_id": ask}, status=404)
        row["rentable"] = False
        number = 33402296 + len(self.instances)
        self.instances[number] = {
            **self._template,
            "id": number,
            "label": body["label"],
            "dph_total": row["dph_base"] + row["storage_cost"] * body["disk"] / 720,
            "extra_env": [[name, text] for name, text in body["env"].items()],
        }
        return Reply({"success": True, "new_contract": number, "instance_api_key": INSTANCE_KEY})

    def _list(self, query: dict[str, str]) -> Reply:
        after = int(query.get("after_token", "0"))
        rows = [row for number, row in sorted(self.instances.items()) if number > after]
        page = rows[: int(query["limit"])]
        token = str(page[-1]["id"]) if len(page) < len(rows) else None
        return Reply(
            {
                "success": True,
                "instances_found": len(page),
                "total_instances": len(self.instances),
                "label_counts": {},
                "next_token": token,
                "instances": page,
            }
        )

    def _log_file(self, number: int) -> Reply:
        self._looks += 1
        if self._looks <= self.log_waits:
            return Reply("<Error><Code>AccessDenied</Code></Error>", status=403)
        return Reply("".join(f"{line}\n" for line in self.logs.get(number, [])))

    def dump(self) -> str:
        return json.dumps(self.instances)
