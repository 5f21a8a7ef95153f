"""Nobody gets to an endpoint without being somebody: what is not public by name is guarded."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from aurora.api.access import AccessPolicy, AccessRefused
from aurora.api.problems import Problem

CALLER = "aurora.caller"
"""Where in the scope the caller is found."""


class AccessGate:
    """Puts the Caller into the scope, or answers 401 or 403."""

    def __init__(self, app: ASGIApp, *, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope[CALLER] = self._policy.admit(scope["method"], scope["path"], Headers(scope=scope))
            except AccessRefused as exc:
                await Problem.of(exc).answer()(scope, receive, send)
                return
        await self._app(scope, receive, send)
