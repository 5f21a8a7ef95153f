"""SIGTERM to a busy Aurora: what is under way is answered, nothing that was accepted is lost."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.databases import Databases
from tests.e2e.stack import Part, Stack, stack

ROUTE = {
    "workload_type": "general",
    "gpu_type": "4090",
    "gpu_hours": 1.0,
    "providers": ["vastai"],
}
_GRACE_S = 15.0
"""No request of these tests takes so long that the stop may."""
_PACE_S = 0.2
"""Between an answer and the next request of a client: the stop takes five seconds while there is load."""


@dataclass
class Load:
    """Clients that ask for deployments one after the other, until nobody listens any more."""

    url: str
    answers: list[dict[str, Any]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    cut: list[float] = field(default_factory=list)
    """When the requests began that got no answer."""
    readiness: list[tuple[float, int]] = field(default_factory=list)
    """Times of asking and answers of /ready."""

    async def client(self, session: aiohttp.ClientSession, wait: float) -> None:
        while True:
            began = time.monotonic()
            try:
                async with session.post(f"{self.url}/route", json={**ROUTE, "wait": wait}) as answer:
                    found = await answer.json(content_type=None)
            except aiohttp.ClientError:
                self.cut.append(began)
                return
            self.statuses[answer.status] += 1
            self.answers.append(found)
            await asyncio.sleep(_PACE_S)

    async def probe(self, session: aiohttp.ClientSession) -> None:
        """As a load balancer: a new connection each time."""
        while True:
            began = time.monotonic()
            try:
                async with session.get(f"{self.url}/ready", headers={"connection": "close"}) as answer:
                    self.readiness.append((began, answer.status))
            except aiohttp.ClientError:
                return
            await asyncio.sleep(0.02)


async def test_a_stop_under_load_answers_what_is_under_way_and_loses_nothing(
    databases: Databases, tmp_path: Path
) -> None:
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    async with stack(
        tmp_path, state_speed=10, markets=("vastai",), database_url=url, VASTAI_RATE_LIMIT="10000"
    ) as made:
        aurora = await made.boot()
        await made.fault(kind="latency", operation="create", ms=300, count=None)
        load = Load(made.url)
        async with aiohttp.ClientSession() as session:
            clients = [asyncio.create_task(load.client(session, wait)) for wait in (0, 0, 30, 30)]
            clients.append(asyncio.create_task(load.probe(session)))

            async def creating() -> bool:
                return (await made.calls()).get("create", 0) >= 2

            await made.until(creating, "creating")
            # Keeps the server open: with nothing under way it would close before anybody asked /ready again.
            syncing = await _slow_sync(made)
            told, code = await _told_to_stop(aurora)
            await asyncio.gather(*clients)

        assert code == 0
        assert "vastai" in (await syncing)["providers"]
        assert set(load.statuses) == {200}, load.statuses
        # The very requests that nobody had read when the door closed; their senders see that they got no answer.
        assert all(began > told for began in load.cut)
        asked_later = [status for began, status in load.readiness if began > told + 0.05]
        assert asked_later
        assert set(asked_later) == {503}
        await _everything_accepted_is_there_once(made, load)


async def _told_to_stop(aurora: Part) -> tuple[float, int]:
    told = time.monotonic()
    aurora.process.terminate()
    code = await aurora.ended(within=_GRACE_S)
    return told, code


async def _everything_accepted_is_there_once(made: Stack, load: Load) -> None:
    """After the next start: every promise has one deployment, every deployment at most one instance."""
    await made.heal()
    await made.boot()
    promised = {answer["deployment_id"] for answer in load.answers if answer["deployment_id"]}
    assert promised

    async def settled() -> list[dict[str, Any]] | None:
        listed = (await made.get("/deployments?limit=200"))["deployments"]
        over = all(one["status"] in {"running", "failed"} for one in listed)
        return listed if over else None

    listed = await made.until(settled, "settled", within=60)
    assert promised <= {one["id"] for one in listed}
    assert len(listed) - len(promised) <= len(load.cut)
    labels = Counter(one["label"] for one in await made.ledger())
    assert max(labels.values()) == 1
    assert len(await made.alive()) == sum(one["status"] == "running" for one in listed)


async def test_who_only_waits_is_answered_at_once_and_ready_turns_to_503(
    databases: Databases, tmp_path: Path
) -> None:
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    async with stack(tmp_path, markets=("vastai",), database_url=url, VASTAI_RATE_LIMIT="10000") as made:
        aurora = await made.boot()
        running = (await made.post("/route", {**ROUTE, "wait": 30}))["deployment_id"]
        await made.fault(kind="never_starts", count=1)
        waiting = asyncio.create_task(made.post("/route", {**ROUTE, "wait": 600}))
        async with made.session.get(f"{made.url}/deployments/{running}/logs?follow=true") as log:
            await log.content.readline()
            await made.until(lambda: _instances(made, 2), "rented")
            syncing = await _slow_sync(made)
            aurora.process.terminate()
            answer = await asyncio.wait_for(waiting, 1)
            rest = await asyncio.wait_for(log.content.read(), 1)
        refused = await made.get("/ready", status=503)

        assert answer["status"] == "provisioning"
        assert rest.endswith(b"[aurora] the log ends here: Aurora is stopping\n")
        assert refused["checks"] == {"accepting": False}
        assert "vastai" in (await syncing)["providers"]
        assert await aurora.ended(within=_GRACE_S) == 0


async def _instances(made: Stack, number: int) -> bool:
    return len(await made.alive()) == number


async def _slow_sync(made: Stack) -> asyncio.Task[Any]:
    """A request that is under way for a second."""
    await made.fault(kind="latency", operation="offers", ms=1000, count=1)
    syncing = asyncio.create_task(made.post("/api/v1/providers/sync"))
    await made.until(lambda: _offers_slow(made), "syncing")
    return syncing


async def _offers_slow(made: Stack) -> bool:
    """Whether the market has begun to be slow: its fault is used up."""
    async with made.session.get(f"{made.emulator_url}/_emulator/vastai/faults") as answer:
        found = (await answer.json())["faults"]
        return not any(fault["operation"] == "offers" for fault in found)
