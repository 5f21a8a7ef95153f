"""One request and its reply, free of the web framework, so that a provider's rules are plain functions without an await.

Handlers are synchronous on purpose: whatever one does to the emulated market happens at one instant (two parallel creates
of one offer cannot both win).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request as a provider sees it. `path` is as requested; `base` is the provider's URL as the caller reached it."""

    method: str
    path: str
    base: str
    now: datetime
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""
    raw_query: str = ""  # as sent, without the question mark: for names given twice, and for signatures

    def json(self) -> Any:
        """The body as JSON; an empty body is an empty object. Raises ValueError on anything else."""
        return json.loads(self.body) if self.body.strip() else {}


_REFUSED = 400
"""Statuses from here on are no good answers."""


@dataclass(frozen=True)
class Reply:
    """An answer: `body` is JSON data, or text or bytes that go out as they are. A `feed` goes out as it comes instead."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    feed: "Feed | None" = None

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str) and self.content_type != "application/json":
            return self.body.encode()
        return json.dumps(self.body).encode()

    def with_body(self, body: Any) -> "Reply":
        return replace(self, body=body)

    def marked(self) -> "Reply":
        """Every good JSON object says that it is not the real market's."""
        if isinstance(self.body, dict) and self.status < _REFUSED:
            return self.with_body({**self.body, "emulated": True})
        return self


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Frame:
    """One WebSocket message to the client."""

    text: str


@dataclass(frozen=True)
class HangUp:
    """The end of a WebSocket connection, from our side."""

    code: int = 1000
    reason: str = ""


Words = Sequence[Frame | HangUp]


class Feed(Protocol):
    """A body that is not known when the answer begins (server-sent events): frames as they fall due, a hang-up at the end."""

    def due(self, now: datetime) -> Words:
        """What is to be sent by now; asked at the start and then again and again."""
        ...


class Conversation(Protocol):
    """One open WebSocket, as synchronous as the handlers: it speaks when time has passed or when it was spoken to."""

    def due(self, now: datetime) -> Words:
        """What is to be said by now; asked at the start and then again and again."""
        ...

    def heard(self, text: str, now: datetime) -> Words:
        """The answer to a message of the client."""
        ...


Opener = Callable[[Call], Conversation | Reply]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A route of a provider, with what the fault machinery must know about its answer.

    `operation` counts the calls; `classify` may tell two operations on one route apart by the request.
    `required` are keys a client cannot do without; `empty` is what a well-formed answer without rows looks like.
    `socket` opens a conversation for a call that asks for a WebSocket, or refuses the handshake with a reply.
    """

    method: str
    path: str
    operation: str
    handler: Handler
    classify: Callable[[Call], str] | None = None
    required: tuple[str, ...] = ()
    empty: Mapping[str, Any] = field(default_factory=dict)
    socket: Opener | None = None

    @classmethod
    def at(
        cls,
        route: str,
        operation: str,
        handler: Handler,
        *,
        required: tuple[str, ...] = (),
        empty: Mapping[str, Any] | None = None,
    ) -> "Endpoint":
        """`route` as `GET /path`."""
        method, path = route.split()
        return cls(
            method=method,
            path=path,
            operation=operation,
            handler=handler,
            required=required,
            empty=empty or {},
        )

    def operation_of(self, call: Call) -> str:
        return self.classify(call) if self.classify else self.operation
