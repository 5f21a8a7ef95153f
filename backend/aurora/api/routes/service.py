"""This process: alive, ready, and its metrics."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep
from aurora.api.problems import Problem
from aurora.api.schemas.problem import problems
from aurora.api.schemas.service import HealthOut, ReadyOut

router = APIRouter(tags=["service"])

_REASONS = {
    "accepting": "it is stopping",
    "database": "the database does not answer, or takes nothing new",
    "schema": "the schema is behind; run `aurora migrate`",
    "snapshot": "no market has been read yet",
}
"""By check, in plain words."""
_METRICS_TEXT = {"schema": {"type": "string"}, "example": 'aurora_provider_health{provider="vastai"} 1.0\n'}


@router.get("/health", summary="Is this process alive?", responses={200: {"model": HealthOut}, **problems()})
async def health(aurora: AuroraDep) -> Response:
    """Never depends on providers or the database: a restart would not cure those."""
    uptime = (aurora.clock.now() - aurora.started_at).total_seconds()
    return JsonAnswer(
        {
            "status": "healthy",
            "mode": aurora.mode,
            "version": aurora.version,
            "started_at": aurora.started_at,
            "uptime_seconds": round(uptime, 1),
            "emulated": aurora.emulated,
        }
    )


@router.get("/ready", summary="Can it serve requests?", responses={200: {"model": ReadyOut}, **problems(503)})
async def ready(aurora: AuroraDep) -> Response:
    """Database reachable, schema at head, a snapshot loaded, not stopping. Providers never make it unready."""
    is_ready, checks = await aurora.ready()
    found = {"ready": is_ready, "checks": dict(checks), "emulated": aurora.emulated}
    if not is_ready:
        failed = next(name for name, passed in checks.items() if not passed)
        reason = _REASONS.get(failed, f"{failed} failed")
        return Problem(503, "not_ready", f"cannot serve requests: {reason}", more=found).answer()
    return JsonAnswer({"status": "ready", **found})


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    responses={
        200: {"description": "Prometheus text.", "content": {"text/plain": _METRICS_TEXT}},
        **problems(),
    },
    response_class=Response,
)
async def metrics(aurora: AuroraDep) -> Response:
    """For the scraper."""
    page = bytearray()
    for portion in aurora.metrics.portions():
        page += portion
        await asyncio.sleep(0)
    return Response(bytes(page), headers={"Content-Type": aurora.metrics.content_type})
