"""`GET /policies`: how offers may be scored."""

from fastapi import APIRouter
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep
from aurora.api.schemas.policies import PolicyListOut, policies_answer
from aurora.api.schemas.problem import problems

router = APIRouter(tags=["routing"])


@router.get(
    "/policies",
    summary="How offers may be scored",
    responses={200: {"model": PolicyListOut}, **problems()},
)
async def policies(aurora: AuroraDep) -> Response:
    """Name, version, formula weights; `policy` of a request chooses."""
    return JsonAnswer(policies_answer(aurora))
