"""Emulated gateways as a client sees them. Every answer is held against the published document before a test sees it."""

import itertools
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from aurora.emulators.server import EmulatorOptions, running
from tests.emulators.gateway import contract

BRANDS = ("render", "aethir", "flux")


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def code(self):
        return self.body["error"]["code"]

    @property
    def fields(self):
        return [row["path"] for row in self.body["error"]["details"]["fields"]]


@dataclass
class Gateway:
    url: str
    brand: str
    session: aiohttp.ClientSession
    clock: Any
    keys: Any = field(default_factory=lambda: itertools.count(1))

    async def ask(self, method, path, *, key="test-key", checked=True, **options):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= options.pop("headers", {})
        url = f"{self.url}/{self.brand}/v1{path}"
        async with self.session.request(method, url, headers=headers, **options) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            answer = Answer(response.status, json.loads(text) if is_json else text, response.headers)
        if checked:
            wrong = contract.answer_faults(
                method,
                path.partition("?")[0],
                status=answer.status,
                headers=answer.headers,
                body=answer.body,
            )
            assert wrong == [], (method, path, answer)
        return answer

    async def get(self, path, **query):
        answer = await self.ask("GET", path, params=query)
        assert answer.status == 200, answer
        return answer.body

    async def offers(self, **query):
        return (await self.get("/gpus", **{"limit": 200, **query}))["data"]

    async def an_offer(self, **query):
        """The cheapest with something free that nobody takes away and that is charged by the hour."""
        offers = await self.offers(spot="false", limit=20, **query)
        return next(offer for offer in offers if offer["min_billing_minutes"] == 60)

    async def create(self, offer=None, *, idempotency_key=None, **body):
        offer = offer or await self.an_offer()
        order = {"name": "aurora-a-1", "image": "nginx:1.27", "gpu": {"offer_id": offer["id"]}, **body}
        key = idempotency_key or f"key-{next(self.keys):08d}"
        return await self.ask("POST", "/jobs", json=order, headers={"Idempotency-Key": key})

    async def rent(self, offer=None, **body):
        answer = await self.create(offer, **body)
        assert answer.status == 201, answer
        return answer.body["id"]

    async def job(self, job_id):
        return await self.get(f"/jobs/{job_id}")

    async def running(self, offer=None, **body):
        """A job on its way, until it runs."""
        job_id = await self.rent(offer, **body)
        for _ in range(400):
            if (await self.job(job_id))["status"] == "running":
                return job_id
            self.clock.step(10)
        raise AssertionError(await self.job(job_id))

    async def delete(self, job_id):
        return await self.ask("DELETE", f"/jobs/{job_id}")

    async def ledger(self):
        body = await self.control("GET", "ledger")
        return {row["id"]: row for row in body["instances"]}

    async def control(self, method, what, **options):
        url = f"{self.url}/_emulator/{self.brand}/{what}"
        async with self.session.request(method, url, **options) as response:
            text = await response.text()
            assert response.status < 300, text
            return json.loads(text) if text else None

    async def calls(self):
        return await self.control("GET", "calls")

    async def fault(self, kind, operation="*", **more):
        return await self.control("POST", "faults", json={"kind": kind, "operation": operation, **more})

    async def event(self, name, job_id, **more):
        await self.control("POST", "events", json={"event": name, "id": job_id, **more})


@pytest.fixture
async def start(clock):
    """Start gateways with options of one's own; 300 offers each unless told."""
    async with AsyncExitStack() as stack:

        async def started(brand="render", **options):
            options = EmulatorOptions(**{"providers": (brand,), **options})
            url = await stack.enter_async_context(running(options, clock))
            timeout = aiohttp.ClientTimeout(total=10)
            session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            session._retry_connection = False  # aiohttp would silently repeat a DELETE that was cut off
            return Gateway(url, brand, session, clock)

        yield started


@pytest.fixture
async def gateway(start):
    return await start()


@pytest.fixture(params=BRANDS)
async def each(start, request):
    """Each brand in turn."""
    return await start(request.param)
