"""Faults, limits and the journal of the emulated io.net."""

import aiohttp
import pytest

from tests.emulators.ionet.conftest import order

CUT = (aiohttp.ClientError, TimeoutError)


async def test_a_lost_answer_leaves_the_deployment(ionet):
    await ionet.fault("lost_response", "create", count=1)

    with pytest.raises(CUT):
        await ionet.post(order("mine"))

    assert [row["name"] for row in (await ionet.listed())["deployments"]] == ["mine"]
    assert (await ionet.post(order("mine"))).status == 409


async def test_a_reset_or_a_status_leaves_nothing(ionet):
    await ionet.fault("reset", "create", count=1)
    with pytest.raises(CUT):
        await ionet.post(order("a"))
    await ionet.fault("status", "create", code=500, body={"detail": "Internal Server Error"}, count=1)
    assert (await ionet.post(order("a"))).error == (500, "Internal Server Error")

    assert await ionet.ledger() == {}


async def test_a_hang_can_have_its_effect(ionet):
    await ionet.fault("hang", "create", effect=True)
    with pytest.raises(TimeoutError):
        await ionet.api("POST", "/deploy", json=order("mine"), timeout=aiohttp.ClientTimeout(total=0.05))

    assert len(await ionet.ledger()) == 1


async def test_a_start_can_fail_or_never_come(ionet):
    await ionet.fault("start_failure", count=1)
    failing = await ionet.deploy("a")
    await ionet.fault("never_starts", count=1)
    stuck = await ionet.deploy("b")
    ionet.clock.step(86_400)

    assert await ionet.status(failing) == "failed"
    assert await ionet.status(stuck) == "deployment requested"
    assert await ionet.workers(stuck) == []


async def test_a_delete_can_be_ignored(ionet):
    one = await ionet.run()
    await ionet.fault("delete_ignored", "terminate", count=1)

    assert (await ionet.destroy(one)).status == 200
    assert await ionet.status(one) == "running"
    assert (await ionet.destroy(one)).status == 200
    assert await ionet.status(one) == "termination requested"


async def test_answers_can_be_spoiled(ionet):
    one = await ionet.run()
    await ionet.fault("missing_field", "create", count=1)
    assert "deployment_id" not in (await ionet.post(order("b"))).body
    await ionet.fault("missing_field", "status", count=1)
    assert "data" not in (await ionet.api("GET", f"/deployment/{one}")).body
    await ionet.fault("empty_list", "offers", count=1)
    assert await ionet.hardware() == {}
    await ionet.fault("empty_list", "list", count=1)
    assert (await ionet.listed())["deployments"] == []
    await ionet.fault("garbage_type", "offers", level="items", count=1)
    rows = (await ionet.api("GET", "/hardware/max-gpus-per-container")).data
    assert not any(isinstance(row["price"], int | float) for row in rows)
    await ionet.fault("missing_field", "offers", field="price", count=1)
    assert all(
        "price" not in row for row in (await ionet.api("GET", "/hardware/max-gpus-per-container")).data
    )


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("offers", ("GET", "/hardware/max-gpus-per-container")),
        ("quote", ("GET", "/price")),
        ("create", ("POST", "/deploy")),
        ("status", ("GET", "/deployment/x")),
        ("status", ("GET", "/deployment/x/containers")),
        ("list", ("GET", "/deployments")),
        ("health", ("GET", "/deployments?page_size=1")),
        ("logs", ("GET", "/deployment/x/log/y")),
        ("terminate", ("DELETE", "/deployment/x")),
        ("extend", ("POST", "/deployment/x/extend")),
    ],
)
async def test_every_operation_can_be_hit(ionet, operation, call):
    await ionet.fault("status", operation, code=503, headers={"Retry-After": "1"})

    answer = await ionet.api(*call)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert await ionet.calls() == {operation: 1}


async def test_limits_are_kept_when_asked_for(start):
    real = await start(limits="real")
    await real.adjust(requests_per_minute=3)
    answers = [await real.api("GET", "/deployments") for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].body == {"detail": "Too Many Requests"}
    assert answers[-1].headers["Retry-After"] == "60"
    await real.adjust(retry_after=False)
    assert "Retry-After" not in (await real.api("GET", "/deployments")).headers
    assert (await real.api("GET", "/deployments", key="another")).status == 200
    real.clock.step(60)
    assert (await real.api("GET", "/deployments")).status == 200


async def test_relaxed_runs_have_no_limits(ionet):
    assert {(await ionet.api("GET", "/deployments")).status for _ in range(130)} == {200}


async def test_the_journal_knows_the_calls_but_not_the_key(ionet):
    await ionet.listed()

    rows = (await ionet.ask("GET", "/_emulator/ionet/requests?operation=list")).body["requests"]

    assert [row["headers"]["x-api-key"] for row in rows] == ["[redacted]"]
    assert "test-key" not in str(rows)
