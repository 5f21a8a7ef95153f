"""Every change leaves a row: what the services did not commit with it is written here, before the answer ends."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aurora.api.audited import Matched, match
from aurora.api.middleware.access_gate import CALLER, TRAIL
from aurora.api.ports import AuditLog
from aurora.domain.audit import NO_TENANT, NOBODY, Trail
from aurora.services.ports import Caller

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class AuditTrail:
    """Stands before the gate, so that it sees refusals too."""

    def __init__(self, app: ASGIApp, *, log: AuditLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        matched = None
        if scope["type"] == "http" and scope["method"] not in _READING:
            matched = match(scope["method"], scope["path"], scope.get("query_string", b""))
        if matched is None:
            await self._app(scope, receive, send)
            return
        trail = Trail()
        scope[TRAIL] = trail
        await self._app(scope, receive, _Ending(send, self._log, scope=scope, matched=matched, trail=trail))


class _Ending:
    """A `send` that writes the row before it lets the last part of the answer go: who reads the log then finds it."""

    def __init__(self, send: Send, log: AuditLog, *, scope: Scope, matched: Matched, trail: Trail) -> None:
        self._send = send
        self._log = log
        self._scope = scope
        self._matched = matched
        self._trail = trail
        self._status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._write()
        await self._send(message)

    async def _write(self) -> None:
        refused = self._status in _REFUSED
        if not (refused or self._has_changed()):
            return
        await self._log.note(
            self._scope.get(CALLER) or Caller(NO_TENANT, NOBODY, frozenset()),
            self._matched.audited.action,
            target=self._matched.target,
            status=self._status,
            refused=refused,
        )

    def _has_changed(self) -> bool:
        """Done and not written yet. What was asked wrongly changed nothing; what broke may have.

        Nothing is said of what the services would have committed together: its transaction was rolled back.
        """
        trail, good = self._trail, self._status < HTTPStatus.BAD_REQUEST
        broke = self._status >= HTTPStatus.INTERNAL_SERVER_ERROR and not self._matched.audited.committed
        return self._matched.audited.changes and trail.changed and not trail.written and (good or broke)
