"""Keys: scope admin."""

from fastapi import APIRouter
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AdminCaller, AuroraDep, KeyId, TenantId
from aurora.api.schemas.keys import (
    KeyBody,
    KeyListOut,
    KeyOut,
    NewKeyOut,
    RotateBody,
    key_answer,
    keys_answer,
    new_key_answer,
)
from aurora.api.schemas.problem import problems

router = APIRouter(prefix="/api/v1", tags=["keys"])

_UNSTORED = {"Cache-Control": "no-store"}
_NO_BODY = RotateBody()


@router.post(
    "/tenants/{tenant_id}/keys",
    summary="Make a key",
    status_code=201,
    responses={201: {"model": NewKeyOut}, **problems(404, 413, 422)},
)
async def create(tenant_id: TenantId, body: KeyBody, aurora: AuroraDep, caller: AdminCaller) -> Response:
    """The secret is in this answer and nowhere else: only its SHA-256 is stored."""
    now = aurora.clock.now()
    made = await aurora.entrance.keys.create(tenant_id, body.wish(now), caller=caller)
    answer = new_key_answer(made, now=now, emulated=aurora.emulated)
    return JsonAnswer(answer, status_code=201, headers=_UNSTORED)


@router.get(
    "/tenants/{tenant_id}/keys",
    summary="List a tenant's keys",
    responses={200: {"model": KeyListOut}, **problems(404, 422)},
)
async def keys(tenant_id: TenantId, aurora: AuroraDep, _caller: AdminCaller) -> Response:
    """Newest first, the ended ones too; by their hints."""
    await aurora.entrance.tenants.get(tenant_id)
    found = await aurora.entrance.keys.of_tenant(tenant_id)
    return JsonAnswer(keys_answer(found, now=aurora.clock.now(), emulated=aurora.emulated))


@router.delete(
    "/keys/{key_id}",
    summary="Revoke a key",
    responses={200: {"model": KeyOut}, **problems(404, 422)},
)
async def revoke(key_id: KeyId, aurora: AuroraDep, caller: AdminCaller) -> Response:
    """Opens nothing from now on: in this process at once, in the others within seconds. Idempotent."""
    ended = await aurora.entrance.keys.revoke(key_id, caller=caller)
    return JsonAnswer(key_answer(ended, now=aurora.clock.now()))


@router.post(
    "/keys/{key_id}/rotate",
    summary="Replace a key",
    status_code=201,
    responses={201: {"model": NewKeyOut}, **problems(404, 409, 413, 422)},
)
async def rotate(
    key_id: KeyId, aurora: AuroraDep, caller: AdminCaller, body: RotateBody = _NO_BODY
) -> Response:
    """A new secret with the same rights; the old one ends after `overlap_seconds` (a day where nothing is said)."""
    made = await aurora.entrance.keys.rotate(key_id, overlap_s=body.overlap_seconds, caller=caller)
    old = await aurora.entrance.keys.get(key_id)
    answer = new_key_answer(made, now=aurora.clock.now(), emulated=aurora.emulated, old=old)
    return JsonAnswer(answer, status_code=201, headers=_UNSTORED)
