"""Which ends of a changing request leave a row, and that it is there before the answer is."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from aurora.api.middleware.access_gate import TRAIL
from aurora.api.middleware.audit_trail import AuditTrail

CHECK = "/api/v1/provider-health/providers/vastai/health-check"
"""Changes nothing in the database: its row is written here."""
ROUTE = "/route"
"""Its row is committed with the deployment."""


class Log:
    """Rows, and how much of the answer had gone out when each was written."""

    def __init__(self) -> None:
        self.rows: list[tuple[str | None, int, int]] = []
        self.sent: list[Message] = []

    async def note(
        self, _caller: object, _action: object, *, target: str | None, status: int, **_: Any
    ) -> None:
        self.rows.append((target, status, len(self.sent)))

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def asked(path: str, status: int, *, written: bool = False, method: str = "POST") -> Log:
    """One request that meant to change something, and ended with `status`."""
    log = Log()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if TRAIL in scope:
            scope[TRAIL].changed, scope[TRAIL].written = True, written
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        await send({"type": "http.response.body", "body": b"}"})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    await AuditTrail(app, log=log)(scope, receive, log.send)
    assert len(log.sent) == 3
    return log


@pytest.mark.parametrize("status", [200, 401, 403, 500, 503])
async def test_what_was_done_refused_or_broke_on_the_way_leaves_a_row_before_the_answer_ends(status):
    assert (await asked(CHECK, status)).rows == [("vastai", status, 2)]


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_what_was_asked_wrongly_changed_nothing(status):
    assert (await asked(CHECK, status)).rows == []


@pytest.mark.parametrize("status", [500, 503])
async def test_what_would_have_been_committed_together_was_rolled_back_together(status):
    assert (await asked(ROUTE, status)).rows == []


async def test_one_row_is_enough_and_reading_leaves_none():
    assert (await asked(ROUTE, 200, written=True)).rows == []
    assert (await asked(ROUTE, 200, method="GET")).rows == []
    assert (await asked("/nowhere", 200)).rows == []
