"""The emulated Dispersed as a client sees it. The client signs by a reading of the rule of its own."""

import hashlib
import hmac
import itertools
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from aurora.emulators.server import EmulatorOptions, running

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "render"
SAMPLE = json.loads((FIXTURES / "dispersed_create_job_request_client.json").read_text())
RTX_5090 = SAMPLE["gpu_registry_uuid"]


def compact(value):
    """Sorted at every depth, no spaces: what JavaScript's JSON.stringify makes of sorted objects."""
    return (
        b""
        if value is None
        else json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


def query_of(parameters):
    pairs = sorted((quote(k, safe=""), quote(str(v), safe="")) for k, v in parameters.items())
    return "&".join(f"{key}={value}" for key, value in pairs)


def signed(secret, *parts):
    return hmac.new(secret.encode(), "|".join(parts).encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def code(self):
        return self.body["error"]["code"]


@dataclass
class Dispersed:
    url: str
    session: aiohttp.ClientSession
    clock: Any
    counter: Any = field(default_factory=lambda: itertools.count(1))

    def headers(self, method, path, *, query="", payload=b"", key="pk_someone", **changed):
        time = changed.get("time") or str(round(self.clock.now().timestamp() * 1000))
        nonce = changed.get("nonce") or f"{next(self.counter):032x}"
        secret = changed.get("secret") or "sk_someone"
        digest = hashlib.sha256(payload).hexdigest()
        return {
            "X-API-Key": key,
            "X-Time": time,
            "X-Nonce": nonce,
            "X-Signature": signed(secret, key, time, nonce, method, path, query, digest),
            "Content-Type": "application/json",
        }

    async def ask(self, method, path, *, json=None, parameters=None, prefix="/render", **signing):
        query, payload = query_of(parameters or {}), compact(json)
        headers = self.headers(method, prefix + path, query=query, payload=payload, **signing)
        return await self.send(method, path, query=query, payload=payload, headers=headers)

    async def send(self, method, path, *, query="", payload=b"", headers):
        url = URL(f"{self.url}/render{path}{'?' if query else ''}{query}", encoded=True)
        async with self.session.request(method, url, data=payload or None, headers=headers) as response:
            return Answer(response.status, await response.json(), response.headers)

    async def rows(self, path, **parameters):
        answer = await self.ask("GET", path, parameters=parameters)
        assert answer.status == 200, answer
        return answer.body["data"]

    async def create(self, **changes):
        return await self.ask("POST", "/v1/jobs", json={**SAMPLE, **changes})

    async def rent(self, **changes):
        answer = await self.create(**changes)
        assert answer.status == 201, answer
        return answer.body["uuid"]

    async def running(self, **changes):
        job = await self.rent(**changes)
        for _ in range(100):
            if await self.status(job) == "RUNNING":
                return job
            self.clock.step(10)
        raise AssertionError(await self.status(job))

    async def status(self, job):
        answer = await self.ask("GET", f"/v1/jobs/{job}")
        assert answer.status == 200, answer
        return answer.body["status"]

    async def cancel(self, job):
        return await self.ask("PUT", f"/v1/jobs/{job}/cancel", json={"reason": "done"})

    async def runs(self, job, **more):
        return await self.rows("/v1/job-runs", **{"filter[job_uuid]": job, **more})

    async def ledger(self):
        return {row["id"]: row for row in (await self.control("GET", "ledger"))["instances"]}

    async def control(self, method, what, **options):
        async with self.session.request(method, f"{self.url}/_emulator/render/{what}", **options) as response:
            text = await response.text()
            assert response.status < 300, text
            return json.loads(text) if text else None

    async def fault(self, kind, operation="*", **more):
        await self.control("POST", "faults", json={"kind": kind, "operation": operation, **more})

    async def event(self, name, job, **more):
        await self.control("POST", "events", json={"event": name, "id": job, **more})


@pytest.fixture
async def start(clock):
    async with AsyncExitStack() as stack:

        async def started(**options):
            options = EmulatorOptions(**{"providers": ("render",), "offers": 80, **options})
            url = await stack.enter_async_context(running(options, clock))
            session = await stack.enter_async_context(
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
            )
            session._retry_connection = False
            return Dispersed(url, session, clock)

        yield started


@pytest.fixture
async def dispersed(start):
    return await start()
