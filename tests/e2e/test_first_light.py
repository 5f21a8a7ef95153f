"""The main job from end to end, over real processes and sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aurora.telemetry.documented import DOCUMENTED
from tests.databases import Databases
from tests.deploy.boards import without_a_sample
from tests.e2e.stack import Stack, stack, start

ROUTE = {
    "workload_type": "llm_inference",
    "gpu_type": "a100",
    "region": "us-west",
    "gpu_hours": 2.0,
    "providers": ["vastai"],
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Migrated by `aurora migrate`; the emulators have every market."""
    async with stack(tmp_path_factory.mktemp("e2e")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def just_booted(installation: Stack) -> Stack:
    if installation.aurora is not None:
        await installation.at_rest()
        await installation.aurora.kill()
    await installation.boot()
    return installation


@pytest_asyncio.fixture(loop_scope="module")
async def booted(installation: Stack) -> Stack:
    await installation.at_rest()
    return installation


async def test_every_common_gpu_is_routed_in_every_common_region_as_soon_as_aurora_is_ready(
    just_booted,
):
    for gpu in ("a100", "h100", "4090", "t4"):
        for region in ("us-west", "us-east", "eu-central", "global"):
            answer = await just_booted.post(
                "/route",
                {
                    "workload_type": "llm_inference",
                    "gpu_type": gpu,
                    "region": region,
                    "gpu_hours": 1,
                    "dry_run": True,
                },
            )
            assert answer["provider"] is not None, (gpu, region, answer["rationale"])
    listed = await just_booted.get("/providers")
    assert sum(row["offers"] for row in listed["providers"]) >= 2000


async def test_a_machine_is_rented_watched_read_and_given_back_and_every_metric_has_a_sample(
    just_booted,
):
    at_first = await _page(just_booted)
    answer = await just_booted.post("/route", {**ROUTE, "wait": 30, "env": {"TOKEN": "super-secret-value"}})
    assert answer["status"] == "running", answer
    assert answer["emulated"] is True
    deployment = answer["deployment_id"]

    shown = await just_booted.get(f"/deployments/{deployment}")
    assert shown["endpoints"][0]["url"].startswith("http://")
    (rented,) = await just_booted.alive()
    assert rented["label"].startswith("aurora-")
    assert shown["prices"]["charged_usd_per_hour"] == pytest.approx(rented["usd_per_hour"], abs=1e-6)

    async def logged() -> str | None:
        async with just_booted.session.get(f"{just_booted.url}/deployments/{deployment}/logs?tail=20") as got:
            text = await got.text()
            assert got.status == 200, text
            return text or None

    assert await just_booted.until(logged, "logged")
    decision = await just_booted.get(f"/decisions/{answer['decision_id']}")
    assert decision["chosen"] == answer["offer_id"]
    assert (
        sum(count for reason, count in decision["counts"].items() if reason != "total")
        == decision["counts"]["total"]
    )

    await just_booted.delete(f"/deployments/{deployment}")
    ended = await just_booted.deployment(deployment, "terminated")
    assert ended["reason"] == "user"
    assert await just_booted.alive() == []
    assert await logged()
    await _fail_once(just_booted)
    await _every_metric_has_a_sample(just_booted)
    assert without_a_sample(at_first, await _page(just_booted)) == []
    assert "super-secret-value" not in just_booted.aurora.text
    assert b"super-secret-value" not in (just_booted.folder / "aurora.db").read_bytes()


async def _fail_once(booted: Stack) -> None:
    """What only happens when something fails: a retry, a rejected row, no capacity."""
    await booted.fault(kind="status", operation="offers", code=502, count=1)
    await booted.fault(kind="missing_field", operation="offers", field="gpu_name", count=1)
    await booted.post("/api/v1/providers/sync")
    nothing = await booted.post("/route", {**ROUTE, "max_price": 0.01})
    assert nothing["status"] == "no_capacity"
    assert nothing["relaxations"]
    await booted.heal()


async def _page(booted: Stack) -> str:
    async with booted.session.get(f"{booted.url}/metrics") as answer:
        return await answer.text()


async def _every_metric_has_a_sample(booted: Stack) -> None:
    async def missing() -> list[str] | str:
        page = await _page(booted)
        sampled = {
            line.split("{")[0].split(" ")[0]
            for line in page.splitlines()
            if line and not line.startswith("#")
        }
        names = [spec.name for spec in DOCUMENTED]
        return [name for name in names if not {name, f"{name}_count", f"{name}_total"} & sampled]

    async def complete() -> bool:
        return not await missing()

    try:
        await booted.until(complete, "complete", within=10)
    except AssertionError:
        raise AssertionError(f"no sample of {await missing()}") from None


async def test_bad_input_is_refused_with_the_field(booted):
    cases = [
        ({"gpu_type": "gtx-9999"}, "gpu_type"),
        ({"gpu_hours": -1}, "gpu_hours"),
        ({"max_price": "NaN"}, "max_price"),
        ({"weights": {"price": 0, "latency": 0, "reputation": 0, "availability": 0}}, "weights"),
        ({"gpu_type": "a100'; DROP TABLE offers;--"}, "gpu_type"),
        ({"providers": ["vastai'; --"]}, "providers"),
        ({"region": "atlantis"}, "region"),
    ]
    for change, field in cases:
        refused = await booted.post("/route", {**ROUTE, **change}, status=422)
        assert refused["errors"][0]["field"].startswith(field), refused
    raw = json.dumps(ROUTE)[:-1] + ', "max_price": NaN}'
    async with booted.session.post(f"{booted.url}/route", data=raw) as answer:
        assert answer.status == 422, await answer.text()
    async with booted.session.post(f"{booted.url}/route", data=b"x" * 1_000_000) as answer:
        assert answer.status == 413
    for content_type in ("application/x-www-form-urlencoded", "text/plain", ""):
        headers = {"Content-Type": content_type} if content_type else {}
        body = json.dumps({**ROUTE, "dry_run": True})
        async with booted.session.post(
            f"{booted.url}/route", data=body, headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer:
            assert answer.status == 200, await answer.text()


async def test_the_request_id_reaches_the_provider(booted):
    path = "/api/v1/provider-health/providers/vastai/health-check"
    await booted.post(path, headers={"X-Request-Id": "req-from-a-test"})
    async with booted.session.get(
        f"{booted.emulator_url}/_emulator/vastai/requests?operation=health"
    ) as answer:
        seen = await answer.text()
    assert "req-from-a-test" in seen


async def test_the_same_key_gives_one_deployment_also_under_concurrency(booted):
    headers = {"Idempotency-Key": "one-and-only"}
    before = (await booted.calls()).get("create", 0)

    async def once() -> tuple[int, dict[str, object]]:
        async with booted.session.post(f"{booted.url}/route", json=ROUTE, headers=headers) as answer:
            return answer.status, await answer.json()

    answers = await asyncio.gather(*(once() for _ in range(8)))
    made = {body["deployment_id"] for status, body in answers if status == 200}
    assert len(made) == 1
    assert {status for status, _ in answers} <= {200, 409}
    await booted.deployment(made.pop(), "running")
    assert (await booted.calls())["create"] == before + 1


async def test_a_second_process_on_the_embedded_database_says_so(booted):
    second = await start("serve", "--env-file", "", env=booted.settings)
    assert await second.ended() == 1
    assert "in use by pid" in second.text


async def test_a_refused_credential_disables_only_its_provider(databases: Databases, tmp_path: Path):
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    async with stack(tmp_path, offers=100, database_url=url, VASTAI_API_KEY="invalid") as made:
        aurora = await made.boot()
        assert "Provider vastai initialization failed: 401 Unauthorized" in aurora.text
        assert "VASTAI_API_KEY" in aurora.text
        health = await made.get("/api/v1/provider-health/health")
        assert health["providers"]["vastai"]["status"] == "UNAVAILABLE"
        answer = await made.post("/route", {**ROUTE, "dry_run": True})
        assert answer["status"] == "no_capacity"


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"PROVIDER_MAX_RETRIES": "many"}, "PROVIDER_MAX_RETRIES"),
        ({"VASTAI_BASE_URL": "https://console.vast.ai"}, "VASTAI_BASE_URL"),
        ({"AURORA_MODE": "live"}, "SECRET_KEY"),
        ({"PROVIDER_CACHE_TTL": "1000"}, "PROVIDER_CACHE_TTL"),
    ],
)
async def test_a_malformed_setting_stops_the_start_with_one_line(databases, tmp_path, settings, word):
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    refused = await start("serve", "--env-file", "", env={"DATABASE_URL": url, **settings})
    assert await refused.ended() == 2
    assert len(refused.said) == 1, refused.text
    assert word in refused.text
