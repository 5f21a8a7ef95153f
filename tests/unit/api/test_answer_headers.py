"""What every answer tells browsers and caches."""

import asyncio

import pytest

from aurora.api.app import create_app
from aurora.api.middleware.body_intake import BodyIntake
from tests.unit.api.test_route import BODY

ANSWERS = [
    ("GET", "/health", 200),
    ("GET", "/offers", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/route", 405),
    ("POST", "/route", 422),
    ("GET", "/deployments/dep-unknown/logs", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_is_kept_by_nobody_framed_by_nobody_and_taken_for_what_it_is(
    client, method, path, status
):
    async with client.request(method, path) as reply:
        assert reply.status == status
        told = {name.lower(): reply.headers.getall(name) for name in reply.headers}

    assert told["x-content-type-options"] == ["nosniff"]
    assert told["cache-control"] == ["no-store"]
    assert told["referrer-policy"] == ["no-referrer"]
    assert told["x-frame-options"] == ["DENY"]
    assert told["content-security-policy"] == ["default-src 'none'; frame-ancestors 'none'"]
    assert "strict-transport-security" not in told
    assert "access-control-allow-origin" not in told


async def test_a_refusal_at_the_door_and_a_crash_have_them_too(client, aurora):
    aurora.routing.error = RuntimeError("a bug")
    async with (
        client.post("/route", json=BODY) as crash,
        client.get("/offers", headers={"Host": "evil.example"}) as refusal,
    ):
        assert (crash.status, refusal.status) == (500, 403)
        for reply in (crash, refusal):
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_pages_of_the_documentation_may_load_their_viewer_and_nothing_else(client, path):
    async with client.get(path) as reply:
        policy = dict(
            part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";")
        )
        page = await reply.text()

    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "https://cdn.jsdelivr.net" in policy["script-src"]
    assert "https://cdn.jsdelivr.net" in page


async def test_what_a_proxy_is_said_to_have_done_changes_nothing(client):
    async with client.get(
        "/health", headers={"X-Forwarded-Proto": "https", "Forwarded": "proto=https"}
    ) as reply:
        assert "strict-transport-security" not in reply.headers


async def test_a_body_that_drips_in_too_slowly_is_refused(aurora):
    """A few bytes now and then keep no request waiting for ever."""
    app = BodyIntake(create_app(aurora), within_s=0.05)
    sent: list[dict[str, object]] = []

    async def receive():
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/route",
        "headers": [(b"transfer-encoding", b"chunked"), (b"host", b"localhost")],
    }
    await app(scope, receive, send)

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
