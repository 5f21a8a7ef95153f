import asyncio
import json

import pytest
from structlog.testing import capture_logs

from aurora.api.middleware.request_context import RequestContext
from aurora.api.schemas.problem import ProblemOut
from aurora.api.schemas.service import HealthOut, ReadyOut
from aurora.domain import request_id
from tests.fakes.clock import FakeClock
from tests.unit.api.test_route import BODY

KIB = 1024


async def test_a_living_process_says_so(client):
    async with client.get("/health") as reply:
        shown = await reply.json()

    HealthOut.model_validate(shown)
    assert (shown["status"], shown["mode"], shown["uptime_seconds"]) == ("healthy", "emulated", 90.0)


async def test_ready_shows_its_checks(client):
    async with client.get("/ready") as reply:
        shown = await reply.json()

    ReadyOut.model_validate(shown)
    assert (reply.status, shown["ready"], shown["checks"]["snapshot"]) == (200, True, True)


async def test_not_ready_is_a_503_with_the_same_checks(client, aurora):
    aurora.is_ready = False

    async with client.get("/ready") as reply:
        problem = await reply.json()

    ProblemOut.model_validate(problem)
    assert (reply.status, problem["code"], problem["checks"]["snapshot"]) == (503, "not_ready", False)
    assert problem["detail"].startswith("cannot serve requests: ")


async def test_metrics_are_prometheus_text(client):
    async with client.get("/metrics") as reply:
        assert reply.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
        assert (await reply.text()).startswith("aurora_provider_health{")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/offers/", 404, "not_found"),
        ("GET", "/route", 405, "method_not_allowed"),
        ("PUT", "/deployments", 405, "method_not_allowed"),
    ],
)
async def test_what_does_not_exist_is_a_problem_of_the_same_shape(client, method, path, status, code):
    async with client.request(method, path, allow_redirects=False) as reply:
        problem = await reply.json(content_type="application/problem+json")

    ProblemOut.model_validate(problem)
    assert (reply.status, problem["code"]) == (status, code)
    assert ("Allow" in reply.headers) == (status == 405)


async def test_a_body_of_a_megabyte_is_refused(client, aurora):
    async with client.post("/route", data=b"x" * KIB * KIB) as reply:
        problem = await reply.json(content_type="application/problem+json")

    ProblemOut.model_validate(problem)
    assert (reply.status, problem["code"]) == (413, "body_too_large")
    assert aurora.routing.asked == []


async def test_a_megabyte_in_chunks_is_refused_too(client, aurora):
    async def chunks():
        for _ in range(16):
            yield b" " * 64 * KIB

    async with client.post("/route", data=chunks()) as reply:
        problem = await reply.json()

    assert (reply.status, problem["code"]) == (413, "body_too_large")
    assert aurora.routing.asked == []


async def test_a_last_chunk_over_the_limit_is_refused(client):
    async def chunks():
        yield b" " * (256 * KIB + 1)

    async with client.post("/route", data=chunks()) as reply:
        assert reply.status == 413


async def test_a_body_in_chunks_within_the_limit_is_read(client):
    async def chunks():
        for byte in json.dumps(BODY):
            yield byte.encode()
        yield b" " * 200 * KIB

    async with client.post("/route", data=chunks()) as reply:
        assert reply.status == 200


async def test_a_client_that_announces_too_much_is_refused_before_it_sends(client):
    reader, writer = await asyncio.open_connection(client._base_url.host, client._base_url.port)
    head = (
        "POST /route HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n"
    )
    writer.write(head.encode())

    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("given", ["abc-1.2:3_4", "x" * 64])
async def test_a_sane_request_id_is_kept(client, given):
    async with client.get("/health", headers={"X-Request-Id": given}) as reply:
        assert reply.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;rm -rf", "<script>"])
async def test_any_other_request_id_is_replaced(client, given):
    async with client.get("/health", headers={"X-Request-Id": given}) as reply:
        assert reply.headers["x-request-id"].startswith("req-")


async def test_the_request_id_ends_with_the_request():
    seen: list[str | None] = []

    async def app(scope, receive, send):
        seen.append(request_id.current())

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-request-id", b"mine")]}
    await RequestContext(app, clock=FakeClock(), mode="live")(scope, None, None)

    assert (seen, request_id.current()) == (["mine"], None)


async def test_every_answer_says_the_mode(client):
    async with client.get("/nowhere") as reply:
        assert reply.headers["x-aurora-mode"] == "emulated"


async def test_each_request_is_one_log_line_without_its_query(client):
    with capture_logs() as lines:
        async with client.get("/offers?gpu_type=a100") as reply:
            await reply.read()

    [line] = [line for line in lines if line["event"] == "http_request"]
    assert (line["method"], line["path"], line["status"], line["log_level"]) == (
        "GET",
        "/offers",
        200,
        "info",
    )
    assert line["ms"] >= 0


async def test_probes_are_logged_quietly(client):
    with capture_logs() as lines:
        async with client.get("/health") as reply:
            await reply.read()

    assert [line["log_level"] for line in lines] == ["debug"]


async def test_a_bug_is_logged_in_full(client, aurora):
    aurora.routing.error = RuntimeError("a bug")
    with capture_logs() as lines:
        async with client.post("/route", json=BODY) as reply:
            await reply.read()

    assert [line["event"] for line in lines] == ["request_crashed", "http_request"]
    assert lines[0]["exc_info"]
