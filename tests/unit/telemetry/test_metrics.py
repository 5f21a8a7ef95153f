"""Every documented metric is there, has a sample, and says the truth."""

import math
import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aurora.db.pool import Connections
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.gpu import GpuModel
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.operation import Operation, OperationClass
from aurora.domain.records import SyncReport
from aurora.replicas.base import ReplicaFigures
from aurora.resilience.pause import Pause
from aurora.resilience.verdict import Verdict
from aurora.services.attempt_figures import Figures
from aurora.telemetry.documented import DOCUMENTED, MetricType, metrics_table
from aurora.telemetry.market_figures import MarketFigures, free_gpus
from aurora.telemetry.metrics import Metrics
from tests.fakes.clock import START
from tests.fakes.health_room import HealthRoom

NAMED = {
    "aurora_route_requests_total": ("provider", "status"),
    "aurora_route_duration_seconds": ("provider", "mode"),
    "aurora_route_failures_total": ("provider", "reason"),
    "aurora_active_deployments": ("provider",),
    "aurora_provider_health": ("provider",),
    "aurora_provider_latency_ms": ("provider",),
    "aurora_provider_cost_usd": ("provider", "gpu_type"),
    "aurora_provider_capacity": ("provider",),
    "aurora_ai_decisions_total": ("mode",),
    "aurora_ai_reward": ("episode",),
    "aurora_ai_fill_rate_improvement": (),
    "aurora_alert": ("name", "provider"),
}
"""Names and labels that users' boards already use."""


def offer(external_id: str = "1", **changes) -> Offer:
    given = {
        "provider": "vastai",
        "external_id": external_id,
        "gpu": GpuModel("a100", "sxm", 80),
        "gpu_count": 1,
        "price_per_hour": Decimal("2.00"),
        "price_kind": PriceKind.FIRM,
        "seen_at": START,
    }
    return Offer(**{**given, **changes})


@dataclass
class Sources:
    """All that bootstrap connects, over a room of fakes."""

    desk: HealthRoom
    listed: list[Offer] = field(default_factory=lambda: [offer()])
    counted: Figures = field(default_factory=Figures)
    holding: dict[tuple[str, str], bool] = field(default_factory=lambda: {("orphan_found", "vastai"): False})

    walks: int = 0

    def offers(self):
        self.walks += 1
        return self.listed

    def offers_version(self):
        return f"v{len(self.listed)}"

    def figures(self):
        return self.counted

    def orphans(self):
        return {}

    def alerts(self):
        return self.holding

    def connections(self):
        return Connections(2, 3, 15)

    def replicas(self):
        return ReplicaFigures(
            replicas=2,
            held={"sync:vastai": True, "sweep": False},
            fallback={"vastai": True},
            fallbacks={"vastai": 7},
            circuits_shared={"vastai": True},
        )


@pytest.fixture
def room():
    return HealthRoom(None, ["vastai"], disabled=["render"])


@pytest.fixture
def metrics():
    return Metrics()


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Value by name and label values, as Prometheus would read them."""
    order = {spec.name: spec.labels for spec in DOCUMENTED}
    families = text_string_to_metric_families(metrics.render().decode())
    found = {}
    for sample in (sample for family in families for sample in family.samples):
        labels = dict(sample.labels)
        known = order.get(re.sub(r"_(bucket|sum|count)$", "", sample.name), ())
        values = tuple(labels.pop(label) for label in known)
        found[sample.name, (*values, *labels.values())] = sample.value
    return found


def names_with_samples(metrics: Metrics) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in samples(metrics)}


async def test_after_some_use_every_documented_metric_has_a_sample_and_there_is_no_other(room, metrics):
    metrics.started(version="0.1.0", mode="emulated", providers=["vastai"])
    metrics.mirror(Sources(room.desk))
    room.catalogue.synced("vastai")
    await room.calls("vastai", ok=1)
    metrics.routed("vastai", status="provisioning", mode="rule-based", seconds=0.0002)
    metrics.called("vastai", Operation.OFFERS, outcome=Verdict.OK, seconds=0.2)
    metrics.synced(SyncReport("vastai", START, 1.0, "ok"))
    metrics.stepped(outcome="ok", seconds=0.1)
    metrics.loop_lag(0.001)
    metrics.transaction("write", outcome="ok", seconds=0.002)

    assert names_with_samples(metrics) == {spec.name for spec in DOCUMENTED}


def test_the_names_and_labels_that_users_know_are_documented():
    documented = {spec.name: spec.labels for spec in DOCUMENTED}

    assert {name: documented.get(name) for name in NAMED} == NAMED


def test_names_say_their_type():
    for spec in DOCUMENTED:
        assert spec.name.startswith("aurora_")
        assert spec.name.endswith("_total") == (spec.type is MetricType.COUNTER)


def test_the_table_for_the_documents_has_a_row_for_each_metric():
    table = metrics_table()

    assert table.count("\n") == len(DOCUMENTED) + 2
    for spec in DOCUMENTED:
        assert f"| `{spec.name}` | {spec.type} |" in table
    assert "| `provider`, `gpu_type` |" in table


def test_two_metrics_objects_share_nothing():
    one, other = Metrics(), Metrics()

    one.breaker_refused("vastai")

    assert ("aurora_breaker_refused_total", ("vastai",)) in samples(one)
    assert ("aurora_breaker_refused_total", ("vastai",)) not in samples(other)


def test_a_route_counts_request_duration_decision_and_failure(metrics):
    metrics.routed("vastai", status="provisioning", mode="rule-based", seconds=0.00007)
    metrics.routed(None, status="no_capacity", mode="rule-based", seconds=0.1, reason="no_capacity")

    found = samples(metrics)
    assert found["aurora_route_requests_total", ("vastai", "provisioning")] == 1
    assert found["aurora_route_requests_total", ("none", "no_capacity")] == 1
    assert found["aurora_route_failures_total", ("none", "no_capacity")] == 1
    assert found["aurora_ai_decisions_total", ("rule-based",)] == 2
    assert found["aurora_route_duration_seconds_bucket", ("vastai", "rule-based", "5e-05")] == 0
    assert found["aurora_route_duration_seconds_bucket", ("vastai", "rule-based", "0.0001")] == 1


def test_what_nobody_has_learned_is_not_a_number(metrics):
    found = samples(metrics)

    assert math.isnan(found["aurora_ai_reward", ("0",)])
    assert math.isnan(found["aurora_ai_fill_rate_improvement", ()])


def test_counters_of_known_providers_begin_at_zero(metrics):
    metrics.started(version="1", mode="live", providers=["vastai"])

    found = samples(metrics)
    assert found["aurora_breaker_trips_total", ("vastai", "create")] == 0
    assert found["aurora_attempts_ended_total", ("vastai", "user")] == 0
    assert found["aurora_route_requests_total", ("vastai", "provisioning")] == 0
    assert found["aurora_route_duration_seconds_count", ("vastai", "rule-based")] == 0
    assert found["aurora_provider_call_duration_seconds_count", ("vastai", "create")] == 0


def test_a_sync_counts_its_changes_and_rejections(metrics):
    metrics.synced(
        SyncReport(
            "vastai", START, 2.5, "partial", seen=100, new=10, changed=5, gone=1, rejected={"no price": 3}
        )
    )

    found = samples(metrics)
    assert found["aurora_sync_offers_total", ("vastai", "seen")] == 100
    assert found["aurora_sync_offers_total", ("vastai", "gone")] == 1
    assert found["aurora_sync_rejected_total", ("vastai", "no price")] == 3
    assert found["aurora_sync_runs_total", ("vastai", "partial")] == 1
    assert found["aurora_sync_duration_seconds_sum", ("vastai",)] == 2.5


def test_a_truncated_sync_shows_until_the_next_that_is_not(metrics):
    for rejected, shown in [({"beyond the row cap": 0}, 1), ({}, 0)]:
        metrics.synced(SyncReport("vastai", START, 2.5, "partial", rejected=rejected))

        assert samples(metrics)["aurora_sync_truncated", ("vastai",)] == shown


async def test_health_breaker_and_limiter_gauges_mirror_the_desk(room, metrics):
    metrics.mirror(Sources(room.desk))
    room.markets["vastai"].latency_s = 0.2
    await room.calls("vastai", ok=5, failing=5)
    room.clock.advance(30)

    found = samples(metrics)
    assert found["aurora_provider_health", ("vastai",)] == 0
    assert found["aurora_provider_success_rate", ("vastai",)] == 0.5
    assert found["aurora_provider_samples", ("vastai",)] == 10
    assert found["aurora_provider_latency_ms", ("vastai",)] == 200
    assert found["aurora_breaker_state", ("vastai", "read")] == 1
    assert found["aurora_breaker_state", ("vastai", "create")] == 0
    assert found["aurora_breaker_open_seconds", ("vastai",)] == 30
    assert found["aurora_cache_ttl_seconds", ("vastai",)] == 30
    assert 0 <= found["aurora_limiter_utilization_ratio", ("vastai",)] < 0.1


def test_a_scrape_shows_the_state_of_its_moment(room, metrics):
    metrics.mirror(Sources(room.desk))
    before = samples(metrics)["aurora_provider_paused", ("vastai",)]
    room.guards["vastai"].restore([Pause(None, START + timedelta(hours=1), "quota", dated=True)])

    assert (before, samples(metrics)["aurora_provider_paused", ("vastai",)]) == (0, 1)
    assert samples(metrics)["aurora_provider_health", ("vastai",)] == 0.5


def test_a_disabled_provider_has_no_health_and_missing_figures_have_no_sample(room, metrics):
    metrics.mirror(Sources(room.desk))

    found = samples(metrics)
    assert ("aurora_provider_health", ("render",)) not in found
    assert ("aurora_provider_success_rate", ("vastai",)) not in found


def test_prices_are_the_median_per_gpu_hour(room, metrics):
    listed = [
        offer("1", price_per_hour=Decimal(1)),
        offer("2", price_per_hour=Decimal(8), gpu_count=4),
        offer("3", price_per_hour=Decimal(9)),
        offer("4", gpu=GpuModel("t4"), price_per_hour=Decimal("0.2")),
    ]
    metrics.mirror(Sources(room.desk, listed=listed))

    found = samples(metrics)
    assert found["aurora_provider_cost_usd", ("vastai", "a100")] == 2
    assert found["aurora_provider_cost_usd", ("vastai", "t4")] == 0.2


@pytest.mark.parametrize(
    ("listed", "free"),
    [
        ([offer(gpu_count=8, available=2)], 16),
        ([offer(gpu_count=4, available=None)], 4),
        ([offer(available=0)], 0),
        (
            [
                offer("1", gpu_count=2, resources=frozenset({"g1", "g2"})),
                offer("2", resources=frozenset({"g1"})),
            ],
            2,
        ),
        ([offer(available=0, resources=frozenset({"g1"}))], 0),
        ([], 0),
    ],
)
def test_gpus_that_several_offers_share_are_counted_once(listed, free):
    assert free_gpus(listed) == free


def test_deployments_are_zero_rather_than_absent(room, metrics):
    counted = Figures(active={"akash": 2}, spend_usd_per_hour={"akash": 3.5}, lag_s=4.0)
    metrics.mirror(Sources(room.desk, counted=counted))

    found = samples(metrics)
    assert found["aurora_active_deployments", ("vastai",)] == 0
    assert found["aurora_active_deployments", ("akash",)] == 2
    assert found["aurora_spend_usd_per_hour", ("akash",)] == 3.5
    assert found["aurora_reconciler_lag_seconds", ()] == 4


def test_alerts_are_zero_or_one(room, metrics):
    metrics.mirror(Sources(room.desk, holding={("a", "vastai"): True, ("b", "vastai"): False}))

    found = samples(metrics)
    assert (found["aurora_alert", ("a", "vastai")], found["aurora_alert", ("b", "vastai")]) == (1, 0)


def test_transactions_are_counted_and_say_whether_the_database_is_there(metrics):
    metrics.transaction("write", outcome="ok", seconds=0.002)
    up = samples(metrics)["aurora_database_up", ()]
    metrics.transaction("read", outcome="away", seconds=5.0)
    metrics.transaction_retried()

    found = samples(metrics)
    assert (up, found["aurora_database_up", ()]) == (1, 0)
    assert found["aurora_database_transactions_total", ("read", "away")] == 1
    assert found["aurora_database_transaction_seconds_count", ("write",)] == 1
    assert found["aurora_database_retries_total", ()] == 1


def test_what_replicas_share_is_shown(room, metrics):
    metrics.mirror(Sources(room.desk))

    found = samples(metrics)

    assert found["aurora_replicas", ()] == 2
    assert found["aurora_lease_held", ("sync:vastai",)] == 1
    assert found["aurora_lease_held", ("sweep",)] == 0
    assert found["aurora_limiter_fallback", ("vastai",)] == 1
    assert found["aurora_limiter_fallback_total", ("vastai",)] == 7


def test_the_pools_connections_are_shown(room, metrics):
    metrics.mirror(Sources(room.desk))

    found = samples(metrics)
    assert found["aurora_database_connections", ("in_use",)] == 2
    assert found["aurora_database_connections", ("idle",)] == 3
    assert found["aurora_database_connections_limit", ()] == 15


def test_messages_to_the_webhook_are_counted_by_what_became_of_them(metrics):
    metrics.webhook("delivered")
    metrics.webhook("dropped", messages=3)
    metrics.webhook_waiting(2)

    found = samples(metrics)
    assert found["aurora_alert_webhook_total", ("delivered",)] == 1
    assert found["aurora_alert_webhook_total", ("dropped",)] == 3
    assert found["aurora_alert_webhook_waiting", ()] == 2


def test_the_catalogue_is_walked_once_per_version_of_it(room, metrics):
    sources = Sources(room.desk)
    metrics.mirror(sources)
    first = samples(metrics)
    assert samples(metrics)["aurora_provider_cost_usd", ("vastai", "a100")] == 2.0
    assert sources.walks == 1

    sources.listed.append(offer("2", price_per_hour=Decimal("6.00")))
    again = samples(metrics)

    assert sources.walks == 2
    assert first["aurora_provider_cost_usd", ("vastai", "a100")] == 2.0
    assert again["aurora_provider_cost_usd", ("vastai", "a100")] == 4.0


class Broken(Sources):
    """The offers cannot be read."""

    def offers(self):
        raise DatabaseUnavailable("away")


def test_a_source_that_fails_is_counted_and_hides_no_other(room, metrics):
    metrics.mirror(Broken(room.desk))
    samples(metrics)

    found = samples(metrics)
    assert found["aurora_scrape_errors_total", ("market",)] >= 1
    assert found["aurora_provider_health", ("vastai",)] == 1


def test_the_page_is_prometheus_text_without_created_series(metrics):
    metrics.breaker_refused("vastai")

    assert metrics.content_type.startswith("text/plain")
    assert b"_created" not in metrics.render()
    assert b"# HELP aurora_breaker_refused_total" in metrics.render()


def test_breaker_trips_are_counted_by_class(metrics):
    metrics.breaker_tripped("vastai", OperationClass.CREATE)

    assert samples(metrics)["aurora_breaker_trips_total", ("vastai", "create")] == 1


async def test_a_scrape_of_a_large_market_shows_what_was_walked_over_before():
    listed = [offer(str(number), available=1) for number in range(2001)]
    versions = ["v1"]
    figures = MarketFigures(lambda: listed, lambda: versions[-1])
    first = figures.rows()
    del listed[1:]
    versions.append("v2")

    assert figures.rows() == first
    await figures.refresh()
    assert {name: value for name, _, value in figures.rows()}["aurora_provider_capacity"] == 1.0
    versions.append("v3")
    listed.clear()
    assert figures.rows() == [], "a small market is walked over at once"


def test_the_page_comes_in_a_piece_per_metric(metrics):
    pieces = list(metrics.portions())

    assert b"".join(pieces) == metrics.render()
    assert len(pieces) > 30
    assert max(piece.count(b"# TYPE") for piece in pieces) == 1
