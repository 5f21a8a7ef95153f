"""`POST /route/whatif`: what other limits would give."""

from fastapi import APIRouter
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep, RouterCaller
from aurora.api.schemas.problem import problems
from aurora.api.schemas.route import RouteBody
from aurora.api.schemas.whatif import WhatIfOut, whatif_answer
from aurora.services.intake import TenantDefaults

router = APIRouter(tags=["routing"])


@router.post(
    "/route/whatif",
    summary="What would change if a limit gave way",
    responses={200: {"model": WhatIfOut}, **problems(404, 413, 422)},
)
async def whatif(body: RouteBody, aurora: AuroraDep, caller: RouterCaller) -> Response:
    """The body of `POST /route`. Never deploys and writes nothing; `dry_run` and `wait` mean nothing here."""
    tenant = await aurora.entrance.book.get(caller.tenant)
    request = aurora.intake.build(body.given(), tenant=TenantDefaults.of(tenant))
    return JsonAnswer(whatif_answer(aurora.whatif.ask(request), emulated=aurora.emulated))
