"""What is read from the running system when Prometheus asks: nothing here is counted twice or kept."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aurora.domain.errors import AuroraError
from aurora.domain.offer import Offer
from aurora.telemetry.documented import DOCUMENTED, MetricType
from aurora.telemetry.market_figures import MarketFigures, Row

"""A metric's name, its labels' values, its value; None is no sample."""
_HEALTH = {"HEALTHY": 1.0, "DEGRADED": 0.5, "UNAVAILABLE": 0.0}
_STATE = {"CLOSED": 0.0, "HALF_OPEN": 0.5, "OPEN": 1.0}


class DeskView(Protocol):
    """The provider desk's plain data, with the keys of the health endpoints."""

    def health(self) -> dict[str, Any]: ...

    def provider_health(self, name: str) -> dict[str, Any]: ...

    def breakers(self) -> dict[str, Any]: ...

    def limiters(self) -> dict[str, Any]: ...

    def cache_stats(self) -> dict[str, Any]: ...


class FiguresView(Protocol):
    """Our deployments from above, all by provider."""

    @property
    def active(self) -> Mapping[str, int]: ...

    @property
    def spend_usd_per_hour(self) -> Mapping[str, float]: ...

    @property
    def unconfirmed(self) -> Mapping[str, int]: ...

    @property
    def holds(self) -> Mapping[str, int]: ...

    @property
    def lag_s(self) -> float: ...


class PoolView(Protocol):
    """The database's connections."""

    @property
    def in_use(self) -> int: ...

    @property
    def idle(self) -> int: ...

    @property
    def limit(self) -> int: ...


class ReplicasView(Protocol):
    """Being one of several processes, or the only one."""

    @property
    def replicas(self) -> int: ...

    @property
    def held(self) -> Mapping[str, bool]: ...

    @property
    def fallback(self) -> Mapping[str, bool]: ...

    @property
    def fallbacks(self) -> Mapping[str, int]: ...

    @property
    def circuits_shared(self) -> Mapping[str, bool]: ...

    @property
    def connected(self) -> bool: ...

    @property
    def behind_s(self) -> float: ...


class MetricsSources(Protocol):
    """What bootstrap connects. All answers come from memory: a scrape does no I/O."""

    @property
    def desk(self) -> DeskView: ...

    def offers(self) -> Iterable[Offer]:
        """Every offer that is on sale."""
        ...

    def offers_version(self) -> str:
        """Another one whenever an offer is added, changed or gone."""
        ...

    def figures(self) -> FiguresView: ...

    def orphans(self) -> Mapping[str, int]:
        """How many there are now, by provider."""
        ...

    def alerts(self) -> Mapping[tuple[str, str], bool]:
        """Whether it holds, by (name, provider)."""
        ...

    def connections(self) -> PoolView: ...

    def replicas(self) -> ReplicasView: ...


class Mirror(Collector):
    """Turns the sources into samples. A source that fails is counted and the others are shown."""

    def __init__(
        self, sources: MetricsSources, *, market: MarketFigures, unread: Callable[[str], None]
    ) -> None:
        self._sources = sources
        self._unread = unread
        self._market = market
        self._specs = {spec.name: spec for spec in DOCUMENTED if spec.mirrored}

    def describe(self) -> Iterator[Metric]:
        """The families without samples; asked for at registration, when the sources may not be ready."""
        for name in self._specs:
            yield self._family(name)

    def collect(self) -> Iterator[Metric]:
        families = {name: self._family(name) for name in self._specs}
        for name, labels, value in self._rows():
            if value is not None:
                families[name].add_metric(labels, value)
        yield from families.values()

    def _family(self, name: str) -> GaugeMetricFamily | CounterMetricFamily:
        spec = self._specs[name]
        kind = CounterMetricFamily if spec.type is MetricType.COUNTER else GaugeMetricFamily
        return kind(name, spec.meaning, labels=spec.labels)

    def _rows(self) -> Iterator[Row]:
        sources = self._sources
        readers: Mapping[str, Callable[[], Iterable[Row]]] = {
            "health": lambda: health_rows(sources.desk),
            "limits": lambda: limit_rows(sources.desk),
            "cache": lambda: cache_rows(sources.desk),
            "market": self._market.rows,
            "deployments": self._deployment_rows,
            "alerts": self._alert_rows,
            "database": self._connection_rows,
            "replicas": lambda: replica_rows(sources.replicas()),
        }
        for source, read in readers.items():
            try:
                yield from list(read())
            except (AuroraError, LookupError, TypeError, ValueError):
                # One source's trouble must not blind the operator to all others; it shows as a scrape error.
                self._unread(source)

    def _deployment_rows(self) -> Iterator[Row]:
        figures, orphans = self._sources.figures(), self._sources.orphans()
        by_name: Mapping[str, Mapping[str, float]] = {
            "aurora_active_deployments": figures.active,
            "aurora_spend_usd_per_hour": figures.spend_usd_per_hour,
            "aurora_terminate_unconfirmed": figures.unconfirmed,
            "aurora_capacity_holds": figures.holds,
            "aurora_orphans": orphans,
        }
        providers = [name for name, row in self._sources.desk.health()["providers"].items() if _used(row)]
        for name, values in by_name.items():
            # 0 where nothing is: a series that vanishes with its last deployment would freeze on the board.
            for provider in dict.fromkeys((*providers, *values)):
                yield name, (provider,), float(values.get(provider, 0))
        yield "aurora_reconciler_lag_seconds", (), figures.lag_s

    def _alert_rows(self) -> Iterator[Row]:
        for (name, provider), holds in self._sources.alerts().items():
            yield "aurora_alert", (name, provider), float(holds)

    def _connection_rows(self) -> Iterator[Row]:
        pool = self._sources.connections()
        yield "aurora_database_connections", ("in_use",), float(pool.in_use)
        yield "aurora_database_connections", ("idle",), float(pool.idle)
        yield "aurora_database_connections_limit", (), float(pool.limit)


def replica_rows(figures: ReplicasView) -> Iterator[Row]:
    """Duties, and what is shared with the other processes."""
    yield "aurora_replicas", (), float(figures.replicas)
    yield "aurora_replica_words_heard", (), float(figures.connected)
    yield "aurora_replica_behind_seconds", (), figures.behind_s
    by_label: Mapping[str, Mapping[str, float]] = {
        "aurora_lease_held": figures.held,
        "aurora_limiter_fallback": figures.fallback,
        "aurora_limiter_fallback_total": figures.fallbacks,
        "aurora_breaker_shared": figures.circuits_shared,
    }
    for name, values in by_label.items():
        for label, value in values.items():
            yield name, (label,), float(value)


def _used(row: Mapping[str, Any]) -> bool:
    return row["status"] in _HEALTH


def health_rows(desk: DeskView) -> Iterator[Row]:
    """Health, window and catalogue figures; a figure without data has no sample."""
    for name, row in desk.health()["providers"].items():
        if not _used(row):
            continue
        detail, key = desk.provider_health(name), (name,)
        yield "aurora_provider_health", key, _HEALTH[row["status"]]
        yield "aurora_provider_latency_ms", key, row["avg_response_time"]
        yield "aurora_provider_success_rate", key, row["success_rate"]
        yield "aurora_provider_samples", key, detail["window"]["samples"]
        yield "aurora_provider_paused", key, float(bool(detail["pauses"]))
        yield "aurora_provider_offers", key, detail["offers"]
        yield "aurora_provider_unknown_gpus", key, detail["unknown_gpus"]
        yield "aurora_sync_completeness", key, detail["completeness"]
        yield "aurora_sync_age_seconds", key, detail["data_age_s"]
        if detail["credential"] is not None:
            yield "aurora_provider_credential_ok", key, float(not detail["credential"]["refused_operations"])


def limit_rows(desk: DeskView) -> Iterator[Row]:
    """Breakers and limiters."""
    for name, row in desk.breakers().items():
        yield "aurora_breaker_open_seconds", (name,), row["open_for_s"]
        for operation_class, breaker in row["classes"].items():
            yield "aurora_breaker_state", (name, operation_class), _STATE[breaker["state"]]
    for name, row in desk.limiters().items():
        yield "aurora_limiter_utilization_ratio", (name,), row["utilization"]
        yield "aurora_limiter_blocked_total", (name,), row["requests_blocked"]
        yield "aurora_limiter_rejected_total", (name,), row["requests_rejected"]


def cache_rows(desk: DeskView) -> Iterator[Row]:
    for name, row in desk.cache_stats()["providers"].items():
        yield "aurora_cache_hits_total", (name,), row["hits"]
        yield "aurora_cache_misses_total", (name,), row["misses"]
        yield "aurora_cache_stale_total", (name,), row["stale_served"]
        yield "aurora_cache_ttl_seconds", (name,), row["current_ttl"]
