import pytest


async def test_real_limits_allow_a_hundred_calls_a_minute_for_each_key(start):
    gateway = await start(limits="real")
    last = None
    for _ in range(100):
        last = await gateway.ask("GET", "/account")

    late = await gateway.ask("GET", "/account")
    other = await gateway.ask("GET", "/account", key="another")
    reset = int(late.headers["X-RateLimit-Reset"])
    gateway.clock.step(reset - gateway.clock.now().timestamp())

    assert last.headers["X-RateLimit-Remaining"] == "0"
    assert (late.status, late.code, late.headers["Retry-After"]) == (429, "rate_limited", "60")
    assert late.body["error"]["retryable"] is True
    assert other.status == 200
    assert (await gateway.ask("GET", "/account")).status == 200


async def test_the_remaining_calls_are_told(start):
    gateway = await start(limits="real")

    answers = [await gateway.ask("GET", "/gpus") for _ in range(3)]

    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["99", "98", "97"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"100"}


async def test_relaxed_limits_stop_nobody(gateway):
    statuses = {(await gateway.ask("GET", "/health", key=None)).status for _ in range(130)}

    assert statuses == {200}


@pytest.mark.parametrize("key", [None, "invalid"])
async def test_everything_but_health_needs_a_key(gateway, key):
    closed = [
        await gateway.ask("GET", path, key=key) for path in ("/account", "/gpus", "/jobs", "/jobs/a/logs")
    ]

    assert {(answer.status, answer.code) for answer in closed} == {(401, "unauthenticated")}
    assert (await gateway.ask("GET", "/health", key=key)).status == 200


async def test_a_key_that_may_only_look(gateway):
    job_id = await gateway.rent()
    order = {"name": "a", "image": "a:1", "gpu": {"offer_id": "a"}}

    looks = await gateway.ask("GET", f"/jobs/{job_id}", key="readonly")
    acts = [
        await gateway.ask("DELETE", f"/jobs/{job_id}", key="readonly"),
        await gateway.ask("POST", "/jobs", key="readonly", json=order),
    ]

    assert looks.status == 200
    assert {(answer.status, answer.code) for answer in acts} == {(403, "forbidden")}
