"""A refused request ends at the gate, whatever the endpoint behind it would do with it."""

from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from aurora.api.access import AccessRefused
from aurora.api.middleware.access_gate import CALLER, TRAIL, AccessGate
from aurora.domain.audit import Trail
from aurora.domain.errors import AuroraError, DatabaseUnavailable
from aurora.services.ports import Caller


class Door:
    """Lets in, or refuses with an error, and remembers who came."""

    def __init__(self, error: AuroraError | None = None) -> None:
        self.error = error
        self.came: list[tuple[str, str, str, Trail | None]] = []
        self.refusals: list[str] = []

    async def admit(
        self, method: str, path: str, headers: Headers, *, address: str, trail: Trail | None = None
    ) -> Caller:
        del headers
        self.came.append((method, path, address, trail))
        if self.error is not None:
            raise self.error
        return Caller(actor="ann")

    def refused(self, code: str) -> None:
        self.refusals.append(code)


class Behind:
    """What is guarded."""

    def __init__(self) -> None:
        self.callers: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        self.callers.append(scope.get(CALLER))


async def asked(door: Door, behind: Behind, **scope: Any) -> list[Message]:
    answer: list[Message] = []

    async def send(message: Message) -> None:
        answer.append(message)

    async def receive() -> Message:
        raise AssertionError("the gate reads no body")

    plain = {"type": "http", "method": "POST", "path": "/route", "headers": []}
    await AccessGate(behind, admission=door, doors=door)({**plain, **scope}, receive, send)  # type: ignore[arg-type]
    return answer


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AccessRefused(401, "unauthenticated", "no"), 401),
        (AccessRefused(403, "forbidden", "no"), 403),
        (DatabaseUnavailable("away"), 503),
    ],
)
async def test_what_is_refused_goes_no_further_and_is_counted(error, status):
    door, behind = Door(error), Behind()

    start, _ = await asked(door, behind)

    assert start["status"] == status
    assert behind.callers == []
    assert door.refusals == [error.code]


@pytest.mark.parametrize(
    ("client", "address"), [(("10.1.2.3", 4321), "10.1.2.3"), (("::1", 1, 0, 0), "::1"), (None, "unknown")]
)
async def test_whoever_is_let_in_is_known_behind_it_and_by_its_own_address(client, address):
    door, behind, trail = Door(), Behind(), Trail()

    assert await asked(door, behind, client=client, **{TRAIL: trail}) == []

    assert door.came == [("POST", "/route", address, trail)]
    assert [caller.actor for caller in behind.callers] == ["ann"]


async def test_what_is_no_request_is_not_asked_who_it_is():
    door, behind = Door(AccessRefused(401, "unauthenticated", "no")), Behind()

    assert await asked(door, behind, type="lifespan") == []

    assert (door.came, behind.callers) == ([], [None])
