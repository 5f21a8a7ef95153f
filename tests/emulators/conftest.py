"""An emulator on a real socket, a clock that stands still until it is told to step, and a client with the provider's verbs."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from aurora.emulators.server import EmulatorOptions, running


class SteppedClock:
    def __init__(self) -> None:
        self._now = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def step(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any


@dataclass(frozen=True)
class Vast:
    """The emulated Vast.ai as a client sees it."""

    url: str
    session: aiohttp.ClientSession
    clock: SteppedClock

    async def ask(self, method: str, path: str, *, key: str | None = "test-key", **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= options.pop("headers", {})
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return Answer(response.status, json.loads(text) if is_json else text, response.headers)

    async def api(self, method: str, path: str, **options: Any) -> Answer:
        return await self.ask(method, f"/vastai/api{path}", **options)

    async def search(self, **filters: Any) -> list[dict[str, Any]]:
        answer = await self.api("POST", "/v0/bundles/", json=filters)
        assert answer.status == 200, answer
        return answer.body["offers"]

    async def an_offer(self, **filters: Any) -> dict[str, Any]:
        """The cheapest reliable verified offer."""
        asked = {
            "verified": {"eq": True},
            "reliability": {"gt": 0.95},
            "order": [["dph_total", "asc"]],
            "limit": 1,
        }
        return (await self.search(**{**asked, **filters}))[0]

    async def create(self, offer: dict[str, Any], **body: Any) -> Answer:
        order = {"client_id": "me", "image": "nginx:latest", "disk": 10, "runtype": "args", **body}
        return await self.api("PUT", f"/v0/asks/{offer['id']}/", json=order)

    async def rent(self, offer: dict[str, Any] | None = None, **body: Any) -> int:
        answer = await self.create(offer or await self.an_offer(), **body)
        assert answer.status == 200, answer
        return answer.body["new_contract"]

    async def show(self, instance: int) -> dict[str, Any] | None:
        return (await self.api("GET", f"/v0/instances/{instance}/")).body["instances"]

    async def status(self, instance: int) -> str | None:
        shown = await self.show(instance)
        assert shown is not None
        return shown["actual_status"]

    async def until_running(self, instance: int) -> None:
        self.clock.step(40)
        assert await self.status(instance) == "running"

    async def listed(self, **query: Any) -> dict[str, Any]:
        texts = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()
        }
        answer = await self.api("GET", "/v1/instances/", params=texts)
        assert answer.status == 200, answer
        return answer.body

    async def destroy(self, instance: int) -> Answer:
        return await self.api("DELETE", f"/v0/instances/{instance}/", json={})

    async def ledger(self) -> dict[int, dict[str, Any]]:
        answer = await self.ask("GET", "/_emulator/vastai/ledger")
        return {int(row["id"]): row for row in answer.body["instances"]}

    async def fault(self, kind: str, operation: str = "*", **more: Any) -> Answer:
        return await self.ask(
            "POST", "/_emulator/vastai/faults", json={"kind": kind, "operation": operation, **more}
        )

    async def event(self, name: str, instance: int) -> Answer:
        return await self.ask("POST", "/_emulator/vastai/events", json={"event": name, "id": instance})

    async def calls(self) -> dict[str, int]:
        return (await self.ask("GET", "/_emulator/vastai/calls")).body


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
async def start(clock):
    """Start an emulator with options of one's own; at most 300 offers unless told, which is quicker."""
    async with AsyncExitStack() as stack:

        async def started(**options: Any) -> Vast:
            url = await stack.enter_async_context(
                running(EmulatorOptions(**{"offers": 300, **options}), clock)
            )
            timeout = aiohttp.ClientTimeout(total=10)
            session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            session._retry_connection = (
                False  # aiohttp would silently repeat a PUT or DELETE that was cut off
            )
            return Vast(url, session, clock)

        yield started


@pytest.fixture
async def vast(start):
    return await start()
