"""Guard views as the health endpoints show them: plain data, times in ms, shares 0 to 1, null for no data. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aurora.domain.records import ProviderCatalogueState
from aurora.resilience.breaker import BreakerView
from aurora.resilience.cache import CacheView
from aurora.resilience.endpoint import EndpointView
from aurora.resilience.limiter import LimiterView
from aurora.resilience.pause import Pause
from aurora.resilience.view import GuardView
from aurora.services.provider_status import Condition

Json = dict[str, Any]


def number(value: float | None, digits: int = 4) -> float | int | None:
    """Rounded, and whole where it is whole: 100 rather than 100.0."""
    if value is None:
        return None
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def moment(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, with a Z as everywhere else."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def health_row(condition: Condition, view: GuardView | None) -> Json:
    """One provider in `GET /health`."""
    return {
        "status": condition.status.value,
        "success_rate": number(view.window.success_rate) if view else None,
        "avg_response_time": number(view.window.avg_response_time, 1) if view else None,
        "circuit_breaker": view.breaker.state.value if view else None,
        "rate_limit_utilization": number(view.limiter.utilization) if view else None,
        "reason": condition.reason,
    }


def health_detail(view: GuardView | None, state: ProviderCatalogueState | None) -> Json:
    """What `GET /providers/{name}/health` adds."""
    return {**_window(view), **_resilience(view), **_catalogue(state)}


def _window(view: GuardView | None) -> Json:
    window = view.window if view else None
    rate, samples = (window.success_rate, window.samples) if window else (None, 0)
    successes = round((rate or 0.0) * samples)
    last = window.last_error if window else None
    return {
        "window": {"samples": samples, "successes": successes, "failures": samples - successes},
        "p50": number(window.p50, 1) if window else None,
        "p95": number(window.p95, 1) if window else None,
        "errors": dict(window.errors) if window else {},
        "last_call_error": None
        if last is None
        else {"code": last.code, "detail": last.detail, "at": moment(last.at)},
    }


def _resilience(view: GuardView | None) -> Json:
    if view is None:
        return {"pauses": [], "credential": None, "bulkhead": None, "retries": None, "breaker": None}
    return {
        "pauses": pauses(view.pauses),
        "credential": {
            "refused_since": moment(view.auth_failed_at),
            "refused_operations": [operation.value for operation in view.refused_operations],
        },
        "bulkhead": asdict(view.bulkhead),
        "retries": asdict(view.retry),
        "breaker": breaker_row(view),
    }


def _catalogue(state: ProviderCatalogueState | None) -> Json:
    return {
        "offers": state.offers if state else 0,
        "unknown_gpus": state.unknown_gpus if state else 0,
        "completeness": number(state.completeness) if state else None,
        "last_sync": moment(state.last_sync_at) if state else None,
        "last_success": moment(state.last_success_at) if state else None,
        "data_age_s": number(state.data_age_s, 1) if state else None,
        "last_error": state.last_error if state else None,
    }


def provider_row(name: str, condition: Condition, *, state: ProviderCatalogueState | None) -> Json:
    """One provider in `GET /providers`; its capabilities are added by who knows the adapter."""
    shown = _catalogue(state)
    return {"name": name, "status": condition.status.value, "reason": condition.reason, **shown}


def pauses(held: Iterable[Pause]) -> list[Json]:
    """`endpoint` null: the whole provider. `dated`: set by the provider itself, nothing of ours ends it."""
    return [
        {
            "endpoint": pause.endpoint,
            "until": moment(pause.until),
            "reason": pause.reason,
            "dated": pause.dated,
        }
        for pause in held
    ]


def breaker_row(view: GuardView) -> Json:
    """The worst of the classes, with `classes` in detail."""
    classes = {each.value: _breaker(breaker) for each, breaker in view.breakers.items()}
    since = view.breaker.open_since
    open_for_s = 0.0 if since is None else (view.at - since).total_seconds()
    return {**_breaker(view.breaker), "open_for_s": number(open_for_s, 1), "classes": classes}


def _breaker(breaker: BreakerView) -> Json:
    return {
        "state": breaker.state.value,
        "failure_count": breaker.failure_count,
        "success_count": breaker.success_count,
        "last_failure_time": moment(breaker.last_failure_time),
        "trip_count": breaker.trip_count,
        "open_since": moment(breaker.open_since),
        "next_attempt_in": number(breaker.next_attempt_in, 1),
    }


def limiter_row(view: GuardView) -> Json:
    """`rate` in requests per minute, the rest in tokens; `classes` are the provider's own limits."""
    limiter: LimiterView = view.limiter
    return {
        "rate": number(limiter.rate),
        "capacity": number(limiter.capacity),
        "available_tokens": number(limiter.available_tokens, 2),
        "utilization": number(limiter.utilization),
        "requests_blocked": limiter.requests_blocked,
        "requests_delayed": limiter.requests_delayed,
        "requests_rejected": limiter.requests_rejected,
        "waiting": limiter.waiting,
        "enabled": limiter.enabled,
        "classes": {name: _endpoint(each) for name, each in limiter.endpoints.items()},
        "pauses": pauses(limiter.pauses),
    }


def _endpoint(endpoint: EndpointView) -> Json:
    return {
        "min_interval_s": number(endpoint.min_interval_s),
        "capacity": number(endpoint.capacity),
        "period_s": number(endpoint.period_s),
        "available": number(endpoint.available, 2),
        "next_in_s": number(endpoint.next_in, 2),
    }


def cache_stats(views: Mapping[str, CacheView]) -> Json:
    """Sums and a row per provider. A ratio without any lookup is 0.0."""
    hits = sum(view.hits for view in views.values())
    misses = sum(view.misses for view in views.values())
    return {
        "total_hits": hits,
        "total_misses": misses,
        "hit_ratio": round(hits / (hits + misses), 4) if hits + misses else 0.0,
        "providers": {name: _cache(view) for name, view in views.items()},
    }


def _cache(view: CacheView) -> Json:
    return {
        "hits": view.hits,
        "misses": view.misses,
        "hit_ratio": round(view.hit_ratio, 4),
        "current_ttl": number(view.current_ttl),
        "stale_served": view.stale_served,
        "coalesced": view.coalesced,
        "load_errors": view.load_errors,
        "entries": view.size,
        "enabled": view.enabled,
    }
