"""What endpoints are given."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request

from aurora.api.access import AccessRefused
from aurora.api.middleware.access_gate import CALLER
from aurora.api.ports import AuroraPort
from aurora.domain.errors import NotFound
from aurora.services.ports import Caller

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

# Dependencies are `async` so that they run in the loop: plain functions would each hop to a thread and back.


async def _aurora(request: Request) -> AuroraPort:
    return cast("AuroraPort", request.app.state.aurora)


async def _caller(request: Request) -> Caller:
    return cast("Caller", request.scope[CALLER])


def _with_scope(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    async def checked(request: Request) -> Caller:
        caller = await _caller(request)
        if scope not in caller.scopes:
            raise AccessRefused(403, "forbidden", f"this call needs a key with the scope {scope}")
        return caller

    return checked


def _named(kind: str, text: str) -> str:
    """An id that could be one of ours: others are not even looked up (some databases choke on zero bytes)."""
    if not _ID.fullmatch(text):
        raise NotFound(f"no such {kind}")
    return text


async def _deployment_id(deployment_id: str) -> str:
    return _named("deployment", deployment_id)


async def _decision_id(decision_id: str) -> str:
    return _named("decision", decision_id)


AuroraDep = Annotated[AuroraPort, Depends(_aurora)]
"""The running Aurora."""
DeploymentId = Annotated[str, Depends(_deployment_id)]
DecisionId = Annotated[str, Depends(_decision_id)]
CallerDep = Annotated[Caller, Depends(_caller)]
"""Whoever calls."""
RouterCaller = Annotated[Caller, Depends(_with_scope("route"))]
"""A caller who may buy and end deployments."""
OperatorCaller = Annotated[Caller, Depends(_with_scope("operate"))]
"""A caller who may change how Aurora treats its providers."""
