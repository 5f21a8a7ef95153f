"""`GET /api/v1/alerts`: what a person should look at now."""

from fastapi import APIRouter
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep, OwnCaller
from aurora.api.schemas.alerts import AlertListOut, alerts_answer
from aurora.api.schemas.problem import problems

router = APIRouter(prefix="/api/v1", tags=["provider health"])


@router.get("/alerts", summary="Alerts that hold", responses={200: {"model": AlertListOut}, **problems()})
async def alerts(aurora: AuroraDep, _caller: OwnCaller) -> Response:
    """Judged every 2 s from what this process knows; the same as `aurora_alert` of /metrics."""
    return JsonAnswer(alerts_answer(aurora))
