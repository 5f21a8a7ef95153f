"""A body that is refused is read to a bound and no further, and its connection is not used again."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from aurora.api.middleware.body_intake import BodyIntake

_CHUNK = b" " * 1024 * 1024
_MOST_CHUNKS = 16


class Client:
    """Sends a body in chunks of a megabyte, as many as anybody takes, and keeps the answer."""

    def __init__(self) -> None:
        self.sent = 0
        self.answer: list[Message] = []

    async def receive(self) -> Message:
        self.sent += 1
        assert self.sent <= _MOST_CHUNKS, "nobody reads a flood to its end"
        return {"type": "http.request", "body": _CHUNK, "more_body": True}

    async def send(self, message: Message) -> None:
        self.answer.append(message)

    @property
    def status(self) -> int:
        return int(self.answer[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.answer[0]["headers"])


async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
    del receive, send
    raise AssertionError(f"{scope['method']} went on")


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    del scope
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def scope(method: str, *headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "method": method, "path": "/route", "headers": list(headers)}


@pytest.mark.parametrize(
    "header",
    [(b"transfer-encoding", b"chunked"), (b"content-length", b"9999999999")],
    ids=["chunked", "told"],
)
async def test_a_flood_is_dropped_to_a_bound_then_refused_and_its_connection_ended(header):
    client = Client()

    await BodyIntake(nobody)(scope("POST", header), client.receive, client.send)

    assert (client.status, client.headers[b"connection"]) == (413, b"close")
    assert client.sent > 0


async def test_whoever_asks_before_sending_is_refused_unread():
    client = Client()
    asking = scope("POST", (b"content-length", b"9999999999"), (b"expect", b"100-Continue"))

    await BodyIntake(nobody)(asking, client.receive, client.send)

    assert (client.status, client.sent) == (413, 0)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_nobody_minds_what_is_sent_where_no_body_is_read(method):
    client = Client()

    async def no_json() -> Message:
        return {"type": "http.request", "body": b"{not json", "more_body": False}

    await BodyIntake(reads)(scope(method, (b"content-length", b"9")), no_json, client.send)

    assert client.status == 200
