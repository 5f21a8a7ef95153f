"""The markets, and reading them."""

from fastapi import APIRouter
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep, OperatorCaller
from aurora.api.schemas.problem import problems
from aurora.api.schemas.providers import ProviderListOut, SyncOut, providers_answer, sync_answer

router = APIRouter(tags=["providers"])


@router.get(
    "/providers",
    summary="The markets and how they are",
    responses={200: {"model": ProviderListOut}, **problems(503)},
)
async def providers(aurora: AuroraDep) -> Response:
    """The disabled ones included, with the reason."""
    return JsonAnswer(providers_answer(aurora))


@router.post(
    "/api/v1/providers/sync",
    summary="Read all markets now",
    responses={200: {"model": SyncOut}, **problems(503)},
)
async def sync(aurora: AuroraDep, _caller: OperatorCaller) -> Response:
    """Past the cache, and refills it. Calls that come during a run share it."""
    return JsonAnswer(sync_answer(await aurora.sync.run_all(), emulated=aurora.emulated))


@router.get(
    "/api/v1/providers/sync",
    summary="The latest report of each market",
    responses={200: {"model": SyncOut}, **problems(503)},
)
async def latest_sync(aurora: AuroraDep) -> Response:
    """Runs a sync first when there has been none."""
    reports = aurora.sync.latest_all() or await aurora.sync.run_all()
    return JsonAnswer(sync_answer(reports, emulated=aurora.emulated))
