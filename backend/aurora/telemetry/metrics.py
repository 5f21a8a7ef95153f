"""The metrics on a registry of their own: what is counted as it happens, beside what is mirrored on a scrape."""

import math
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from aurora.domain.deployment import EndReason
from aurora.domain.operation import Operation, OperationClass
from aurora.domain.records import SyncReport
from aurora.resilience.verdict import Verdict
from aurora.telemetry.documented import DOCUMENTED, MetricSpec, MetricType
from aurora.telemetry.market_figures import MarketFigures
from aurora.telemetry.mirror import MetricsSources, Mirror

KindT = TypeVar("KindT", Counter, Gauge, Histogram)

NOBODY = "none"
"""The provider label where no provider was chosen or concerned."""
INBOUND_REFUSALS = (
    "unauthenticated",
    "forbidden",
    "foreign_host",
    "foreign_origin",
    "rate_limited",
    "tenant_disabled",
    "quota_exceeded",
    "database_unavailable",
)
"""Codes of requests that were refused for who asked, or how often."""
_CHANGES = ("seen", "new", "changed", "gone")


class Metrics:
    """Every metric of `DOCUMENTED`. Labels are names of ours; free text and ids never become labels."""

    def __init__(self, specs: Iterable[MetricSpec] = DOCUMENTED) -> None:
        self.registry = CollectorRegistry()
        self._all: dict[str, MetricWrapperBase] = {
            spec.name: _made(spec, self.registry) for spec in specs if not spec.mirrored
        }
        self._children: dict[tuple[object, ...], MetricWrapperBase] = {}
        self._market: MarketFigures | None = None
        self._gauge("aurora_ai_reward", episode="0").set(math.nan)
        self._gauge("aurora_ai_fill_rate_improvement").set(math.nan)

    @property
    def content_type(self) -> str:
        """Of `render()`."""
        return CONTENT_TYPE_LATEST

    def render(self) -> bytes:
        """The Prometheus page."""
        return b"".join(self.portions())

    def portions(self) -> Iterator[bytes]:
        """The same in pieces, so that a request need not wait for all of it: with seven markets that is 20 ms of work."""
        for metric in _WithoutCreated(self.registry).collect():
            yield generate_latest(_Alone(metric))

    def mirror(self, sources: MetricsSources) -> None:
        """From now on every scrape also reads `sources`."""
        self._market = MarketFigures(sources.offers, sources.offers_version)
        self.registry.register(Mirror(sources, market=self._market, unread=self._unread))

    async def refresh(self) -> None:
        """Bring up to date what would take a scrape too long."""
        if self._market is not None:
            await self._market.refresh()

    def started(self, *, version: str, mode: str, providers: Iterable[str]) -> None:
        """Say who we are, and let the counters of these providers begin at 0, so that their first rise is seen."""
        self._gauge("aurora_build_info", version=version, python=platform.python_version(), mode=mode).set(1)
        for source in (
            "health",
            "limits",
            "cache",
            "market",
            "deployments",
            "alerts",
            "database",
            "replicas",
        ):
            self._counter("aurora_scrape_errors_total", source=source)
        for outcome in ("ok", "failed"):
            self._counter("aurora_reconciler_steps_total", outcome=outcome)
        for kind in ("read", "write"):
            self._histogram("aurora_database_transaction_seconds", kind=kind)
            for outcome in ("ok", "rolled_back", "away"):
                self._counter("aurora_database_transactions_total", kind=kind, outcome=outcome)
        for outcome in ("delivered", "retried", "refused", "expired", "dropped"):
            self._counter("aurora_alert_webhook_total", outcome=outcome)
        for code in INBOUND_REFUSALS:
            self._counter("aurora_inbound_refused_total", code=code)
        for reason in ("database", "bound"):
            self._counter("aurora_audit_unwritten_total", reason=reason)
        self._counter("aurora_ai_decisions_total", mode="rule-based")
        self._counter("aurora_route_requests_total", provider=NOBODY, status="no_capacity")
        self._counter("aurora_route_failures_total", provider=NOBODY, reason="no_capacity")
        self._histogram("aurora_route_duration_seconds", provider=NOBODY, mode="rule-based")
        for provider in providers:
            self._begin(provider)

    # -- routing

    def routed(
        self, provider: str | None, *, status: str, mode: str, seconds: float, reason: str | None = None
    ) -> None:
        """One route request was answered. `reason`: why it gave no deployment, None when it did."""
        chosen = provider or NOBODY
        self._counter("aurora_route_requests_total", provider=chosen, status=status).inc()
        self._histogram("aurora_route_duration_seconds", provider=chosen, mode=mode).observe(seconds)
        self._counter("aurora_ai_decisions_total", mode=mode).inc()
        if reason is not None:
            self._counter("aurora_route_failures_total", provider=chosen, reason=reason).inc()

    # -- provider calls

    def called(self, provider: str, operation: Operation, *, outcome: Verdict, seconds: float) -> None:
        """One attempt that was really sent."""
        self._counter(
            "aurora_provider_calls_total", provider=provider, operation=operation, outcome=outcome
        ).inc()
        self._histogram(
            "aurora_provider_call_duration_seconds", provider=provider, operation=operation
        ).observe(seconds)

    def call_error(self, provider: str, code: str) -> None:
        self._counter("aurora_provider_errors_total", provider=provider, code=code).inc()

    def retried(self, provider: str, operation: Operation) -> None:
        self._counter("aurora_retries_total", provider=provider, operation=operation).inc()

    def breaker_tripped(self, provider: str, operation_class: OperationClass) -> None:
        self._counter("aurora_breaker_trips_total", **{"provider": provider, "class": operation_class}).inc()

    def breaker_refused(self, provider: str) -> None:
        self._counter("aurora_breaker_refused_total", provider=provider).inc()

    # -- sync

    def synced(self, report: SyncReport) -> None:
        """One sync of one provider has ended, well or not."""
        provider = report.provider
        self._histogram("aurora_sync_duration_seconds", provider=provider).observe(report.seconds)
        self._counter("aurora_sync_runs_total", provider=provider, outcome=report.outcome).inc()
        for change in _CHANGES:
            self._counter("aurora_sync_offers_total", provider=provider, change=change).inc(
                getattr(report, change)
            )
        for reason, count in report.rejected.items():
            self._counter("aurora_sync_rejected_total", provider=provider, reason=reason).inc(count)
        self._gauge("aurora_sync_truncated", provider=provider).set(report.truncated)

    # -- reconciler and sweep

    def stepped(self, *, outcome: str, seconds: float) -> None:
        """One reconciler step: `ok` or `failed`."""
        self._counter("aurora_reconciler_steps_total", outcome=outcome).inc()
        self._histogram("aurora_reconciler_step_seconds").observe(seconds)

    def attempt_ended(self, provider: str, reason: str) -> None:
        self._counter("aurora_attempts_ended_total", provider=provider, reason=reason).inc()

    def launch_outcome(self, provider: str, kind: str) -> None:
        self._counter("aurora_launch_outcomes_total", provider=provider, kind=kind).inc()

    def orphan_found(self, provider: str) -> None:
        self._counter("aurora_orphans_found_total", provider=provider).inc()

    def orphan_resolved(self, provider: str, action: str) -> None:
        """`adopted`, `killed` or `gone`."""
        self._counter("aurora_orphans_resolved_total", provider=provider, action=action).inc()

    # -- database

    def transaction(self, kind: str, *, outcome: str, seconds: float) -> None:
        """`kind`: read, write. `outcome`: ok, rolled_back, away."""
        self._counter("aurora_database_transactions_total", kind=kind, outcome=outcome).inc()
        self._histogram("aurora_database_transaction_seconds", kind=kind).observe(seconds)
        self._gauge("aurora_database_up").set(outcome != "away")

    def transaction_retried(self) -> None:
        self._counter("aurora_database_retries_total").inc()

    # -- the alerts' webhook

    def webhook(self, outcome: str, *, messages: int = 1) -> None:
        """`delivered`, `retried`, `refused`, `expired` or `dropped`."""
        self._counter("aurora_alert_webhook_total", outcome=outcome).inc(messages)

    def webhook_waiting(self, messages: int) -> None:
        self._gauge("aurora_alert_webhook_waiting").set(messages)

    # -- who comes in

    def inbound_refused(self, code: str) -> None:
        """One request was refused before it did anything; `code` of its problem."""
        self._counter("aurora_inbound_refused_total", code=code).inc()

    def audit_unwritten(self, reason: str) -> None:
        """`database` or `bound`."""
        self._counter("aurora_audit_unwritten_total", reason=reason).inc()

    # -- ourselves

    def loop_lag(self, seconds: float) -> None:
        self._gauge("aurora_event_loop_lag_seconds").set(seconds)

    def _unread(self, source: str) -> None:
        self._counter("aurora_scrape_errors_total", source=source).inc()

    def _begin(self, provider: str) -> None:
        """A counter that first appears with 1 shows no increase to Prometheus: begin at 0."""
        self._counter("aurora_route_requests_total", provider=provider, status="provisioning")
        self._histogram("aurora_route_duration_seconds", provider=provider, mode="rule-based")
        self._histogram("aurora_sync_duration_seconds", provider=provider)
        for operation in Operation:
            self._counter("aurora_retries_total", provider=provider, operation=operation)
            self._histogram("aurora_provider_call_duration_seconds", provider=provider, operation=operation)
            for verdict in Verdict:
                self._counter(
                    "aurora_provider_calls_total", provider=provider, operation=operation, outcome=verdict
                )
        for operation_class in OperationClass:
            self._counter("aurora_breaker_trips_total", **{"provider": provider, "class": operation_class})
        for reason in EndReason:
            self._counter("aurora_attempts_ended_total", provider=provider, reason=reason)
        for action in ("adopted", "killed", "gone"):
            self._counter("aurora_orphans_resolved_total", provider=provider, action=action)
        for kind in ("ok", "fail_fast", "fail_slow", "nocap", "interrupted"):
            self._counter("aurora_launch_outcomes_total", provider=provider, kind=kind)
        for change in _CHANGES:
            self._counter("aurora_sync_offers_total", provider=provider, change=change)
        for outcome in ("ok", "partial", "failed", "suspicious"):
            self._counter("aurora_sync_runs_total", provider=provider, outcome=outcome)
        self._counter("aurora_sync_rejected_total", provider=provider, reason="malformed")
        self._counter("aurora_provider_errors_total", provider=provider, code="provider_unavailable")
        self._counter("aurora_breaker_refused_total", provider=provider)
        self._counter("aurora_orphans_found_total", provider=provider)

    def _counter(self, name: str, /, **labels: str) -> Counter:
        return self._known(name, Counter, labels)

    def _gauge(self, name: str, /, **labels: str) -> Gauge:
        return _child(self._all[name], Gauge, labels)

    def _histogram(self, name: str, /, **labels: str) -> Histogram:
        return self._known(name, Histogram, labels)

    def _known(self, name: str, kind: type[KindT], labels: Mapping[str, str]) -> KindT:
        """Counters and histograms are for ever: each is looked up in the library once, which takes a lock to do so."""
        key = (name, *labels.items())
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = _child(self._all[name], kind, labels)
        return cast("KindT", found)


class _Alone(Collector):
    """One metric as a registry."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


class _WithoutCreated(Collector):
    """The library adds a `_created` series to each counter; nobody reads them and they double the page."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric


def _made(spec: MetricSpec, registry: CollectorRegistry) -> MetricWrapperBase:
    given: dict[str, Any] = {"labelnames": spec.labels, "registry": registry}
    if spec.type is MetricType.COUNTER:
        return Counter(spec.name, spec.meaning, **given)
    if spec.type is MetricType.GAUGE:
        return Gauge(spec.name, spec.meaning, **given)
    return Histogram(spec.name, spec.meaning, buckets=spec.buckets, **given)


def _child(metric: MetricWrapperBase, kind: type[KindT], labels: Mapping[str, str]) -> KindT:
    """The metric with its labels set; `kind` is what the documents promise."""
    child = metric.labels(**labels) if labels else metric
    if not isinstance(child, kind):
        raise TypeError(f"{metric} is no {kind.__name__}")
    return child
