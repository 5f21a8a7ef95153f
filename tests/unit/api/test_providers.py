import pytest

from aurora.api.schemas import provider_health as schema
from aurora.api.schemas.providers import ProviderListOut, SyncOut
from aurora.domain.errors import CircuitBreakerOpen, CredentialRefused, ProviderTimeout
from aurora.domain.records import SyncReport
from tests.fakes.clock import START
from tests.unit.api.fakes import BREAKER

HEALTH = "/api/v1/provider-health"


async def test_providers_are_listed_with_how_far_their_data_can_be_trusted(client):
    async with client.get("/providers") as reply:
        listed = await reply.json()

    ProviderListOut.model_validate(listed)
    [row] = listed["providers"]
    assert (row["name"], row["status"], row["offers"], row["capabilities"]) == (
        "vastai",
        "HEALTHY",
        5,
        {"logs": True},
    )
    assert (row["completeness"], row["age_seconds"], row["last_error"]) == (0.97, 41.2, None)
    assert listed["emulated"] is True


async def test_a_sync_answers_with_the_report_of_each_provider(client, aurora):
    async with client.post("/api/v1/providers/sync") as reply:
        answer = await reply.json()

    assert reply.status == 200
    SyncOut.model_validate(answer)
    assert answer["providers"]["vastai"]["seen"] == 5
    assert answer["providers"]["vastai"]["rejected"] == {"no price": 2}
    assert answer["providers"]["vastai"]["seconds"] == 1.235
    assert aurora.sync.runs == 1


async def test_a_report_says_whether_the_market_lists_more_than_was_read(client, aurora):
    for rejected, truncated in [({"no price": 2}, False), ({"beyond the row cap": 0}, True)]:
        aurora.sync.latest = {"vastai": SyncReport("vastai", START, 1.0, "partial", rejected=rejected)}
        async with client.get("/api/v1/providers/sync") as reply:
            answer = await reply.json()

        SyncOut.model_validate(answer)
        assert answer["providers"]["vastai"]["truncated"] is truncated


async def test_the_latest_report_runs_a_sync_only_when_there_is_none(client, aurora):
    for _ in range(2):
        async with client.get("/api/v1/providers/sync") as reply:
            assert (await reply.json())["providers"]["vastai"]["outcome"] == "ok"

    assert aurora.sync.runs == 1


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/health", schema.SystemHealthOut),
        ("/providers/vastai/health", schema.ProviderHealthOut),
        ("/circuit-breakers", schema.BreakersOut),
        ("/rate-limiters", schema.LimitersOut),
        ("/cache/stats", schema.CacheStatsOut),
        ("/metrics/summary", schema.MetricsSummaryOut),
    ],
)
async def test_health_figures_have_their_documented_shape(client, path, model):
    async with client.get(HEALTH + path) as reply:
        shown = await reply.json()

    assert reply.status == 200
    model.model_validate(shown)


@pytest.mark.parametrize("path", ["/circuit-breakers", "/rate-limiters"])
async def test_answers_by_provider_have_nothing_but_providers_as_keys(client, path):
    async with client.get(HEALTH + path) as reply:
        shown = await reply.json()

    assert list(shown) == ["vastai"]
    assert shown["vastai"]["emulated"] is True


async def test_a_check_passes_on_who_asks_and_how(client, aurora):
    async with client.post(f"{HEALTH}/providers/vastai/health-check?force=true") as reply:
        assert await reply.json() == {"ok": True, "emulated": True}

    assert aurora.desk.asked == [("check", "vastai", True, "local")]


async def test_a_reset_answers_with_the_new_state(client, aurora):
    async with client.post(f"{HEALTH}/circuit-breakers/vastai/reset?class=create") as reply:
        assert await reply.json() == {**BREAKER, "emulated": True}

    assert aurora.desk.asked == [("reset", "vastai", "create", "local")]


async def test_a_reset_of_an_unknown_class_is_refused(client, aurora):
    async with client.post(f"{HEALTH}/circuit-breakers/vastai/reset?class=everything") as reply:
        problem = await reply.json()

    assert (reply.status, problem["errors"][0]["field"]) == (422, "class")
    assert aurora.desk.asked == []


@pytest.mark.parametrize("query", ["", "?provider=vastai"])
async def test_caches_can_be_dropped(client, query):
    async with client.post(f"{HEALTH}/cache/invalidate{query}") as reply:
        assert await reply.json() == {"invalidated": 4, "emulated": True}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/providers/amazon/health"),
        ("POST", "/providers/amazon/health-check"),
        ("POST", "/circuit-breakers/amazon/reset"),
        ("POST", "/cache/invalidate?provider=amazon"),
    ],
)
async def test_an_unknown_provider_is_a_404_problem(client, method, path):
    async with client.request(method, HEALTH + path) as reply:
        problem = await reply.json(content_type="application/problem+json")

    assert (reply.status, problem["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (CircuitBreakerOpen("vastai", "open", retry_after=0.2), 503, "1"),
        (CircuitBreakerOpen("vastai", "open", retry_after=41.2), 503, "42"),
        (ProviderTimeout("vastai", "no answer in 30 s"), 504, None),
        (CredentialRefused("vastai", "401 Unauthorized"), 502, None),
    ],
)
async def test_a_providers_failure_says_when_to_come_again(client, aurora, error, status, retry_after):
    aurora.desk.error = error

    async with client.post(f"{HEALTH}/providers/vastai/health-check") as reply:
        problem = await reply.json()

    assert (reply.status, problem["code"], reply.headers.get("Retry-After")) == (
        status,
        error.code,
        retry_after,
    )
    assert problem["detail"].startswith("vastai: ")
