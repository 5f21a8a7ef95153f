"""`/api/v1/provider-health`: what an operator looks at, and the three things that an operator does."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from aurora.api.access import AccessRefused
from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep, CheckingCaller, OperatorCaller
from aurora.api.schemas import provider_health as schema
from aurora.api.schemas.problem import problems
from aurora.api.schemas.provider_health import marked, marked_by_name
from aurora.domain.errors import InvalidRequest
from aurora.domain.operation import OperationClass

router = APIRouter(prefix="/api/v1/provider-health", tags=["provider health"])


@router.get(
    "/health",
    summary="All providers",
    responses={200: {"model": schema.SystemHealthOut}, **problems(503)},
)
async def health(aurora: AuroraDep) -> Response:
    """Touches no provider."""
    return JsonAnswer(marked(aurora.desk.health(), emulated=aurora.emulated))


@router.get(
    "/providers/{name}/health",
    summary="One provider in detail",
    responses={200: {"model": schema.ProviderHealthOut}, **problems(404, 422, 503)},
)
async def provider_health(name: str, aurora: AuroraDep) -> Response:
    """Window counts, p50 and p95, errors by kind, pauses, last sync, data age."""
    return JsonAnswer(marked(aurora.desk.provider_health(name), emulated=aurora.emulated))


@router.post(
    "/providers/{name}/health-check",
    summary="Ask a provider now",
    responses={200: {"model": schema.CheckOut}, **problems(404, 422, 502, 503, 504)},
)
async def check(
    name: str,
    aurora: AuroraDep,
    caller: CheckingCaller,
    *,
    force: Annotated[bool, Query(description="Ask even while the circuit is open; scope operate.")] = False,
) -> Response:
    """One call, no cache, no retry."""
    if force and "operate" not in caller.scopes:
        raise AccessRefused(403, "forbidden", "force needs a key with the scope operate")
    caller.trail.changed = force
    found = await aurora.desk.check(name, force=force, caller=caller)
    return JsonAnswer(marked(found, emulated=aurora.emulated))


@router.get(
    "/circuit-breakers",
    summary="Circuit breakers",
    responses={200: {"model": schema.BreakersOut}, **problems(503)},
)
async def breakers(aurora: AuroraDep) -> Response:
    """By provider: the worst of its operation classes, with each in `classes`."""
    return JsonAnswer(marked_by_name(aurora.desk.breakers(), emulated=aurora.emulated))


@router.post(
    "/circuit-breakers/{name}/reset",
    summary="Close a provider's circuit breakers",
    responses={200: {"model": schema.ResetOut}, **problems(404, 422, 503)},
)
async def reset(
    name: str,
    aurora: AuroraDep,
    caller: OperatorCaller,
    operation_class: Annotated[
        str | None, Query(alias="class", description="Only this one: read, create or control.")
    ] = None,
) -> Response:
    """Who and when is recorded. A pause that the provider itself dated stays."""
    if operation_class is not None and operation_class not in set(OperationClass):
        raise InvalidRequest("class", f"must be one of {', '.join(OperationClass)}")
    found = await aurora.desk.reset(name, operation_class=operation_class, actor=caller.actor)
    return JsonAnswer(marked(found, emulated=aurora.emulated))


@router.get(
    "/rate-limiters",
    summary="Rate limiters",
    responses={200: {"model": schema.LimitersOut}, **problems(503)},
)
async def limiters(aurora: AuroraDep) -> Response:
    """By provider: requests per minute and what is left of them."""
    return JsonAnswer(marked_by_name(aurora.desk.limiters(), emulated=aurora.emulated))


@router.get(
    "/cache/stats",
    summary="Caches",
    responses={200: {"model": schema.CacheStatsOut}, **problems(503)},
)
async def cache_stats(aurora: AuroraDep) -> Response:
    """Hits, misses and the present lifetime of entries."""
    return JsonAnswer(marked(aurora.desk.cache_stats(), emulated=aurora.emulated))


@router.post(
    "/cache/invalidate",
    summary="Drop cached answers",
    responses={200: {"model": schema.InvalidatedOut}, **problems(404, 422, 503)},
)
async def invalidate(
    aurora: AuroraDep,
    _caller: OperatorCaller,
    provider: Annotated[str | None, Query(description="Only this one's.")] = None,
) -> Response:
    """Says how many entries."""
    return JsonAnswer(marked(aurora.desk.invalidate(provider), emulated=aurora.emulated))


@router.get(
    "/metrics/summary",
    summary="All of the above in one",
    responses={200: {"model": schema.MetricsSummaryOut}, **problems(503)},
)
async def summary(aurora: AuroraDep) -> Response:
    """With uptime per provider and the distribution of the G-Score."""
    return JsonAnswer(marked(aurora.desk.summary(), emulated=aurora.emulated))
