"""Dispersed as far as the tests need it. It checks every signature by the published rule, worked out a second time."""

import hashlib
import hmac
import json
import re
from typing import Any

from pydantic import SecretStr

from aurora.domain.gpu_table import GpuTable
from aurora.providers.metrics import DirectGuard
from aurora.providers.render import DispersedAccount, DispersedProvider
from aurora.providers.request import Transport
from tests.unit.providers.loopback import Asked, Loopback, Reply, SkippingClock, make_spec

GPUS = GpuTable.load()
PUBLIC, SECRET = "pk_test_0123456789", "sk_test_0123456789"
RTX5090 = "0198ac1c-7063-4be8-bb94-57a5bd83548e"
NAME = "aurora-abc123-0123456789ab-1"
FILTERS = re.compile(r"filter\[(\w+)\]")


def dispersed_at(
    server: Loopback, *, clock: SkippingClock, guard: Any = None, attempt_s: float = 5
) -> DispersedProvider:
    """The adapter under test, talking to `server`."""
    account = DispersedAccount(
        SecretStr(PUBLIC), SecretStr(SECRET), server.url, transport=Transport(attempt_s=attempt_s)
    )
    return DispersedProvider.connect(
        account, guard=guard if guard is not None else DirectGuard(), clock=clock, gpus=GPUS
    )


def spec(**changes: Any) -> Any:
    """A launch on the RTX 5090."""
    plain = {"ports": ("8080",), "command": (), "image": "ghcr.io/acme/app:1.2.3"}
    return make_spec(changes.pop("offer_external_id", RTX5090), **{**plain, **changes})


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def refusal(status: int, code: str = "some_code", message: str = "no", **more: Any) -> Reply:
    """The error shape that a client quotes."""
    return Reply({"error": {"code": code, "message": message}}, status=status, **more)


def job(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {"uuid": uuid(number), "title": NAME, "status": "RUNNING", "task": "PERSISTENT", **changes}


def run(number: int = 1, *, ports: tuple[str, ...] = ("ssh", "8080")) -> dict[str, Any]:
    """A running job-run."""
    urls = [
        {"hostname": "mlpipe4-us.proxy.dispersed.com", "port": 31877 + n, "description": port, "tls": False}
        for n, port in enumerate(ports)
    ]
    return {"uuid": uuid(900 + number), "job_uuid": uuid(number), "status": "RUNNING", "node_urls": urls}


class Booth:
    """One account. `cap` is the most rows of any answer. `override` answers a path first."""

    def __init__(self) -> None:
        self.registry: list[dict[str, Any]] = [
            {
                "uuid": RTX5090,
                "name": "NVIDIA RTX 5090",
                "vram_gb": 32,
                "available": 8,
                "price_per_hour": 0.69,
            }
        ]
        self.jobs: dict[str, dict[str, Any]] = {}
        self.runs: list[dict[str, Any]] = []
        self.override: dict[tuple[str, str], list[Reply]] = {}
        self.cap = 10_000
        self.nonces: set[str] = set()
        self.forged: list[Asked] = []

    def __call__(self, asked: Asked) -> Reply:
        if not self._signed(asked):
            self.forged.append(asked)
            return refusal(401, "invalid_signature")
        prepared = self.override.get((asked.method, asked.path))
        if prepared:
            return prepared.pop(0)
        parts = asked.path.strip("/").split("/")[1:]
        if asked.method == "POST":
            return self._create(asked)
        if parts[0] == "compute":
            return Reply({"data": []})
        if len(parts) > 1:
            return self._one(asked, parts[1])
        rows = {"gpu-registry": self.registry, "jobs": [*self.jobs.values()], "job-runs": self.runs}[parts[0]]
        shown = [row for row in rows if _matches(asked, row)]
        return Reply({"data": shown[: min(int(asked.query["limit"]), self.cap)]})

    def _signed(self, asked: Asked) -> bool:
        nonce = asked.headers.get("x-nonce", "")
        if nonce in self.nonces or len(nonce) != 32 or asked.headers.get("x-api-key") != PUBLIC:
            return False
        self.nonces.add(nonce)
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(asked.query.items()))
        sent = b"" if asked.body is None else _javascript(asked.body).encode()
        digest = hashlib.sha256(sent).hexdigest()
        line = "|".join((PUBLIC, asked.headers["x-time"], nonce, asked.method, asked.path, query, digest))
        found = hmac.new(SECRET.encode(), line.encode(), hashlib.sha256).hexdigest()
        return found == asked.headers.get("x-signature")

    def _create(self, asked: Asked) -> Reply:
        number = len(self.jobs) + 1
        self.jobs[uuid(number)] = job(number, title=asked.body["title"])
        self.runs.insert(0, run(number))
        return Reply(self.jobs[uuid(number)], status=201)

    def _one(self, asked: Asked, number: str) -> Reply:
        found = self.jobs.get(number)
        if found is None:
            return refusal(404, "not_found", "no such job")
        if asked.method == "PUT":
            if found["status"] in {"COMPLETED", "FAILED", "CANCELLED"}:
                return refusal(409, "not_cancellable")
            found["status"] = "CANCELLED"
            return Reply("", status=204)
        return Reply(found)


def _matches(asked: Asked, row: dict[str, Any]) -> bool:
    for name, value in asked.query.items():
        found = FILTERS.fullmatch(name)
        if found and found[1] in {"status", "job_uuid"} and row.get(found[1]) not in value.split(","):
            return False
    return True


def _quoted(text: str) -> str:
    return "".join(
        chr(byte) if chr(byte).isalnum() or chr(byte) in "-._~" else f"%{byte:02X}" for byte in text.encode()
    )


def _javascript(value: Any) -> str:
    """`JSON.stringify` of the object with sorted keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{_javascript(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_javascript, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
