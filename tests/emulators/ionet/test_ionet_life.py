"""A deployment's life: statuses, containers, list, changes, end (contract, sections 3.6 to 3.11 and 4; checklist 3, 4, 6 to 8)."""

import re

import pytest

from tests.emulators.ionet.conftest import SKU, order

DETAILS = {
    "id": str, "status": str, "created_at": str, "started_at": str, "finished_at": type(None), "amount_paid": float,
    "completed_percent": float, "total_gpus": int, "gpus_per_container": int, "total_containers": int,
    "hardware_name": str, "hardware_id": int, "brand_name": str, "locations": list, "compute_minutes_served": int,
    "compute_minutes_remaining": int, "container_config": dict,
}  # fmt: skip
ROW = {
    "id": str, "name": str, "status": str, "completed_percent": float, "hardware_quantity": int, "brand_name": str,
    "hardware_name": str, "served": str, "remaining": str, "compute_minutes_served": int,
    "compute_minutes_remaining": int, "created_at": str,
}  # fmt: skip
WORKER = {
    "device_id": str, "container_id": str, "hardware": str, "brand_name": str, "created_at": str, "uptime_percent": int,
    "gpus_per_container": int, "status": str, "container_events": list, "public_url": str,
}  # fmt: skip


def types(row):
    return {name: type(value) for name, value in row.items()}


async def seen(ionet, one):
    """Status, and what can be seen of the container."""
    rows = await ionet.workers(one)
    return await ionet.status(one), [(row["status"], bool(row["public_url"])) for row in rows]


async def test_details_rows_and_workers_have_the_documented_fields(ionet):
    one = await ionet.run(env_variables={"A": "B"}, entrypoint=["sh"])

    assert types(await ionet.show(one)) == DETAILS
    assert types((await ionet.listed())["deployments"][0]) == ROW
    assert types((await ionet.workers(one))[0]) == WORKER
    assert "name" not in await ionet.show(one)


async def test_a_container_appears_before_it_runs_and_runs_before_it_is_reachable(ionet):
    one = await ionet.deploy()
    steps = [await seen(ionet, one)]
    for _ in range(60):
        ionet.clock.step(0.5)
        now = await seen(ionet, one)
        if now != steps[-1]:
            steps.append(now)

    assert steps == [
        ("deployment requested", []),
        ("deployment requested", [("pending", False)]),
        ("running", [("running", False)]),
        ("running", [("running", True)]),
    ]


async def test_state_speed_divides_the_waiting(start):
    quick = await start(state_speed=1000)
    one = await quick.deploy()
    quick.clock.step(0.06)

    assert await seen(quick, one) == ("running", [("running", True)])


async def test_timestamps_are_a_mix_of_zoned_and_bare(ionet):
    first, second = await ionet.run("a-1"), await ionet.run("a-2")
    written = [
        (await ionet.show(one))[name] for one in (first, second) for name in ("created_at", "started_at")
    ]

    zoned = [bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)) for text in written]
    bare = [bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", text)) for text in written]
    assert zoned == [True, False, False, True]
    assert bare == [not one for one in zoned]


async def test_the_paid_hours_end_in_completed(ionet):
    one = await ionet.run(hours=2)
    ionet.clock.step(3600)
    halfway = await ionet.show(one)
    ionet.clock.step(3700)
    shown = await ionet.show(one)

    assert (halfway["status"], halfway["completed_percent"]) == ("running", pytest.approx(50, abs=2))
    assert halfway["compute_minutes_served"] + halfway["compute_minutes_remaining"] == 120
    assert (shown["status"], shown["completed_percent"]) == ("completed", 100)
    assert (shown["compute_minutes_served"], shown["compute_minutes_remaining"]) == (120, 0)
    assert shown["finished_at"]


async def test_hours_are_extended_before_they_end_and_not_after(ionet):
    one = await ionet.run()
    ionet.clock.step(3000)
    answer = await ionet.extend(one, 2)
    ionet.clock.step(3600)

    assert answer.data["amount_paid"] == pytest.approx(0.9)
    assert await ionet.status(one) == "running"
    ionet.clock.step(4300)
    assert await ionet.status(one) == "completed"
    assert (await ionet.extend(one, 1)).status == 400
    assert (await ionet.extend("nothing", 1)).status == 404


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"duration_hours": 0}, "greater_than_equal"),
        ({"hours": 1}, "missing"),
        ({"duration_hours": 1, "x": 1}, "extra_forbidden"),
        ({"duration_hours": 9000}, "less_than_equal"),
    ],
)
async def test_wrong_extensions_are_refused(ionet, body, error):
    one = await ionet.deploy()

    assert (await ionet.api("POST", f"/deployment/{one}/extend", json=body)).error == (422, error)


async def test_a_delete_is_accepted_at_once_and_done_later(ionet):
    one = await ionet.run()

    answer = await ionet.destroy(one)

    assert (answer.status, answer.body["deployment_id"]) == (200, one)
    assert await ionet.status(one) == "termination requested"
    assert (await ionet.destroy(one)).error == (404, "Not found")
    await ionet.adjust(second_delete=200)
    assert (await ionet.destroy(one)).status == 200
    ionet.clock.step(15)
    assert await ionet.status(one) == "destroyed"
    assert (await ionet.destroy(one)).status == 200
    assert (await ionet.destroy("3c90c3cc-0d44-4b50-8888-8dd25736052a")).status == 404
    assert await ionet.workers(one) == []


async def test_an_image_that_does_not_exist_fails(ionet):
    one = await ionet.deploy(image="acme/does-not-exist:1")
    ionet.clock.step(60)

    assert await ionet.status(one) == "failed"
    assert "pull access denied" in (await ionet.workers(one))[0]["container_events"][-1]["message"]


async def test_a_container_that_ends_fails_or_starts_again(ionet):
    short = {"entrypoint": ["sh", "-c"], "args": ["sleep 10"]}
    one = await ionet.deploy("a", **short)
    ionet.clock.step(60)
    assert await ionet.status(one) == "failed"

    await ionet.adjust(on_exit="restart")
    two = await ionet.deploy("b", **short)
    ionet.clock.step(300)
    assert await ionet.status(two) == "running"
    messages = [event["message"] for event in (await ionet.workers(two))[0]["container_events"]]
    assert messages.count("Container exited with code 0") > 5
    ionet.clock.step(3600)
    assert await ionet.status(two) == "completed"


async def test_a_change_is_flat_and_restarts_the_container(ionet):
    one = await ionet.run(env_variables={"A": "B"})
    wrapped = {"container_config": {"env_variables": {"A": "C"}}}

    refused = await ionet.api("PATCH", f"/deployment/{one}", json=wrapped)
    replicas = await ionet.api("PATCH", f"/deployment/{one}", json={"replica_count": 2})
    changes = {
        "image_url": "nginx:2",
        "env_variables": {"A": "C"},
        "secret_env_variables": {"S": "x"},
        "command": ["go"],
    }
    answer = await ionet.api("PATCH", f"/deployment/{one}", json=changes)

    assert refused.error == replicas.error == (422, "extra_forbidden")
    assert (answer.status, answer.body["deployment_id"]) == (200, one)
    assert await seen(ionet, one) == ("running", [("pending", False)])
    config = (await ionet.show(one))["container_config"]
    assert (config["image_url"], config["env_variables"], config["secret_env_keys"]) == (
        "nginx:2",
        {"A": "C"},
        ["S"],
    )
    ionet.clock.step(30)
    assert await seen(ionet, one) == ("running", [("running", True)])


async def test_one_container_and_its_history_can_be_read(ionet):
    one = await ionet.run()
    row = (await ionet.workers(one))[0]

    single = (await ionet.api("GET", f"/deployment/{one}/container/{row['container_id']}")).data
    jobs = (await ionet.api("GET", f"/deployment/{one}/containers-jobs/{row['container_id']}")).data

    assert single == row
    assert jobs == {"total": 1, "workers": [row]}
    assert (await ionet.api("GET", f"/deployment/{one}/container/c-0")).status == 404
    assert (await ionet.api("GET", f"/deployment/{one}/containers?page_size=101")).status == 422


async def test_the_list_shows_past_ones_too_the_newest_first_page_by_page(ionet):
    ids = [await ionet.deploy(f"n-{number}") for number in range(12)]
    await ionet.destroy(ids[0])
    ionet.clock.step(60)

    first, second, third = [await ionet.listed(page=page) for page in range(3)]
    assert [row["id"] for row in [*first["deployments"], *second["deployments"]]] == ids[::-1]
    assert (len(first["deployments"]), first["total"], third["deployments"]) == (10, 12, [])
    assert first["statuses"] == ["destroyed", "running"]
    assert [row["id"] for row in (await ionet.listed(status="destroyed"))["deployments"]] == [ids[0]]
    assert [row["id"] for row in (await ionet.listed(sort_order="asc", page_size=1))["deployments"]] == [
        ids[0]
    ]
    assert (await ionet.listed(sort_by="created_at", location_id=3))["total"] == 12


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("page=-1", "greater_than_equal"),
        ("page_size=0", "greater_than_equal"),
        ("page_size=101", "less_than_equal"),
        ("page=x", "int_parsing"),
        ("status=asleep", "enum"),
    ],
)
async def test_wrong_pages_are_refused(ionet, query, error):
    assert (await ionet.api("GET", f"/deployments?{query}")).error == (422, error)


async def test_the_list_can_count_from_one(ionet):
    one = await ionet.deploy()
    await ionet.adjust(first_page=1)

    assert (await ionet.api("GET", "/deployments?page=0")).error == (422, "greater_than_equal")
    assert [row["id"] for row in (await ionet.listed(page=1))["deployments"]] == [one]
    assert [row["id"] for row in (await ionet.listed())["deployments"]] == [one]


async def test_the_list_can_lag(ionet):
    await ionet.adjust(list_lag_s=60)
    one = await ionet.deploy("a")

    assert (await ionet.listed())["deployments"] == []
    assert await ionet.status(one)
    ionet.clock.step(61)
    assert (await ionet.listed())["total"] == 1
    await ionet.adjust(list_lag_s=0)
    await ionet.fault("list_lag", "list", seconds=60, count=1)
    await ionet.deploy("b")
    assert (await ionet.listed())["total"] == 1
    assert (await ionet.listed())["total"] == 2


async def test_one_row_of_the_list_counts_as_the_check_of_the_key(ionet):
    await ionet.listed(page_size=1)
    await ionet.listed(page_size=2)

    assert await ionet.calls() == {"health": 1, "list": 1}


async def test_what_can_befall_a_deployment(ionet):
    one = await ionet.run()

    await ionet.event("unreachable", one)
    assert await seen(ionet, one) == ("running", [("running", False)])
    await ionet.event("reachable", one)
    assert await seen(ionet, one) == ("running", [("running", True)])
    await ionet.event("status", one, status="Paused")
    assert await ionet.status(one) == "Paused"
    assert (await ionet.listed())["statuses"] == ["Paused"]
    await ionet.event("status", one, status=None)
    assert (await ionet.event("status", one, status=3)).body["field"] == "status"
    await ionet.event("failed", one)
    assert await ionet.status(one) == "failed"
    assert (await ionet.event("failed", one)).body["field"] == "event"
    assert (await ionet.event("reachable", one)).body["field"] == "event"
    assert (await ionet.event("no_such", one)).status == 422
    assert (await ionet.event("failed", "nothing")).body["field"] == "id"


async def test_an_exit_befalls_what_runs(ionet):
    one = await ionet.deploy()

    assert (await ionet.event("exited", one)).status == 422
    ionet.clock.step(60)
    assert (await ionet.event("exited", one)).status == 204
    assert await ionet.status(one) == "failed"


async def test_a_partner_sku_is_shown_with_its_string(ionet):
    one = (await ionet.post(order(hardware=SKU, locations=["US"], gpus=8))).body["deployment_id"]

    shown = await ionet.show(one)
    assert (shown["hardware_id"], shown["total_gpus"]) == (SKU, 8)
    assert shown["locations"] == [{"id": 3, "iso2": "US", "name": "United States"}]
    await ionet.adjust(sku_id_shown="zero")
    assert (await ionet.show(one))["hardware_id"] == 0
