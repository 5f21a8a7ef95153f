"""The emulated SaladCloud as a client sees it."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aurora.emulators.server import EmulatorOptions, running

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "salad"
ORGANIZATION = "/salad/api/public/organizations/acme"
GROUPS = "/projects/default/containers"
RTX_4090 = "ed563892-aacd-40f5-80b7-90c9be6c759b"
RTX_3090 = "a5db5c50-cbcb-4596-ae80-6a0c8090d80f"
EIGHT_L40S = "8x L40S (48 GB)"
MERGE = {"Content-Type": "application/merge-patch+json"}


def sample(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def prototype(
    name="job-1", *, priority="batch", classes=(RTX_4090,), image="nginx:latest", command=None, **more
):
    """The body of a create; `more` are further keys of the group."""
    resources = {"cpu": 2, "memory": 4096, "storage_amount": 1 << 30}
    if classes is not None:
        resources["gpu_classes"] = list(classes)
    container = {"image": image, "resources": resources, "environment_variables": {"A": "B"}}
    if command is not None:
        container["command"] = command
    if priority is not None:
        container["priority"] = priority
    return {
        "name": name,
        "autostart_policy": True,
        "replicas": 1,
        "restart_policy": "always",
        "container": container,
        "networking": {"auth": True, "port": 8080, "protocol": "http"},
        **more,
    }


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def ok(self):
        assert self.status < 300, self
        return self.body


@dataclass(frozen=True)
class Salad:
    url: str
    session: aiohttp.ClientSession
    clock: Any

    async def ask(self, method, path, *, key="test-key", **options) -> Answer:
        headers = {**({"Salad-Api-Key": key} if key else {}), **options.pop("headers", {})}
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            text = await response.text()
            is_json = response.content_type.endswith("json") and text
            return Answer(response.status, json.loads(text) if is_json else text, response.headers)

    async def api(self, method, path, **options) -> Answer:
        return await self.ask(method, ORGANIZATION + path, **options)

    async def groups(self, method, path="", **options) -> Answer:
        return await self.api(method, GROUPS + path, **options)

    async def classes(self):
        return {row["name"]: row for row in (await self.api("GET", "/gpu-classes")).ok["items"]}

    async def available(self, *classes, **shape):
        body = {"gpu_classes": list(classes or (RTX_4090,)), **shape}
        return (await self.api("POST", "/availability/sce-gpu-availability", json=body)).ok

    async def create(self, *args, **more) -> Answer:
        return await self.groups("POST", json=prototype(*args, **more))

    async def run(self, name="job-1", **more) -> str:
        """Create a group and wait until it runs."""
        assert (await self.create(name, **more)).status == 201
        self.clock.step(241)
        assert await self.status(name) == "running"
        return name

    async def show(self, name="job-1"):
        return (await self.groups("GET", f"/{name}")).ok

    async def status(self, name="job-1"):
        return (await self.show(name))["current_state"]["status"]

    async def counts(self, name="job-1"):
        counts = (await self.show(name))["current_state"]["instance_status_counts"]
        return {state.removesuffix("_count"): number for state, number in counts.items() if number}

    async def instances(self, name="job-1"):
        return (await self.groups("GET", f"/{name}/instances")).ok["instances"]

    async def patch(self, body, name="job-1") -> Answer:
        return await self.groups("PATCH", f"/{name}", data=json.dumps(body), headers=MERGE)

    async def do(self, action, name="job-1") -> Answer:
        return await self.groups("POST", f"/{name}/{action}")

    async def delete(self, name="job-1") -> Answer:
        return await self.groups("DELETE", f"/{name}")

    async def listed(self):
        return [group["name"] for group in (await self.groups("GET")).ok["items"]]

    async def events(self, name="job-1"):
        """Names, the oldest first."""
        items = (await self.groups("GET", f"/{name}/system-logs")).ok["items"]
        return [item["event_name"] for item in reversed(items)]

    def instant(self, ago=0.0):
        at = self.clock.now().timestamp() - ago
        return f"{self.clock.now().fromtimestamp(at, self.clock.now().tzinfo):%Y-%m-%dT%H:%M:%S}Z"

    async def logs(self, query='resource.type = "container"', **more) -> Answer:
        body = {"start_time": self.instant(86_400), "end_time": self.instant(), "query": query, **more}
        return await self.api("POST", "/log-entries", json=body)

    async def texts(self, query='resource.type = "container"', **more):
        items = (await self.logs(query, **{"sort_order": "asc", **more})).ok["items"]
        return [item.get("text_log") or item["json_log"] for item in items]

    async def ledger(self):
        answer = await self.ask("GET", "/_emulator/salad/ledger")
        return {row["label"]: row for row in answer.body["instances"]}

    async def event(self, event, identity="job-1", **more) -> Answer:
        body = {"event": event, "id": identity, **more}
        return await self.ask("POST", "/_emulator/salad/events", json=body)

    async def fault(self, kind, operation="*", **more) -> Answer:
        body = {"kind": kind, "operation": operation, **more}
        return await self.ask("POST", "/_emulator/salad/faults", json=body)

    async def adjust(self, **settings) -> Answer:
        return await self.ask("POST", "/_emulator/salad/settings", json=settings)

    async def calls(self):
        return (await self.ask("GET", "/_emulator/salad/calls")).body


@pytest.fixture
async def start(clock):
    async with AsyncExitStack() as stack:

        async def started(**options) -> Salad:
            url = await stack.enter_async_context(
                running(EmulatorOptions(**{"providers": ("salad",), **options}), clock)
            )
            timeout = aiohttp.ClientTimeout(total=10)
            session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            session._retry_connection = False  # aiohttp would silently repeat a DELETE that was cut off
            return Salad(url, session, clock)

        yield started


@pytest.fixture
async def salad(start):
    """Nodes do not go away by chance."""
    started = await start()
    await started.adjust(interruptions=False)
    return started
