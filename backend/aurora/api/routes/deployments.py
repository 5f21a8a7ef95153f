"""Deployments after they were asked for."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from aurora.api.answers import JsonAnswer
from aurora.api.deps import AuroraDep, CallerDep, DeploymentId, RouterCaller
from aurora.api.log_stream import LogStream, bare, stamped
from aurora.api.schemas.catalogue import states
from aurora.api.schemas.deployments import (
    DeploymentDetailOut,
    DeploymentListOut,
    EventListOut,
    ExtendBody,
    deployment_answer,
    deployment_detail,
    events_answer,
)
from aurora.api.schemas.problem import problems
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.errors import InvalidRequest

router = APIRouter(prefix="/deployments", tags=["deployments"])

_LOG_TEXT = {"schema": {"type": "string"}, "example": "step 100 loss 2.31\nstep 200 loss 2.07\n"}


@router.get(
    "",
    summary="List deployments, newest first",
    responses={200: {"model": DeploymentListOut}, **problems(404, 422, 503)},
)
async def deployments(
    aurora: AuroraDep,
    caller: CallerDep,
    status: Annotated[str | None, Query(description="pending, provisioning, running, ...")] = None,
    provider: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """With how complete our picture of each provider is."""
    page = await aurora.deployments.page(
        caller=caller,
        status=_status(status),
        provider=None if provider is None else aurora.intake.provider(provider),
        cursor=cursor,
        limit=limit,
    )
    now = aurora.clock.now()
    return JsonAnswer(
        {
            "deployments": [deployment_answer(each, now=now) for each in page.items],
            "next_cursor": page.cursor,
            "providers": states(aurora),
            "emulated": aurora.emulated,
        }
    )


@router.get(
    "/{deployment_id}",
    summary="Look at one deployment",
    responses={200: {"model": DeploymentDetailOut}, **problems(404, 422, 503)},
)
async def deployment(deployment_id: DeploymentId, aurora: AuroraDep, caller: CallerDep) -> Response:
    """With its resolved request and all attempts."""
    view = await aurora.deployments.get(deployment_id, caller=caller)
    return JsonAnswer(deployment_detail(view, now=aurora.clock.now()))


@router.delete(
    "/{deployment_id}",
    summary="End a deployment",
    status_code=202,
    responses={202: {"model": DeploymentDetailOut}, **problems(404, 422, 503)},
)
async def terminate(deployment_id: DeploymentId, aurora: AuroraDep, caller: RouterCaller) -> Response:
    """Idempotent. Goes on until the market has confirmed twice that nothing is left."""
    view = await aurora.deployments.terminate(deployment_id, caller=caller)
    return JsonAnswer(deployment_detail(view, now=aurora.clock.now()), status_code=202)


@router.post(
    "/{deployment_id}/extend",
    summary="Give a deployment more time",
    responses={200: {"model": DeploymentDetailOut}, **problems(402, 404, 409, 413, 422, 503)},
)
async def extend(
    deployment_id: DeploymentId, body: ExtendBody, aurora: AuroraDep, caller: RouterCaller
) -> Response:
    """Adds GPU-hours, and their share to the cost limit."""
    hours = aurora.intake.gpu_hours(body.gpu_hours)
    view = await aurora.deployments.extend(deployment_id, gpu_hours=hours, caller=caller)
    return JsonAnswer(deployment_detail(view, now=aurora.clock.now()))


@router.get(
    "/{deployment_id}/events",
    summary="What happened to a deployment",
    responses={200: {"model": EventListOut}, **problems(404, 422, 503)},
)
async def events(deployment_id: DeploymentId, aurora: AuroraDep, caller: CallerDep) -> Response:
    """Oldest first."""
    found = await aurora.deployments.events(deployment_id, caller=caller)
    return JsonAnswer(events_answer(deployment_id, found, emulated=aurora.emulated))


@router.get(
    "/{deployment_id}/logs",
    summary="Read a deployment's log",
    responses={
        200: {"description": "Lines of text.", "content": {"text/plain": _LOG_TEXT}},
        **problems(404, 409, 422, 502, 503, 504),
    },
    response_class=Response,
)
async def logs(
    deployment_id: DeploymentId,
    aurora: AuroraDep,
    caller: CallerDep,
    *,
    follow: Annotated[bool, Query(description="Stream new lines until the deployment ends.")] = False,
    tail: Annotated[int, Query(ge=1, le=10_000, description="Last lines to begin with.")] = 1000,
    timestamps: Annotated[bool, Query(description="The market's time in front, where it gives one.")] = False,
) -> Response:
    """Live lines while it runs, the archived last ones afterwards."""
    lines = aurora.deployments.logs(deployment_id, caller=caller, tail=tail, follow=follow)
    # A stream without end must not hold up a stop; a log that is only read is read to its end.
    return LogStream(
        lines, written=stamped if timestamps else bare, stopping=aurora.draining if follow else None
    )


def _status(status: str | None) -> str | None:
    if status is not None and status not in set(DeploymentStatus):
        raise InvalidRequest("status", f"must be one of {', '.join(DeploymentStatus)}")
    return status
