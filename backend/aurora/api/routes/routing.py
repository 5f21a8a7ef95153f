"""`POST /route` and the decisions behind its answers."""

import re
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep, CallerDep, DecisionId, RouterCaller
from aurora.api.schemas.decision import DecisionOut
from aurora.api.schemas.problem import problems
from aurora.api.schemas.route import RouteBody, RouteOut, route_answer
from aurora.domain import request_id
from aurora.domain.errors import InvalidRequest
from aurora.services.intake import TenantDefaults
from aurora.services.ports import Idempotency

router = APIRouter(tags=["routing"])

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@router.post(
    "/route",
    summary="Choose the best offer and deploy on it",
    responses={200: {"model": RouteOut}, **problems(402, 404, 409, 413, 422)},
)
async def route(
    body: RouteBody,
    aurora: AuroraDep,
    caller: RouterCaller,
    idempotency_key: Annotated[
        str | None, Header(description="Same key and body: the same deployment. Kept for 7 days.")
    ] = None,
) -> Response:
    """The deployment is created in the background; `dry_run` only decides, `wait` waits for the outcome."""
    given = body.given()
    tenant = await aurora.entrance.book.get(caller.tenant)
    answer = await aurora.routing.route(
        aurora.intake.build(given, tenant=TenantDefaults.of(tenant)),
        caller=caller,
        dry_run=body.dry_run,
        wait_s=aurora.intake.wait_s(given),
        idempotency=_idempotency(idempotency_key, body),
        request_id=request_id.current(),
    )
    return JsonAnswer(route_answer(answer))


@router.get(
    "/decisions/{decision_id}",
    summary="Why an offer was chosen",
    responses={200: {"model": DecisionOut}, **problems(404, 422, 503)},
)
async def decision(decision_id: DecisionId, aurora: AuroraDep, caller: CallerDep) -> Response:
    """Counts by reason, the top 20, the chosen one, and what would have changed the answer."""
    found = await aurora.decisions.get(decision_id, caller=caller)
    return JsonAnswer({"emulated": aurora.emulated, **found})


def _idempotency(key: str | None, body: RouteBody) -> Idempotency | None:
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidRequest("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
    return Idempotency(key, body.digest())
