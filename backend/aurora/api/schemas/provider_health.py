"""The figures under `/api/v1/provider-health`. Their meanings: no data is null, times in ms, rates from 0 to 1."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.config import JsonDict

from aurora.domain.health import BreakerState, ProviderStatus, SystemStatus

_HEALTH: JsonDict = {
    "status": "HEALTHY",
    "success_rate": 0.98,
    "avg_response_time": 245.0,
    "circuit_breaker": "CLOSED",
    "rate_limit_utilization": 0.45,
}
_BREAKER: JsonDict = {
    "state": "CLOSED",
    "failure_count": 0,
    "success_count": 1523,
    "last_failure_time": None,
    "trip_count": 0,
    "classes": {},
}
_LIMITER: JsonDict = {
    "rate": 100,
    "capacity": 100,
    "available_tokens": 87,
    "utilization": 0.13,
    "requests_blocked": 0,
    "classes": {},
}
_CACHE: JsonDict = {"hits": 0, "misses": 0, "hit_ratio": 0.0, "current_ttl": 300}
_SUMMARY: JsonDict = {"total_providers": 1, "healthy": 1, "degraded": 0, "unavailable": 0}


class _Figures(BaseModel):
    """Further figures may come beside the documented ones."""

    model_config = ConfigDict(extra="allow")


class ProviderHealthOut(_Figures):
    """One provider; alone also with window counts, p50 and p95, errors by kind, pauses, last sync and data age."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_HEALTH]})

    status: ProviderStatus
    success_rate: float | None
    avg_response_time: float | None = Field(description="ms, of attempts that got a response.")
    circuit_breaker: BreakerState | None = Field(description="Null for a disabled provider.")
    rate_limit_utilization: float | None


class HealthSummaryOut(_Figures):
    """Disabled providers are in no count but their own."""

    total_providers: int
    healthy: int
    degraded: int
    unavailable: int


class SystemHealthOut(_Figures):
    """All providers and what they amount to."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"status": "healthy", "providers": {"vastai": _HEALTH}, "summary": _SUMMARY, "emulated": True}
            ]
        },
    )

    status: SystemStatus
    providers: dict[str, ProviderHealthOut]
    summary: HealthSummaryOut


class CheckOut(_Figures):
    """What the provider answered just now; `skipped` when it was not asked."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"skipped": "circuit open", "retry_after": 42.0}]}
    )


class BreakerOut(_Figures):
    """The worst of the operation classes, which `classes` has one by one."""

    state: BreakerState
    failure_count: int
    success_count: int
    last_failure_time: datetime | None
    trip_count: int


class BreakersOut(RootModel[dict[str, BreakerOut]]):
    """By provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"vastai": _BREAKER}]})


class ResetOut(_Figures):
    """The new state."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_BREAKER]})


class LimiterOut(_Figures):
    """Requests per minute, and what is left of them."""

    rate: float
    capacity: float
    available_tokens: float
    utilization: float
    requests_blocked: int


class LimitersOut(RootModel[dict[str, LimiterOut]]):
    """By provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"vastai": _LIMITER}]})


class CacheOut(_Figures):
    """One provider's cache; `current_ttl` in seconds."""

    hits: int
    misses: int
    hit_ratio: float | None
    current_ttl: float | None


class CacheStatsOut(_Figures):
    """All caches."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"total_hits": 0, "total_misses": 0, "hit_ratio": 0.0, "providers": {"vastai": _CACHE}}
            ]
        },
    )

    total_hits: int
    total_misses: int
    hit_ratio: float | None
    providers: dict[str, CacheOut]


class InvalidatedOut(_Figures):
    """How many entries were dropped."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"invalidated": 4}]})


class MetricsSummaryOut(_Figures):
    """Health, breakers, limiters and caches in one, with uptime per provider and the G-Score distribution."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"emulated": True}]})


def marked(body: dict[str, Any], *, emulated: bool) -> dict[str, Any]:
    """The answer, saying whether it is emulated."""
    return {**body, "emulated": emulated}


def marked_by_name(body: dict[str, Any], *, emulated: bool) -> dict[str, Any]:
    """The same for answers whose keys are providers: scripts walk over the keys, so the mark is one level down."""
    return {name: {**figures, "emulated": emulated} for name, figures in body.items()}
