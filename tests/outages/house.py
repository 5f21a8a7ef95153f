"""The whole of Aurora with all its loops, served over HTTP, in front of a database that fails."""

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from sqlalchemy import event
from sqlalchemy.pool import Pool

from aurora.api.access import AccessPolicy
from aurora.api.app import create_app
from aurora.bootstrap import Aurora, running
from aurora.cli.surface import Surface
from aurora.db.patience import Patience
from aurora.domain.clock import SystemClock
from aurora.settings import PROVIDERS, load_settings
from aurora.worker.loops import work
from tests.settings.room import Emulator, emulator
from tests.unit.api.served import served

PATIENCE = Patience(ordinary_s=2.0, bulk_s=10.0)
BOUND_S = PATIENCE.ordinary_s + 2.0 + 3.0
"""Nobody waits longer for a refusal: our patience, up to 2 s for the farewell to a dead connection, a busy machine."""
_UNAVAILABLE = "database_unavailable"
ROUTE = {
    "workload_type": "general",
    "gpu_type": "rtx4090",
    "gpu_hours": 2.0,
    "max_price": 50,
    "max_latency_ms": 2000,
    "min_reputation": 0,
    "providers": ["vastai"],
}


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any]
    seconds: float
    content_type: str

    def refused(self) -> None:
        """It is the one refusal that tells of the database, and in time."""
        assert (self.status, self.body.get("code")) == (503, _UNAVAILABLE), self
        assert self.content_type == "application/problem+json"
        assert "database" in self.body["detail"]
        assert self.seconds < BOUND_S, self.seconds


@dataclass
class House:
    """One running Aurora. `keys` were used, each for one wish."""

    aurora: Aurora
    market: Emulator
    client: aiohttp.ClientSession
    loops: asyncio.Task[None]
    route: dict[str, Any]
    keys: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    """Ids of the deployments that were answered with 200."""
    _numbers: Any = field(default_factory=itertools.count)

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        began = time.monotonic()
        async with self.client.request(method, path, **options) as answer:
            text = await answer.text()
            found = json.loads(text) if text.startswith("{") else {}
            return Reply(answer.status, found, time.monotonic() - began, answer.content_type)

    async def buy(self, key: str | None = None) -> Reply:
        """One wish; `key` repeats an earlier one."""
        if key is None:
            key = f"wish-{next(self._numbers)}"
            self.keys.append(key)
        reply = await self.ask("POST", "/route", json=self.route, headers={"Idempotency-Key": key})
        if reply.status == 200 and reply.body["deployment_id"]:
            self.accepted.add(reply.body["deployment_id"])
        return reply

    async def repeat_until_accepted(self, key: str) -> str:
        """As a client with patience does it."""
        found: list[str] = []

        async def accepted() -> bool:
            reply = await self.buy(key)
            assert reply.status in {200, 409, 503}, reply
            if reply.status == 200:
                assert reply.body["deployment_id"] is not None, reply
                found.append(reply.body["deployment_id"])
            return reply.status == 200

        await eventually(accepted)
        return found[0]

    async def limit_the_tenant(self, **quotas: int) -> None:
        """The one that all wishes are of."""
        reply = await self.ask("PATCH", "/api/v1/tenants/default", json={"limits": {"quotas": quotas}})
        assert reply.status == 200, reply

    async def is_ready(self) -> bool:
        return (await self.ask("GET", "/ready")).status == 200

    async def has_read_the_market(self) -> bool:
        """As soon as the duty to read it is ours."""
        return (await self.aurora.sync.run("vastai")).outcome == "ok"

    async def stored(self) -> dict[str, str]:
        """Status by id of every deployment that there is."""
        reply = await self.ask("GET", "/deployments?limit=200")
        assert reply.status == 200, reply
        return {each["id"]: each["status"] for each in reply.body["deployments"]}

    async def all_running(self) -> bool:
        return set((await self.stored()).values()) == {"running"}

    async def all_run(self) -> None:
        try:
            await eventually(self.all_running)
        except TimeoutError:
            stories = [
                await self.story(one) for one, status in (await self.stored()).items() if status != "running"
            ]
            raise AssertionError(stories) from None

    async def story(self, deployment: str) -> list[str]:
        """What happened to it."""
        found = (await self.ask("GET", f"/deployments/{deployment}/events")).body["events"]
        return [deployment, *(f"{each['at']} {each['kind']}: {each['message']}" for each in found)]

    async def books_agree(self) -> None:
        """Every wish was stored once, what was accepted among them; all run, and the market has nothing beside them."""
        if self.loops.done():
            self.loops.result()
        await eventually(self.is_ready)
        ids = [await self.repeat_until_accepted(key) for key in self.keys]
        assert len(set(ids)) == len(self.keys)
        await self.all_run()
        stored = await self.stored()
        assert self.accepted <= set(stored)
        assert set(stored) == set(ids)
        living = await self.market.alive()
        assert len(living) == len(stored)
        assert {name.split("-")[2] for name in (row["label"] for row in living)} == {
            one.removeprefix("dep-") for one in stored
        }


async def eventually(condition: Callable[[], Awaitable[bool]], *, within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.05)


class Faults(logging.Handler):
    """Lines of the log that tell of bugs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@asynccontextmanager
async def house(database_url: str) -> AsyncIterator[House]:
    """With a catalogue that has been read and one deployment that runs. No bug may show in what it logs."""
    others = {f"{name}_enabled": False for name in PROVIDERS if name != "vastai"}
    async with emulator(offers=1000) as market:
        settings = load_settings(
            None,
            database_url=database_url,
            emulator_url=market.url,
            vastai_rate_limit=1_000_000,
            inbound_rate_limit=0,
            reconcile_interval=0.1,
            sweep_interval=1,
            provider_retry_base_delay=0.05,
            provider_retry_max_delay=0.1,
            **others,
        )
        async with running(settings, clock=SystemClock(), patience=PATIENCE) as aurora:
            loops = asyncio.create_task(work(aurora))
            access = AccessPolicy(live=False, host="127.0.0.1")
            try:
                async with served(create_app(Surface.of(aurora, access))) as client:
                    made = House(aurora, market, client, loops, ROUTE)
                    await eventually(made.has_read_the_market)
                    made.keys.append("first")
                    await made.repeat_until_accepted("first")
                    await made.all_run()
                    yield made
            finally:
                loops.cancel()
                await asyncio.gather(loops, return_exceptions=True)


@contextmanager
def pragma(name: str) -> Iterator[Callable[[int], None]]:
    """Sets one of SQLite's settings on every connection that is used from then on; each connection has its own."""
    values: list[int] = []

    def checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        if values and "sqlite" in type(connection).__module__:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA {name} = {values[-1]}")
            cursor.close()

    event.listen(Pool, "checkout", checkout)
    try:
        yield values.append
    finally:
        event.remove(Pool, "checkout", checkout)
