"""`GET /api/v1/me`: whose key is this, and what may it do?"""

from fastapi import APIRouter
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep, CallerDep
from aurora.api.schemas.audit import MeOut
from aurora.api.schemas.keys import key_answer
from aurora.api.schemas.problem import problems
from aurora.api.schemas.tenants import tenant_answer, usage_answer

router = APIRouter(prefix="/api/v1", tags=["tenants"])

_KEYS = "key-"


@router.get("/me", summary="Who am I?", responses={200: {"model": MeOut}, **problems(404, 422)})
async def me(aurora: AuroraDep, caller: CallerDep) -> Response:
    """The tenant, its limits and what is in use; the key by its hint."""
    tenant = await aurora.entrance.tenants.get(caller.tenant)
    used = await aurora.entrance.tenants.in_use(caller.tenant)
    key = await aurora.entrance.keys.get(caller.actor) if caller.actor.startswith(_KEYS) else None
    shown = tenant_answer(tenant, emulated=aurora.emulated)
    return JsonAnswer(
        {
            "tenant": tenant.id,
            "actor": caller.actor,
            "scopes": sorted(caller.scopes),
            "key": None if key is None else key_answer(key, now=aurora.clock.now()),
            "disabled": shown["disabled"],
            "home_region": shown["home_region"],
            "limits": shown["limits"],
            "usage": usage_answer(used),
            "emulated": aurora.emulated,
        }
    )
