"""Tenants: scope admin."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AdminCaller, AuroraDep, TenantId
from aurora.api.schemas.problem import problems
from aurora.api.schemas.tenants import (
    TenantBody,
    TenantDetailOut,
    TenantListOut,
    TenantOut,
    TenantPatch,
    tenant_answer,
    tenants_answer,
    usage_answer,
)
from aurora.domain.audit import AuditAction

router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"])


@router.post(
    "",
    summary="Make a tenant",
    status_code=201,
    responses={201: {"model": TenantOut}, **problems(409, 413, 422)},
)
async def create(body: TenantBody, aurora: AuroraDep, caller: AdminCaller) -> Response:
    """It has no keys yet."""
    made = await aurora.entrance.tenants.create(body.id, body.change(), caller=caller)
    return JsonAnswer(tenant_answer(made, emulated=aurora.emulated), status_code=201)


@router.get("", summary="List tenants", responses={200: {"model": TenantListOut}, **problems(422)})
async def tenants(
    aurora: AuroraDep,
    _caller: AdminCaller,
    cursor: Annotated[str | None, Query(max_length=64, pattern=r"^[A-Za-z0-9._-]+$")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Response:
    """By id, the disabled ones too."""
    found, after = await aurora.entrance.tenants.page(after=cursor, limit=limit)
    return JsonAnswer(tenants_answer(found, after, emulated=aurora.emulated))


@router.get(
    "/{tenant_id}",
    summary="Look at a tenant",
    responses={200: {"model": TenantDetailOut}, **problems(404, 422)},
)
async def tenant(tenant_id: TenantId, aurora: AuroraDep, _caller: AdminCaller) -> Response:
    """With what counts towards its quotas."""
    found = await aurora.entrance.tenants.get(tenant_id)
    used = await aurora.entrance.tenants.in_use(tenant_id)
    return JsonAnswer({**tenant_answer(found, emulated=aurora.emulated), "usage": usage_answer(used)})


@router.patch(
    "/{tenant_id}",
    summary="Change a tenant",
    responses={200: {"model": TenantOut}, **problems(404, 413, 422)},
)
async def change(tenant_id: TenantId, body: TenantPatch, aurora: AuroraDep, caller: AdminCaller) -> Response:
    """Holds at once in this process, within seconds in the others; for requests that come after."""
    made = await aurora.entrance.tenants.change(
        tenant_id, body.change(), caller=caller, action=AuditAction.TENANT_CHANGE
    )
    return JsonAnswer(tenant_answer(made, emulated=aurora.emulated))


@router.delete(
    "/{tenant_id}",
    summary="Disable a tenant",
    responses={200: {"model": TenantOut}, **problems(404, 422)},
)
async def disable(tenant_id: TenantId, aurora: AuroraDep, caller: AdminCaller) -> Response:
    """It may look and end, but not buy; what runs goes on until its end. Nothing is deleted. Idempotent."""
    made = await aurora.entrance.tenants.disable(tenant_id, caller=caller)
    return JsonAnswer(tenant_answer(made, emulated=aurora.emulated))
