"""What endpoints are given."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, cast

from fastapi import Depends, Query, Request

from aurora.api.access import AccessRefused
from aurora.api.middleware.access_gate import CALLER
from aurora.api.ports import AuroraPort
from aurora.domain.errors import InvalidRequest, NotFound
from aurora.services.ports import Caller

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Dependencies are `async` so that they run in the loop: plain functions would each hop to a thread and back.


async def _aurora(request: Request) -> AuroraPort:
    return cast("AuroraPort", request.app.state.aurora)


async def _own(request: Request) -> Caller:
    return cast("Caller", request.scope[CALLER])


async def _caller(
    request: Request,
    tenant: Annotated[str | None, Query(description="Act for another tenant; scope admin.")] = None,
) -> Caller:
    """Whoever calls, for its own tenant or, as an admin, for another one."""
    caller = await _own(request)
    if tenant is None or tenant == caller.tenant:
        return caller
    if not _TENANT.fullmatch(tenant):
        raise InvalidRequest("tenant", "must be 1 to 64 letters, digits, . _ -")
    if "admin" not in caller.scopes:
        raise AccessRefused(403, "forbidden", "acting for another tenant needs a key with the scope admin")
    await (await _aurora(request)).entrance.book.get(tenant)
    acting = replace(caller, tenant=tenant)
    request.scope[CALLER] = acting  # the audit log and others further out are to know for whom
    return acting


def _with_scope(*scopes: str) -> Callable[[Request], Awaitable[Caller]]:
    """One of them is enough."""

    async def checked(request: Request) -> Caller:
        return _scoped(await _own(request), *scopes)

    return checked


async def _router(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    return _scoped(caller, "route")


async def own_router(request: Request) -> Caller:
    """Whoever calls as itself and may buy and end deployments. Raises AccessRefused."""
    return await _router(await _own(request))


def _scoped(caller: Caller, *scopes: str) -> Caller:
    if caller.scopes.isdisjoint(scopes):
        raise AccessRefused(403, "forbidden", f"this call needs a key with the scope {' or '.join(scopes)}")
    return caller


def _named(kind: str, text: str) -> str:
    """An id that could be one of ours: others are not even looked up (some databases choke on zero bytes)."""
    if not _ID.fullmatch(text):
        raise NotFound(f"no such {kind}")
    return text


async def _deployment_id(deployment_id: str) -> str:
    return _named("deployment", deployment_id)


async def _decision_id(decision_id: str) -> str:
    return _named("decision", decision_id)


async def _tenant_id(tenant_id: str) -> str:
    return _named("tenant", tenant_id)


async def _key_id(key_id: str) -> str:
    return _named("key", key_id)


AuroraDep = Annotated[AuroraPort, Depends(_aurora)]
"""The running Aurora."""
DeploymentId = Annotated[str, Depends(_deployment_id)]
DecisionId = Annotated[str, Depends(_decision_id)]
TenantId = Annotated[str, Depends(_tenant_id)]
KeyId = Annotated[str, Depends(_key_id)]
CallerDep = Annotated[Caller, Depends(_caller)]
"""Whoever calls, to look at what belongs to a tenant."""
OwnCaller = Annotated[Caller, Depends(_own)]
"""Whoever calls, as itself."""
RouterCaller = Annotated[Caller, Depends(_router)]
"""A caller who may buy and end deployments."""
OperatorCaller = Annotated[Caller, Depends(_with_scope("operate"))]
"""A caller who may change how Aurora treats its providers."""
CheckingCaller = Annotated[Caller, Depends(_with_scope("route", "operate"))]
"""A caller who may have a market asked."""
AdminCaller = Annotated[Caller, Depends(_with_scope("admin"))]
"""A caller who may change tenants and keys and read the audit log."""
