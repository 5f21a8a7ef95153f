"""`POST /route` and the decisions behind its answers."""

import json
import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep, CallerDep, DecisionId, RouterCaller, own_router
from aurora.api.ports import AuroraPort
from aurora.api.schemas.decision import DecisionOut
from aurora.api.schemas.problem import problems
from aurora.api.schemas.route import RouteBody, RouteOut, route_answer
from aurora.domain import request_id
from aurora.domain.errors import InvalidRequest
from aurora.services.intake import TenantDefaults
from aurora.services.ports import Idempotency


class _PlainFirst(APIRoute):
    """`POST /route` as it nearly always comes, a body that is right and nothing beside it, is read here.

    The framework's general way costs twice as much. It is taken for everything else: it has the words for what is
    wrong, and does what the OpenAPI document says.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        general = super().get_route_handler()
        if self.methods != {"POST"}:
            return general

        async def handler(request: Request) -> Response:
            body = None if request.scope["query_string"] else await _plain(request)
            if body is None:
                return await general(request)
            aurora = cast("AuroraPort", request.app.state.aurora)
            caller = await own_router(request)
            return await route(body, aurora, caller, request.headers.get("idempotency-key"))

        return handler


async def _plain(request: Request) -> RouteBody | None:
    """None for what has to be refused, or to be looked at more closely. Raises NotJson."""
    try:
        found = json.loads(await request.body())
        return RouteBody.model_validate(found) if isinstance(found, dict) else None
    except (ValueError, RecursionError, ClientDisconnect):
        return None


router = APIRouter(tags=["routing"], route_class=_PlainFirst)

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
