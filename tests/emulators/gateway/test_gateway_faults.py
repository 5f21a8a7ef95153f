"""Faults that have a meaning of their own here, and each framework fault on each operation of the contract."""

import aiohttp
import pytest

from aurora.emulators.faults import KINDS

OPERATIONS = ("health", "offers", "quote", "create", "list", "status", "logs", "terminate")
# What each fault without an effect on state needs, and how the client then fares.
ANSWERS = {
    "status": {"code": 503, "body": "later"},
    "html": {},
    "redirect": {},
    "oversize": {"bytes": 100},
    "gzip_bomb": {"bytes": 100},
    "garbage_type": {},
    "missing_field": {},
    "latency": {"ms": 1},
    "slow_drip": {"ms": 0.01},
    "empty_list": {},
}
CUTS = {"reset": {}, "lost_response": {}, "truncate": {}}


async def call(gateway, operation, job_id, offer):
    calls = {
        "health": ("GET", "/account", {}),
        "offers": ("GET", "/gpus", {}),
        "quote": ("GET", f"/gpus/{offer['id']}", {}),
        "list": ("GET", "/jobs", {}),
        "status": ("GET", f"/jobs/{job_id}", {}),
        "logs": ("GET", f"/jobs/{job_id}/logs", {}),
        "terminate": ("DELETE", f"/jobs/{job_id}", {}),
        "create": (
            "POST",
            "/jobs",
            {
                "json": {"name": "a", "image": "a:1", "gpu": {"offer_id": offer["id"]}},
                "headers": {"Idempotency-Key": "a-fault-or-two"},
            },
        ),
    }
    method, path, options = calls[operation]
    return await gateway.ask(method, path, checked=False, allow_redirects=False, **options)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_every_fault_hits_every_operation(gateway, operation):
    offer = (await gateway.offers(spot="false"))[3]
    job_id = await gateway.running()
    true = await call(gateway, operation, job_id, offer)
    for kind, parameters in ANSWERS.items():
        await gateway.fault(kind, operation, count=1, **parameters)
        answer = await call(gateway, operation, job_id, offer)
        same = (answer.status, str(answer.body)) == (true.status, str(true.body))
        assert (
            same is (kind in {"latency", "slow_drip"})
            or operation in {"create", "terminate"}
            or (kind == "empty_list" and operation not in {"offers", "list", "logs"})
        ), kind
    for kind, parameters in CUTS.items():
        await gateway.fault(kind, operation, count=1, **parameters)
        with pytest.raises(aiohttp.ClientError):
            await call(gateway, operation, job_id, offer)

    assert (await gateway.control("GET", "faults"))["faults"] == []


def test_no_kind_is_forgotten():
    state = {"list_lag", "delete_ignored", "charge_factor", "start_failure", "never_starts"}

    assert {*ANSWERS, *CUTS, *state, "hang"} == set(KINDS)


@pytest.mark.parametrize("operation", ["offers", "list", "logs"])
async def test_an_empty_list_is_well_formed(gateway, operation):
    job_id = await gateway.running()
    await gateway.fault("empty_list", operation)
    path = {"offers": "/gpus", "list": "/jobs", "logs": f"/jobs/{job_id}/logs"}[operation]

    assert (await gateway.get(path))["data"] == []


async def test_a_missing_field_is_one_that_a_client_needs(gateway):
    job_id = await gateway.running()
    await gateway.fault("missing_field", "status", count=1)
    await gateway.fault("missing_field", "offers", field="price_per_hour", count=1)

    job = (await gateway.ask("GET", f"/jobs/{job_id}", checked=False)).body
    offers = (await gateway.ask("GET", "/gpus", checked=False)).body["data"]

    assert "status" not in job
    assert all("price_per_hour" not in row for row in offers)


async def test_a_lagging_list_does_not_show_the_youngest(gateway):
    old = await gateway.rent()
    gateway.clock.step(30)
    young = await gateway.rent()
    await gateway.fault("list_lag", seconds=20, count=1)

    lagging, true = (await gateway.get("/jobs"))["data"], (await gateway.get("/jobs"))["data"]

    assert [job["id"] for job in lagging] == [old]
    assert [job["id"] for job in true] == [young, old]


async def test_an_ignored_delete_says_so_and_the_job_lives_on(gateway):
    job_id = await gateway.running()
    await gateway.fault("delete_ignored", count=1)

    said = await gateway.delete(job_id)
    gateway.clock.step(300)

    assert (said.status, said.body["status"]) == (202, "stopping")
    assert (await gateway.job(job_id))["status"] == "running"


async def test_start_failure_and_never_starts(gateway):
    await gateway.fault("start_failure", count=1)
    failed = await gateway.rent()
    await gateway.fault("never_starts", count=1)
    stuck = await gateway.rent()
    gateway.clock.step(86_400)

    assert (await gateway.job(failed))["status_reason"]["code"] == "start_timeout"
    assert (await gateway.job(stuck))["status"] == "provisioning"


async def test_calls_are_counted_by_operation_and_keys_are_not_kept(gateway):
    job_id = await gateway.rent()
    await gateway.job(job_id)
    await gateway.ask("GET", "/nowhere", checked=False)

    calls = await gateway.calls()
    kept = (await gateway.control("GET", "requests"))["requests"]

    assert (calls["create"], calls["status"], calls["unknown"]) == (1, 1, 1)
    assert kept[0]["headers"]["Authorization"] == "[redacted]"


@pytest.mark.parametrize(
    "change", [{"health": "fine"}, {"price_factor": 0}, {"price_factor": "2"}, {"colour": "red"}]
)
async def test_settings_that_cannot_be_are_refused(gateway, change):
    url = f"{gateway.url}/_emulator/render/settings"
    async with gateway.session.post(url, json=change) as response:
        refused = await response.json()

    assert (response.status, refused["field"]) == (422, next(iter(change)))
