"""One trace from the caller through request, decision, guard, market and database, read at a real collector."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from aurora.api.access import AccessPolicy
from aurora.api.app import create_app
from aurora.bootstrap import Aurora
from aurora.bootstrap.observability import NO_EXTRA
from aurora.cli.surface import Surface
from aurora.db.engine import create_engine
from aurora.domain.clock import SystemClock
from tests.databases import Databases
from tests.fakes.collector import Arrived, Collector, collecting
from tests.settings.room import Emulator, booted, emulator
from tests.unit.api.served import served

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
KEY = "k3y-of-the-market-0123456789"
ENV = "s3cret-of-the-workload"
ROUTE = {
    "workload_type": "general",
    "gpu_type": "t4",
    "gpu_hours": 1,
    "env": {"TOKEN": ENV},
    "max_latency_ms": 60_000,
    "min_reputation": 0,
    "max_price": 50,
}


@dataclass
class Scene:
    aurora: Aurora
    client: aiohttp.ClientSession
    market: Emulator
    collector: Collector

    async def post(self, path: str, body: object = None) -> tuple[int, dict]:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "req-traced"}
        async with self.client.post(path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def url(databases: Databases, tmp_path: Path) -> str:
    return await databases.sqlite_url(tmp_path / "aurora.db")


@asynccontextmanager
async def scene(url: str, **settings) -> AsyncIterator[Scene]:
    """When it ends, everything that was traced has arrived."""
    access = AccessPolicy(live=False, host="127.0.0.1")
    chosen = {"clock": SystemClock(), "vastai_api_key": KEY, **settings}
    async with (
        emulator() as market,
        collecting() as collector,
        booted(url, emulator_url=market.url, otel_exporter_otlp_endpoint=collector.url, **chosen) as aurora,
        served(create_app(Surface.of(aurora, access))) as client,
    ):
        yield Scene(aurora, client, market, collector)


def by_trace(collector: Collector) -> list[Arrived]:
    return [span for span in collector.spans if span.trace == TRACE]


async def test_a_request_that_asks_a_market_is_one_tree_below_its_caller(url):
    async with scene(url) as made:
        status, _ = await made.post("/api/v1/providers/sync")
        assert status == 200

    collector = made.collector
    request = collector.named("POST /api/v1/providers/sync")
    assert (request.trace, request.parent, request.kind) == (TRACE, PARENT, 2)
    assert request.attributes["http.response.status_code"] == 200
    call = next(span for span in by_trace(collector) if span.name == "vastai offers")
    assert collector.above(call) == ["guard vastai offers", request.name]
    assert call.kind == 3
    assert call.attributes["aurora.outcome"] == "ok"
    insert = next(span for span in by_trace(collector) if span.name == "INSERT sync_runs")
    assert collector.above(insert) == ["database write", request.name]
    assert insert.attributes["db.system.name"] == "sqlite"
    assert all(span.attributes["aurora.request_id"] == "req-traced" for span in by_trace(collector))


async def test_a_route_is_decided_and_committed_within_its_request_and_tells_no_secret(url):
    async with scene(url) as made:
        await made.aurora.sync.run("vastai")
        status, answer = await made.post("/route?token=hidden-in-the-query", ROUTE)
        assert (status, answer["provider"]) == (200, "vastai")

    collector = made.collector
    assert collector.above(collector.named("decide")) == ["POST /route"]
    decided = collector.named("decide").attributes
    assert (decided["aurora.provider"], decided["aurora.policy"]) == ("vastai", "balanced")
    assert {"database write", "INSERT decisions", "INSERT deployments"} <= collector.below("POST /route")
    everything = b"".join(collector.raw)
    for secret in (KEY, ENV, "hidden-in-the-query", "TOKEN"):
        assert secret.encode() not in everything


async def test_on_postgres_the_statements_of_a_purchase_are_in_its_trace_too(databases):
    async with databases.postgres_url() as url, scene(url) as made:
        await made.aurora.replicas.sync.run("vastai")
        status, answer = await made.post("/route", ROUTE)
        assert (status, answer["provider"]) == (200, "vastai")

    assert {"database write", "SELECT capacity_holds"} <= made.collector.below("POST /route")


async def test_a_step_of_the_reconciler_is_a_trace_of_its_own(url):
    async with scene(url) as made:
        await made.aurora.sync.run("vastai")
        _, answer = await made.post("/route", ROUTE)
        await made.aurora.reconciler.run_once()

    name = f"reconcile {answer['deployment_id']}"
    steps = [span for span in made.collector.spans if span.name == name]
    assert {(step.parent, step.trace == TRACE) for step in steps} == {("", False)}
    assert len({step.trace for step in steps}) == len(steps)
    create = made.collector.named("vastai create")
    assert made.collector.above(create) == ["guard vastai create", name]


async def test_a_call_that_fails_is_a_failed_span_and_its_repeat_a_note(url):
    async with scene(url, provider_retry_base_delay=0.01, provider_retry_jitter=0) as made:
        await made.market.fault(kind="status", operation="offers", code=502, count=1)
        await made.post("/api/v1/providers/sync")

    calls = [span for span in by_trace(made.collector) if span.name == "vastai offers"]
    [failed] = [span for span in calls if span.failed]
    assert failed.attributes["error.type"] == "provider_unavailable"
    [above] = [span for span in made.collector.spans if span.id == failed.parent]
    assert above.notes == ["retry"]
    assert not above.failed


async def test_probes_and_the_loops_own_looks_at_the_database_are_no_traces(url):
    async with scene(url) as made:
        for path in ("/health", "/ready", "/metrics"):
            async with made.client.get(path) as answer:
                await answer.read()
        await made.aurora.attempts.refresh()

    assert made.collector.spans == []


async def test_the_markets_are_told_nothing_of_the_trace(url):
    async with scene(url) as made:
        await made.post("/api/v1/provider-health/providers/vastai/health-check")
        async with made.client.get(f"{made.market.url}/_emulator/vastai/requests?operation=health") as asked:
            seen = await asked.text()

    assert "req-traced" in seen
    assert TRACE not in seen
    assert "traceparent" not in seen.lower()


async def test_who_sends_is_named(url):
    async with scene(url) as made:
        await made.post("/api/v1/provider-health/providers/vastai/health-check")

    sender = made.collector.resources[0]
    assert (sender["service.name"], sender["aurora.mode"]) == ("aurora", "emulated")


async def test_a_collector_that_fails_is_one_line_and_hurts_no_request(url):
    async with scene(url) as made:
        made.collector.status = 400
        status, _ = await made.post("/api/v1/provider-health/providers/vastai/health-check")
        await made.aurora.observability.aclose()

    assert status == 200
    assert "traces" in made.aurora.outages.open


WITHOUT_EXTRA = """
import asyncio, sys
sys.modules["opentelemetry.sdk"] = None  # as where the extra is not installed
from aurora.bootstrap import running
from aurora.domain.clock import SystemClock
from aurora.settings import load_settings

async def main():
    settings = load_settings(
        None, database_url=sys.argv[1], emulator_url="http://127.0.0.1:9", otel_exporter_otlp_endpoint="http://127.0.0.1:9"
    )
    async with running(settings, clock=SystemClock()) as aurora:
        print("tracing" if aurora.tracer.enabled else "not tracing")

asyncio.run(main())
"""


def test_without_the_extra_one_line_says_so_and_aurora_starts(url):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA, url], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "not tracing"
    assert (done.stdout + done.stderr).count(NO_EXTRA.split(":")[0]) == 1


UNTRACED = """
import sys
import aurora.bootstrap, aurora.api.app, aurora.cli.main
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""


def test_the_sdk_is_imported_only_where_an_endpoint_is_set():
    done = subprocess.run(
        [sys.executable, "-c", UNTRACED], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout.strip() == "[]"


async def test_without_an_endpoint_the_guards_have_no_listener_more_and_adapters_the_guard_itself(url):
    async with booted(url) as aurora:
        assert not aurora.tracer.enabled
        assert aurora.markets._seen(aurora.markets.guards["vastai"]) is aurora.markets.guards["vastai"]
        assert create_engine(url) is not aurora.database.engine
