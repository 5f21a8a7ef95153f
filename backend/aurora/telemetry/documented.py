"""Every metric's name, type, labels and meaning: what is registered, what the documents show, what tests check."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class MetricType(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


_DECISION_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0)
"""Seconds: a decision takes microseconds, one that waits for a provider seconds."""
_CALL_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
_TRANSACTION_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
_SYNC_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric. `mirrored` ones are read from the running system when Prometheus asks."""

    name: str
    type: MetricType
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()
    mirrored: bool = False


def _counter(name: str, labels: str, meaning: str) -> MetricSpec:
    return MetricSpec(name, MetricType.COUNTER, tuple(labels.split()), meaning)


def _gauge(name: str, labels: str, meaning: str) -> MetricSpec:
    return MetricSpec(name, MetricType.GAUGE, tuple(labels.split()), meaning)


def _mirrored(name: str, labels: str, meaning: str) -> MetricSpec:
    kind = MetricType.COUNTER if name.endswith("_total") else MetricType.GAUGE
    return MetricSpec(name, kind, tuple(labels.split()), meaning, mirrored=True)


def _histogram(name: str, labels: str, *, buckets: tuple[float, ...], meaning: str) -> MetricSpec:
    return MetricSpec(name, MetricType.HISTOGRAM, tuple(labels.split()), meaning, buckets=buckets)


_ROUTING = (
    _counter(
        "aurora_route_requests_total",
        "provider status",
        "Route requests by chosen provider (`none`: nothing was chosen) and the answer's status.",
    ),
    _histogram(
        "aurora_route_duration_seconds",
        "provider mode",
        buckets=_DECISION_S,
        meaning="Seconds of one route request, by who decided (`rule-based`).",
    ),
    _counter(
        "aurora_route_failures_total",
        "provider reason",
        "Route requests that gave no deployment, by reason (`no_capacity`).",
    ),
    _mirrored("aurora_active_deployments", "provider", "Deployments that have not ended."),
    _mirrored(
        "aurora_spend_usd_per_hour", "provider", "USD per hour of all attempts that may cost money now."
    ),
    _mirrored(
        "aurora_capacity_holds", "provider", "Launches' worth of capacity held by attempts and refusals."
    ),
)

_AI = (
    _counter(
        "aurora_ai_decisions_total",
        "mode",
        "Decisions by who made them: `rule-based` counts too, so that shares can be drawn.",
    ),
    _gauge(
        "aurora_ai_reward", "episode", "Mean reward of the learned policy. NaN until something is learned."
    ),
    _gauge(
        "aurora_ai_fill_rate_improvement",
        "",
        "Fill rate of the learned policy minus that of the rules, as a fraction. NaN until something is learned.",
    ),
)

_PROVIDERS = (
    _mirrored(
        "aurora_provider_health", "provider", "1 healthy, 0.5 degraded, 0 unavailable; absent: disabled."
    ),
    _mirrored("aurora_provider_latency_ms", "provider", "Mean ms of attempts that got an answer (window)."),
    _mirrored("aurora_provider_success_rate", "provider", "Share of good outcomes, 0 to 1 (window)."),
    _mirrored("aurora_provider_samples", "provider", "Outcomes that the success rate rests on."),
    _mirrored(
        "aurora_provider_cost_usd",
        "provider gpu_type",
        "Median USD per GPU-hour of the offers that are listed.",
    ),
    _mirrored(
        "aurora_provider_capacity", "provider", "GPUs free; an offer of unknown number counts its own GPUs."
    ),
    _mirrored("aurora_provider_offers", "provider", "Offers listed."),
    _mirrored("aurora_provider_unknown_gpus", "provider", "Offers whose GPU is not recognised."),
    _mirrored("aurora_provider_paused", "provider", "1 while the provider asked us to be silent."),
    _mirrored("aurora_provider_credential_ok", "provider", "0 while the provider refuses our key."),
    _counter(
        "aurora_provider_calls_total",
        "provider operation outcome",
        "Attempts really sent: `ok`, `fail` (counts against the provider), `neutral`.",
    ),
    _histogram(
        "aurora_provider_call_duration_seconds",
        "provider operation",
        buckets=_CALL_S,
        meaning="Seconds of one attempt.",
    ),
    _counter("aurora_provider_errors_total", "provider code", "Failed attempts by the error's code."),
    _counter("aurora_retries_total", "provider operation", "Attempts that followed a failed one."),
)

_RESILIENCE = (
    _mirrored("aurora_breaker_state", "provider class", "0 closed, 0.5 half-open, 1 open."),
    _mirrored(
        "aurora_breaker_open_seconds", "provider", "Seconds since it first tripped without closing again."
    ),
    _counter("aurora_breaker_trips_total", "provider class", "Transitions into open."),
    _counter("aurora_breaker_refused_total", "provider", "Calls not made because the circuit was open."),
    _mirrored("aurora_limiter_utilization_ratio", "provider", "Share of the tokens in use, 0 to 1."),
    _mirrored("aurora_limiter_blocked_total", "provider", "Calls that found no token on arrival."),
    _mirrored("aurora_limiter_rejected_total", "provider", "Calls refused by our own limiter."),
    _mirrored("aurora_cache_hits_total", "provider", "Answers from the cache."),
    _mirrored("aurora_cache_misses_total", "provider", "Answers that had to be asked for."),
    _mirrored(
        "aurora_cache_stale_total", "provider", "Old answers given because no fresh one was to be had."
    ),
    _mirrored("aurora_cache_ttl_seconds", "provider", "Lifetime that the next stored answer would get."),
)

_SYNC = (
    _histogram(
        "aurora_sync_duration_seconds", "provider", buckets=_SYNC_S, meaning="Seconds of one catalogue sync."
    ),
    _counter("aurora_sync_runs_total", "provider outcome", "Syncs: ok, partial, failed, suspicious."),
    _counter("aurora_sync_offers_total", "provider change", "Offers of syncs: seen, new, changed, gone."),
    _counter(
        "aurora_sync_rejected_total", "provider reason", "Catalogue items that could not be understood."
    ),
    _gauge("aurora_sync_truncated", "provider", "1: the market lists more rows than PROVIDER_MAX_ROWS."),
    _mirrored("aurora_sync_completeness", "provider", "Share of the catalogue read to its end, 0 to 1."),
    _mirrored("aurora_sync_age_seconds", "provider", "Age of the provider's data."),
)

_LIFECYCLE = (
    _counter("aurora_reconciler_steps_total", "outcome", "Steps: `ok`, `failed`."),
    _histogram("aurora_reconciler_step_seconds", "", buckets=_CALL_S, meaning="Seconds of one step."),
    _mirrored(
        "aurora_reconciler_lag_seconds", "", "How long the most overdue deployment waits to be looked at."
    ),
    _counter(
        "aurora_launch_outcomes_total",
        "provider kind",
        "What came of launches: ok, fail_fast, fail_slow, nocap, interrupted.",
    ),
    _counter("aurora_attempts_ended_total", "provider reason", "Attempts confirmed gone, by reason."),
    _mirrored(
        "aurora_terminate_unconfirmed",
        "provider",
        "Instances asked to end more than 5 minutes ago and not confirmed absent.",
    ),
    _mirrored("aurora_orphans", "provider", "Instances with our name that no live attempt claims."),
    _counter("aurora_orphans_found_total", "provider", "Orphans found by the sweep."),
    _counter("aurora_orphans_resolved_total", "provider action", "Orphans `adopted`, `killed` or `gone`."),
)

_DATABASE = (
    _gauge("aurora_database_up", "", "1 if the last transaction reached the database, 0 if not."),
    _counter(
        "aurora_database_transactions_total",
        "kind outcome",
        "Transactions (`read`, `write`): `ok`; `rolled_back`; `away`: the database did not answer.",
    ),
    _histogram(
        "aurora_database_transaction_seconds",
        "kind",
        buckets=_TRANSACTION_S,
        meaning="Seconds of one transaction, with the wait for a connection.",
    ),
    _counter("aurora_database_retries_total", "", "Transactions run once more after a deadlock."),
    _mirrored("aurora_database_connections", "state", "Connections of the pool: `in_use`, `idle`."),
    _mirrored("aurora_database_connections_limit", "", "Connections that the pool opens at most."),
)

_ALERTS = (
    _mirrored(
        "aurora_alert", "name provider", "1 while the alert holds (provider `none`: of the whole system)."
    ),
    _counter(
        "aurora_alert_webhook_total",
        "outcome",
        "Messages to the webhook: `delivered`; `retried` (one attempt failed, another follows); `refused` (the "
        "receiver will not take it); `expired` (given up after an hour); `dropped` (too many waited).",
    ),
    _gauge("aurora_alert_webhook_waiting", "", "Messages that wait to be taken by the webhook."),
)

_ENTRANCE = (
    _counter(
        "aurora_inbound_refused_total",
        "code",
        "Requests refused for who asked or how often, by the problem's code (`database_unavailable`: the key could "
        "not be looked up).",
    ),
    _counter(
        "aurora_audit_unwritten_total",
        "reason",
        "Rows missing in the audit log: `database` did not answer, `bound` of rows about refused calls reached.",
    ),
)

_REPLICAS = (
    _mirrored("aurora_replicas", "", "Processes that live on this database, as far as this one knows."),
    _mirrored(
        "aurora_lease_held",
        "name",
        "1 while this process has the duty: `sync:P`, `sweep`, `health`. Summed over all processes it is 1.",
    ),
    _mirrored(
        "aurora_limiter_fallback",
        "provider",
        "1 while this process takes tokens from its own share of the rate limit, because the database is away.",
    ),
    _mirrored(
        "aurora_limiter_fallback_total", "provider", "Takes of tokens that were decided by the own share."
    ),
    _mirrored(
        "aurora_breaker_shared", "provider", "1 while breakers are those of all processes; alone it is 0."
    ),
    _mirrored(
        "aurora_replica_words_heard", "", "1 while notices of other processes arrive at once; alone it is 0."
    ),
    _mirrored("aurora_replica_behind_seconds", "", "Since the last look at what other processes changed."),
)

_SELF = (
    _gauge("aurora_build_info", "version python mode", "Always 1."),
    _gauge("aurora_event_loop_lag_seconds", "", "How late the event loop woke at the last look."),
    _counter("aurora_scrape_errors_total", "source", "Sources that could not be read for a scrape."),
)

DOCUMENTED: tuple[MetricSpec, ...] = (
    *_ROUTING,
    *_AI,
    *_PROVIDERS,
    *_RESILIENCE,
    *_SYNC,
    *_LIFECYCLE,
    *_REPLICAS,
    *_DATABASE,
    *_ALERTS,
    *_ENTRANCE,
    *_SELF,
)


def metrics_table(specs: Iterable[MetricSpec] = DOCUMENTED) -> str:
    """The documents' table of metrics, in Markdown."""
    rows = [f"| `{spec.name}` | {spec.type} | {_labels(spec)} | {spec.meaning} |" for spec in specs]
    return "\n".join(("| Name | Type | Labels | Meaning |", "|---|---|---|---|", *rows)) + "\n"


def _labels(spec: MetricSpec) -> str:
    return ", ".join(f"`{label}`" for label in spec.labels) or "none"
