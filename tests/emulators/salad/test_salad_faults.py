"""Faults, the journal, and the recorded requests of the official SDK."""

import aiohttp
import pytest

from tests.emulators.salad.conftest import RTX_4090, prototype, sample

CUT = (aiohttp.ClientError, TimeoutError)
RECORDED = sample("sdk_python_0.9.0a17_requests")
RECORDED_INSTANCE = "a5db5c50-cbcb-4596-ae80-6a0c8090d80f"
# What the SDK needs in each answer, by the first part of the call's name that fits.
WANTED = {
    "list_gpu_classes": (200, {"items"}),
    "get_gpu_availability": (200, set(sample("availability_spec_example"))),
    "get_quotas": (200, set(sample("quotas_2026-07-16"))),
    "list_container_groups": (200, {"items"}),
    "list_container_group_instances": (200, {"instances"}),
    "get_container_group_instance": (202, {"id", "machine_id", "state", "update_time", "version"}),
    "create_container_group": (201, {"id", "name", "current_state", "container"}),
    "get_container_group": (200, {"id", "name", "current_state", "container"}),
    "update_container_group": (200, {"id", "name", "current_state", "container"}),
    "get_system_logs": (200, {"items"}),
    "query_log_entries": (200, set(sample("docs_log_entries"))),
}


@pytest.mark.parametrize("request_", RECORDED, ids=[one["sdk_call"] for one in RECORDED])
async def test_recorded_requests_are_understood(salad, request_):
    call = request_["sdk_call"].partition(".")[2]
    if call != "create_container_group":
        body = next(
            one["json_body"] for one in RECORDED if one["sdk_call"].endswith("create_container_group")
        )
        await salad.groups("POST", json={**body, "container": {**body["container"], "command": None}})
        salad.clock.step(241)
    instances = await salad.instances() if await salad.listed() else []
    path = request_["path"].replace(RECORDED_INSTANCE, instances[0]["id"] if instances else "")
    headers = {name: value for name, value in request_["headers"].items() if name != "Content-Length"}
    body = {} if request_["json_body"] is None else {"json": request_["json_body"]}

    answer = await salad.ask(request_["method"], f"/salad{path}", key=None, headers=headers, **body)

    status, keys = WANTED.get(call, (202, None))
    assert answer.status == status, answer
    assert keys <= answer.body.keys() if keys is not None else answer.body == ""


async def test_a_lost_answer_leaves_the_group(salad):
    await salad.fault("lost_response", "create", count=1)

    with pytest.raises(CUT):
        await salad.create()

    assert await salad.status() == "pending"
    assert (await salad.create()).body["type"] == "name_conflict"


async def test_a_reset_leaves_nothing(salad):
    await salad.fault("reset", "create", count=1)

    with pytest.raises(CUT):
        await salad.create()

    assert await salad.listed() == []


async def test_a_hang_can_have_its_effect(salad):
    await salad.fault("hang", "create", effect=True)
    timeout = aiohttp.ClientTimeout(total=0.05)
    with pytest.raises(TimeoutError):
        await salad.groups("POST", json=prototype(), timeout=timeout)

    assert await salad.listed() == ["job-1"]


async def test_the_edge_answers_in_html(salad):
    page = "<!DOCTYPE html><html><head><title>503</title></head></html>"
    await salad.fault("status", "status", code=503, body=page, headers={"Content-Type": "text/html"}, count=1)
    await salad.create()

    answer = await salad.groups("GET", "/job-1")

    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (503, page, "text/html")


async def test_a_start_can_fail_or_never_come(salad):
    await salad.fault("start_failure", count=1)
    await salad.create("job-1")
    await salad.fault("never_starts", count=1)
    await salad.create("job-2")
    salad.clock.step(86_400)

    assert await salad.status("job-1") == "failed"
    assert await salad.status("job-2") == "pending"
    await salad.delete("job-2")
    salad.clock.step(10)
    assert await salad.listed() == ["job-1"]


async def test_a_delete_can_be_ignored(salad):
    await salad.run()
    await salad.fault("delete_ignored", "terminate", count=1)

    assert (await salad.delete()).status == 202
    salad.clock.step(60)
    assert await salad.counts() == {"running": 1}
    await salad.delete()
    salad.clock.step(60)
    assert await salad.listed() == []


async def test_answers_can_be_spoiled(salad):
    await salad.run()
    await salad.fault("missing_field", "status", count=1)
    assert "current_state" not in (await salad.groups("GET", "/job-1")).body
    await salad.fault("missing_field", "create", count=1)
    assert "name" not in (await salad.create("job-2")).body
    await salad.fault("empty_list", "offers", count=1)
    assert (await salad.api("GET", "/gpu-classes")).body["items"] == []
    await salad.fault("empty_list", "list", count=1)
    assert await salad.listed() == []
    await salad.fault("missing_field", "offers", field="prices", count=1)
    assert all("prices" not in row for row in (await salad.api("GET", "/gpu-classes")).body["items"])
    await salad.fault("garbage_type", "offers", level="items", count=1)
    rows = (await salad.api("GET", "/gpu-classes")).body["items"]
    assert not any(isinstance(row["name"], str) for row in rows)


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        ("offers", "GET", "/gpu-classes"),
        ("quote", "POST", "/availability/sce-gpu-availability"),
        ("health", "GET", "/quotas"),
        ("create", "POST", "/projects/default/containers"),
        ("list", "GET", "/projects/default/containers"),
        ("status", "GET", "/projects/default/containers/x"),
        ("status", "GET", "/projects/default/containers/x/instances"),
        ("status", "GET", "/projects/default/containers/x/system-logs"),
        ("terminate", "DELETE", "/projects/default/containers/x"),
        ("logs", "POST", "/log-entries"),
    ],
)
async def test_every_operation_can_be_hit(salad, operation, method, path):
    await salad.fault("status", operation, code=502)

    assert (await salad.api(method, path)).status == 502
    assert await salad.calls() == {operation: 1}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"replicas_quota": -1}, "replicas_quota"),
        ({"no_such": 1}, "no_such"),
        ({"stop_lag_s": "long"}, "stop_lag_s"),
        ({"delete_lag_s": None}, "delete_lag_s"),
        ({"no_credits": True, "finish_time": "never"}, "finish_time"),
    ],
)
async def test_wrong_settings_change_nothing(salad, settings, field):
    before = (await salad.ask("GET", "/_emulator/salad/settings")).body
    answer = await salad.adjust(**settings)

    assert (answer.status, answer.body["field"]) == (422, field)
    assert (await salad.ask("GET", "/_emulator/salad/settings")).body == before


async def test_the_journal_knows_the_calls_but_not_the_key(salad):
    await salad.available(RTX_4090)

    rows = (await salad.ask("GET", "/_emulator/salad/requests")).body["requests"]

    assert [row["headers"]["Salad-Api-Key"] for row in rows] == ["[redacted]"]
    assert "test-key" not in str(rows)
