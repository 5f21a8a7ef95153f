"""Nobody gets to an endpoint without being somebody: what is not public by name is guarded."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from aurora.api.access import AccessRefused
from aurora.api.admission import Admission
from aurora.api.ports import Doors
from aurora.api.problems import Problem
from aurora.domain.errors import AuroraError

CALLER = "aurora.caller"
"""Where in the scope the caller is found."""
TRAIL = "aurora.trail"
"""Where in the scope the request's Trail is found, if it may change something."""


class AccessGate:
    """Puts the Caller into the scope, or answers 401, 403, 429, or 503 where the database would have to be asked."""

    def __init__(self, app: ASGIApp, *, admission: Admission, doors: Doors) -> None:
        self._app = app
        self._admission = admission
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope[CALLER] = await self._admission.admit(
                    scope["method"],
                    scope["path"],
                    Headers(scope=scope),
                    address=address_of(scope),
                    trail=scope.get(TRAIL),
                )
            except AuroraError as exc:
                if isinstance(exc, AccessRefused):
                    scope[CALLER] = exc.caller
                self._doors.refused(exc.code)
                await Problem.of(exc).answer()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def address_of(scope: Scope) -> str:
    """Whoever is at the other end of the connection."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
