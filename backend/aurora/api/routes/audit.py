"""`GET /api/v1/audit`: who did what; scope admin."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AdminCaller, AuroraDep
from aurora.api.schemas.audit import AuditListOut, audit_answer
from aurora.api.schemas.moments import moment
from aurora.api.schemas.problem import problems
from aurora.db.repositories.audit import AuditFilter
from aurora.domain.audit import AuditAction
from aurora.domain.errors import InvalidRequest

router = APIRouter(prefix="/api/v1", tags=["audit"])

_LARGEST_ID = 2**63 - 1
_Word = Annotated[str | None, Query(max_length=255, pattern=r"^[\x20-\x7e]+$")]


@router.get(
    "/audit",
    summary="What was done, by whom",
    responses={200: {"model": AuditListOut}, **problems(422)},
)
async def audit(  # noqa: PLR0913, PLR0917 - the filters are the endpoint's parameters
    aurora: AuroraDep,
    _caller: AdminCaller,
    tenant: _Word = None,
    actor: _Word = None,
    action: Annotated[AuditAction | None, Query()] = None,
    target: _Word = None,
    since: Annotated[datetime | None, Query(description="With its zone.")] = None,
    until: Annotated[datetime | None, Query(description="With its zone.")] = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Newest first, of all tenants unless one is named."""
    wanted = AuditFilter(
        tenant, actor, action, target, since=moment("since", since), until=moment("until", until)
    )
    found, before = await aurora.entrance.audit.page(wanted, before=_cursor(cursor), limit=limit)
    return JsonAnswer(audit_answer(found, before, emulated=aurora.emulated))


def _cursor(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _LARGEST_ID:
        raise InvalidRequest("cursor", "is not a cursor of this list")
    return int(text)
