"""The emulated io.net as a client sees it."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aurora.emulators.server import EmulatorOptions, running

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "ionet"
CAAS = "/ionet/enterprise/v1/io-cloud/caas"
RTX_4090, A100, SKU = 12, 214, "gpu_8x_a100_SXM4"
US = 3


def sample(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def order(
    name="aurora-1", *, hardware=RTX_4090, locations=(US,), gpus=1, hours=1, image="nginx:latest", **more
):
    """A deploy body; `more` are further keys of the container."""
    return {
        "resource_private_name": name,
        "duration_hours": hours,
        "gpus_per_container": gpus,
        "hardware_id": hardware,
        "location_ids": list(locations),
        "container_config": {"replica_count": 1, "traffic_port": 8080, **more},
        "registry_config": {"image_url": image, "registry_username": "", "registry_secret": ""},
    }


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def data(self):
        assert self.status == 200, self
        return self.body["data"]

    @property
    def error(self):
        """The type of the first error of a list, or the text."""
        detail = self.body["detail"]
        return self.status, detail if isinstance(detail, str) else detail[0]["type"]


@dataclass(frozen=True)
class Ionet:
    url: str
    session: aiohttp.ClientSession
    clock: Any

    async def ask(self, method, path, *, key="test-key", **options) -> Answer:
        headers = {**({"x-api-key": key} if key else {}), **options.pop("headers", {})}
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            text = await response.text()
            is_json = response.content_type == "application/json" and text
            return Answer(response.status, json.loads(text) if is_json else text, response.headers)

    async def api(self, method, path, **options) -> Answer:
        return await self.ask(method, CAAS + path, **options)

    async def hardware(self):
        return {
            row["hardware_id"]: row
            for row in (await self.api("GET", "/hardware/max-gpus-per-container")).data
        }

    async def replicas(self, hardware, gpus=1):
        query = {"hardware_id": str(hardware), "hardware_qty": str(gpus)}
        rows = (await self.api("GET", "/available-replicas", params=query)).data
        return {row["id"]: row["available_replicas"] for row in rows}

    async def price(self, **more) -> Answer:
        query = {
            "location_ids": f"[{US}]",
            "hardware_id": str(RTX_4090),
            "duration_hours": "1",
            "gpus_per_container": "1",
            "replica_count": "1",
            **more,
        }
        return await self.api("GET", "/price", params=query)

    async def post(self, body) -> Answer:
        return await self.api("POST", "/deploy", json=body)

    async def deploy(self, *args, **more) -> str:
        answer = await self.post(order(*args, **more))
        assert answer.status == 200, answer
        return answer.body["deployment_id"]

    async def run(self, *args, **more) -> str:
        """Deploy, and wait until the container can be reached."""
        one = await self.deploy(*args, **more)
        self.clock.step(60)
        assert (await self.show(one))["status"] == "running"
        return one

    async def show(self, one):
        return (await self.api("GET", f"/deployment/{one}")).data

    async def status(self, one):
        return (await self.show(one))["status"]

    async def workers(self, one):
        return (await self.api("GET", f"/deployment/{one}/containers")).data["workers"]

    async def listed(self, **query) -> Any:
        return (await self.api("GET", "/deployments", params={k: str(v) for k, v in query.items()})).data

    async def destroy(self, one) -> Answer:
        return await self.api("DELETE", f"/deployment/{one}")

    async def extend(self, one, hours) -> Answer:
        return await self.api("POST", f"/deployment/{one}/extend", json={"duration_hours": hours})

    async def ledger(self):
        answer = await self.ask("GET", "/_emulator/ionet/ledger")
        return {row["id"]: row for row in answer.body["instances"]}

    async def event(self, event, identity, **more) -> Answer:
        body = {"event": event, "id": identity, **more}
        return await self.ask("POST", "/_emulator/ionet/events", json=body)

    async def fault(self, kind, operation="*", **more) -> Answer:
        body = {"kind": kind, "operation": operation, **more}
        return await self.ask("POST", "/_emulator/ionet/faults", json=body)

    async def adjust(self, **settings) -> Answer:
        return await self.ask("POST", "/_emulator/ionet/settings", json=settings)

    async def calls(self):
        return (await self.ask("GET", "/_emulator/ionet/calls")).body


@pytest.fixture
async def start(clock):
    async with AsyncExitStack() as stack:

        async def started(**options) -> Ionet:
            chosen = EmulatorOptions(**{"providers": ("ionet",), "offers": 300, **options})
            url = await stack.enter_async_context(running(chosen, clock))
            timeout = aiohttp.ClientTimeout(total=10)
            session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            session._retry_connection = False  # aiohttp would silently repeat a DELETE that was cut off
            return Ionet(url, session, clock)

        yield started


@pytest.fixture
async def ionet(start):
    return await start()
