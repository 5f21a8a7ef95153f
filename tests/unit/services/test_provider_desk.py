"""What the health endpoints are told."""

import json
from datetime import timedelta

import pytest

from aurora.db.database import Database
from aurora.db.engine import create_engine
from aurora.db.repositories.health import Observation
from aurora.db.repositories.incidents import Incident, IncidentKind
from aurora.domain.errors import CredentialRefused, InvalidRequest, NotFound, Unavailable
from aurora.domain.health import BreakerState, ProviderStatus
from aurora.domain.operation import Operation, OperationClass
from aurora.domain.records import ProviderCatalogueState
from aurora.resilience.pause import Pause
from tests.fakes.clock import START
from tests.fakes.health_room import HealthRoom

AT_START = "2026-01-15T12:00:00Z"

HEALTH_ROW = {
    "status",
    "success_rate",
    "avg_response_time",
    "circuit_breaker",
    "rate_limit_utilization",
    "reason",
}
BREAKER_ROW = {
    "state",
    "failure_count",
    "success_count",
    "last_failure_time",
    "trip_count",
    "open_since",
    "next_attempt_in",
}


@pytest.fixture
def room():
    silent = Database(create_engine("postgresql://nobody@127.0.0.1:1/none"))
    return HealthRoom(silent, disabled=["render"])


def test_health_has_the_promised_shape(room):
    answer = room.desk.health()

    assert set(answer) == {"status", "providers", "summary"}
    assert set(answer["providers"]["vastai"]) == HEALTH_ROW
    assert answer["summary"] == {"total_providers": 2, "healthy": 2, "degraded": 0, "unavailable": 0}
    assert answer["status"] == "healthy"


def test_a_provider_never_called_is_healthy_without_figures(room):
    row = room.desk.health()["providers"]["vastai"]

    assert row == {
        "status": "HEALTHY",
        "success_rate": None,
        "avg_response_time": None,
        "circuit_breaker": "CLOSED",
        "rate_limit_utilization": 0,
        "reason": None,
    }


def test_a_disabled_provider_says_why_and_is_counted_nowhere(room):
    answer = room.desk.health()

    assert answer["providers"]["render"] == {
        "status": "DISABLED",
        "success_rate": None,
        "avg_response_time": None,
        "circuit_breaker": None,
        "rate_limit_utilization": None,
        "reason": "no adapter yet",
    }
    assert answer["summary"]["total_providers"] == 2


async def test_an_open_circuit_makes_a_provider_unavailable_and_the_system_degraded(room):
    await room.calls("vastai", failing=5)

    answer = room.desk.health()

    assert answer["status"] == "degraded"
    assert answer["providers"]["vastai"]["status"] == "UNAVAILABLE"
    assert answer["providers"]["vastai"]["circuit_breaker"] == "OPEN"
    assert answer["providers"]["vastai"]["success_rate"] == 0
    assert answer["summary"] == {"total_providers": 2, "healthy": 1, "degraded": 0, "unavailable": 1}


async def test_figures_of_calls_are_shares_and_milliseconds(room):
    room.markets["vastai"].latency_s = 0.245
    await room.calls("vastai", ok=2)

    row = room.desk.health()["providers"]["vastai"]

    assert (row["success_rate"], row["avg_response_time"]) == (1, 245)


async def test_old_offers_make_a_provider_degraded_only_beyond_its_interval(room):
    for name in ("vastai", "akash"):
        room.catalogue.synced(name, age_s=650)

    assert room.desk.status("vastai") is ProviderStatus.HEALTHY
    assert room.desk.status("akash") is ProviderStatus.DEGRADED


async def test_one_providers_detail_has_window_pauses_errors_and_the_data_age(room):
    room.catalogue.states["vastai"] = ProviderCatalogueState(
        "vastai", 812, 3, 0.95, START, START, 12.34, "page 4: 502"
    )
    room.guards["vastai"].restore([Pause("search", START + timedelta(hours=6), "daily quota", dated=True)])
    await room.calls("vastai", ok=3, failing=1)

    detail = room.desk.provider_health("vastai")

    assert set(detail) >= HEALTH_ROW
    assert detail["window"] == {"samples": 4, "successes": 3, "failures": 1}
    assert detail["errors"] == {"provider_unavailable": 1}
    assert detail["pauses"] == [
        {
            "endpoint": "search",
            "until": "2026-01-15T18:00:00Z",
            "reason": "daily quota",
            "dated": True,
        }
    ]
    assert (detail["offers"], detail["completeness"], detail["data_age_s"]) == (812, 0.95, 12.3)
    assert (detail["last_sync"], detail["last_error"]) == (AT_START, "page 4: 502")
    assert {"p50", "p95"} <= set(detail)


@pytest.mark.parametrize("ask", ["provider_health", "status", "invalidate"])
def test_an_unknown_provider_is_not_found(room, ask):
    with pytest.raises(NotFound):
        getattr(room.desk, ask)("nowhere")


async def test_an_unknown_or_disabled_provider_is_neither_checked_nor_reset(room):
    for name in ("nowhere", "render"):
        with pytest.raises(NotFound):
            await room.desk.check(name)
        with pytest.raises(NotFound):
            await room.desk.reset(name, actor="ann")


async def test_breakers_show_the_worst_class_and_each_class(room):
    await room.calls("vastai", ok=2, failing=5)

    row = room.desk.breakers()["vastai"]

    assert set(room.desk.breakers()) == {"vastai", "akash"}
    assert set(row) == BREAKER_ROW | {"classes", "open_for_s"}
    assert (row["state"], row["success_count"], row["trip_count"]) == ("OPEN", 2, 1)
    assert row["last_failure_time"] == AT_START
    assert {name: each["state"] for name, each in row["classes"].items()} == {
        "read": "OPEN",
        "create": "CLOSED",
        "control": "CLOSED",
    }


async def test_limiters_count_requests_per_minute_and_tokens(room):
    await room.calls("vastai", ok=13)

    row = room.desk.limiters()["vastai"]

    assert (row["rate"], row["capacity"], row["available_tokens"], row["utilization"]) == (100, 100, 87, 0.13)
    assert (row["requests_blocked"], row["classes"]) == (0, {})


def test_cache_stats_without_a_lookup_are_zero(room):
    stats = room.desk.cache_stats()

    assert (stats["total_hits"], stats["total_misses"], stats["hit_ratio"]) == (0, 0, 0.0)
    assert set(stats["providers"]["vastai"]) >= {"hits", "misses", "hit_ratio", "current_ttl"}
    assert stats["providers"]["vastai"]["current_ttl"] == 30


async def test_cache_stats_add_up_and_invalidating_says_how_many_entries_went(room):
    async def answer() -> str:
        return "page"

    for name in ("vastai", "akash"):
        for _ in range(4):
            await room.guards[name].call(Operation.OFFERS, answer, cache_key="all")

    stats = room.desk.cache_stats()
    assert (stats["total_hits"], stats["total_misses"], stats["hit_ratio"]) == (6, 2, 0.75)
    assert room.desk.invalidate("vastai") == {"invalidated": 1, "providers": {"vastai": 1}}
    assert room.desk.invalidate() == {"invalidated": 1, "providers": {"vastai": 0, "akash": 1}}


async def test_a_check_asks_the_provider_once_and_tells_how_long_it_took(room):
    room.markets["vastai"].latency_s = 0.1

    answer = await room.desk.check("vastai")

    assert room.markets["vastai"].asked == 1
    assert (answer["provider"], answer["ok"], answer["status"]) == ("vastai", True, "HEALTHY")
    assert (answer["response_time"], answer["skipped"], answer["error"]) == (100, None, None)


async def test_a_failing_check_is_an_answer_and_is_not_repeated(room):
    room.markets["akash"].errors.append(Unavailable("akash", "502 Bad Gateway"))

    answer = await room.desk.check("akash")

    assert room.markets["akash"].asked == 1
    assert (answer["ok"], answer["error"], answer["detail"]) == (
        False,
        "provider_unavailable",
        "502 Bad Gateway",
    )


async def test_outside_of_a_check_a_guards_calls_are_repeated_as_ever(room):
    room.markets["akash"].errors.append(Unavailable("akash", "502 Bad Gateway"))

    await room.markets["akash"].health()

    assert room.markets["akash"].asked == 2


async def test_while_open_nothing_is_asked_unless_forced(room):
    await room.calls("vastai", failing=5)
    asked = room.markets["vastai"].asked
    room.clock.advance(18)

    skipped = await room.desk.check("vastai")
    forced = await room.desk.check("vastai", force=True)

    assert (skipped["ok"], skipped["skipped"], skipped["retry_after"]) == (None, "circuit open", 42)
    assert (forced["ok"], forced["skipped"]) == (True, None)
    assert room.markets["vastai"].asked == asked + 1


async def test_a_reset_closes_the_circuits_and_names_who_did_it_even_without_a_database(room):
    await room.calls("vastai", failing=5)

    answer = await room.desk.reset("vastai", actor="ann")

    assert answer["state"] == "CLOSED"
    assert answer["reset"] == {
        "classes": ["read", "create", "control"],
        "by": "ann",
        "at": AT_START,
        "recorded": False,
    }


async def test_one_class_can_be_reset_alone(room):
    await room.calls("vastai", failing=5)

    answer = await room.desk.reset("vastai", operation_class="create", actor="ann")

    assert answer["reset"]["classes"] == ["create"]
    assert answer["state"] == "OPEN"


async def test_an_unknown_class_is_refused_before_anything_is_closed(room):
    await room.calls("vastai", failing=5)

    with pytest.raises(InvalidRequest):
        await room.desk.reset("vastai", operation_class="reads", actor="ann")

    assert room.desk.breakers()["vastai"]["state"] == "OPEN"


async def test_a_reset_ends_no_pause_that_the_provider_dated(room):
    until = START + timedelta(hours=6)
    room.guards["vastai"].restore(
        [
            Pause("search", until, "daily quota", dated=True),
            Pause(None, START + timedelta(seconds=60), "429", dated=False),
        ]
    )

    await room.desk.reset("vastai", actor="ann")

    assert [pause["dated"] for pause in room.desk.provider_health("vastai")["pauses"]] == [True]


async def test_a_provider_that_could_not_start_is_unavailable_until_a_call_succeeds(room):
    room.markets["vastai"].errors.append(CredentialRefused("vastai", "401", status=401))
    await room.desk.check("vastai")
    room.desk.could_not_start("vastai", "401 Unauthorized: set VASTAI_API_KEY")

    before = room.desk.health()["providers"]["vastai"]
    await room.desk.check("vastai", force=True)
    after = room.desk.health()["providers"]["vastai"]

    assert (before["status"], before["reason"]) == (
        "UNAVAILABLE",
        "401 Unauthorized: set VASTAI_API_KEY; credential refused",
    )
    assert after["status"] == "HEALTHY"


def test_the_provider_list_has_a_row_for_each_with_its_capabilities(room):
    rows = {row["name"]: row for row in room.desk.providers()}

    assert set(rows) == {"vastai", "akash", "render"}
    assert set(rows["vastai"]) >= {
        "name",
        "status",
        "reason",
        "offers",
        "unknown_gpus",
        "last_sync",
        "capabilities",
    }
    assert rows["vastai"]["capabilities"]["deploy"] is True
    assert rows["render"]["capabilities"] is None


def test_the_summary_is_all_in_one_with_unknowns_as_null(room):
    summary = room.desk.summary()

    assert summary["health"] == room.desk.health()
    assert summary["circuit_breakers"] == room.desk.breakers()
    assert summary["rate_limiters"] == room.desk.limiters()
    assert summary["cache"] == room.desk.cache_stats()
    assert (summary["uptime"], summary["g_score"]) == (None, None)


def test_uptime_is_the_share_of_the_observed_time_in_which_a_provider_could_be_used(room):
    room.desk.learn_incidents(
        [
            Incident(
                "vastai",
                IncidentKind.UNAVAILABLE,
                START - timedelta(hours=1),
                ended_at=START + timedelta(seconds=10),
            ),
            Incident("vastai", IncidentKind.DEGRADED, START + timedelta(seconds=60)),
        ]
    )
    room.clock.advance(100)

    uptime = room.desk.summary()["uptime"]

    assert uptime["vastai"] == {
        "uptime": 0.9,
        "since": AT_START,
        "unavailable_s": 10,
        "degraded_s": 40,
        "incidents": 1,
    }
    assert uptime["akash"]["uptime"] == 1
    assert set(uptime) == {"vastai", "akash"}


def test_g_scores_are_counted_by_band_once_there_are_any(room):
    room.g_scores[:] = [0, 19.9, 20, 55, 100]

    assert room.desk.summary()["g_score"] == {"0-20": 2, "20-40": 1, "40-60": 1, "60-80": 0, "80-100": 1}


async def test_every_answer_is_plain_json(room):
    await room.calls("vastai", ok=1, failing=5)
    room.guards["akash"].restore([Pause(None, START + timedelta(hours=1), "quota", dated=True)])
    room.desk.learn_incidents([])
    room.clock.advance(10)

    answers = [room.desk.summary(), room.desk.providers(), room.desk.provider_health("vastai")]

    assert json.loads(json.dumps(answers, allow_nan=False)) == answers


def observed(
    status: ProviderStatus, *, age_s: float = 10.0, reason: str | None = "seen elsewhere"
) -> Observation:
    at = START - timedelta(seconds=age_s)
    return Observation("vastai", status, BreakerState.CLOSED, 0, at, reason=reason)


def test_what_the_replica_that_asks_the_markets_saw_is_shown_where_it_is_worse(room):
    room.desk.learn_observations({"vastai": observed(ProviderStatus.UNAVAILABLE)})
    assert room.desk.status("vastai") is ProviderStatus.UNAVAILABLE
    assert room.desk.provider_health("vastai")["reason"] == "seen elsewhere"

    room.desk.learn_observations({"vastai": observed(ProviderStatus.UNAVAILABLE, age_s=120)})
    assert room.desk.status("vastai") is ProviderStatus.HEALTHY
    room.desk.learn_observations({"vastai": observed(ProviderStatus.HEALTHY, reason=None)})
    assert room.desk.status("vastai") is ProviderStatus.HEALTHY
    room.desk.learn_observations({})
    assert room.desk.status("vastai") is ProviderStatus.HEALTHY


async def test_a_check_that_failed_here_gives_way_to_what_is_seen_elsewhere(room):
    room.desk._failed_checks["vastai"] = "provider_unavailable"
    assert room.desk.status("vastai") is not ProviderStatus.HEALTHY

    room.desk.learn_observations({"vastai": observed(ProviderStatus.HEALTHY, reason=None)})

    assert room.desk.status("vastai") is ProviderStatus.HEALTHY


async def test_a_reset_is_told_to_the_other_replicas(room):
    told = []

    async def others(provider, operation_class, *, actor) -> bool:
        told.append((provider, operation_class, actor))
        return True

    room.desk.resets_with(others)
    await room.desk.reset("vastai", operation_class="create", actor="ann")
    await room.desk.reset("vastai", actor="ben")

    assert told == [("vastai", OperationClass.CREATE, "ann"), ("vastai", None, "ben")]
