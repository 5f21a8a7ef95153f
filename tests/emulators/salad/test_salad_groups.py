"""Container groups: create, read, change, end (contract, sections 5 and 6; points 2, 4, 5 and 9 of the checklist)."""

import copy
import json
import re

import pytest

from tests.emulators.salad.conftest import GROUPS, MERGE, ORGANIZATION, RTX_3090, RTX_4090, prototype, sample

NOT_NULL = {
    "id", "name", "display_name", "organization_name", "project_name", "replicas", "restart_policy", "country_codes",
    "create_time", "update_time", "version", "scaling-actions", "current_state", "container",
}  # fmt: skip
MAY_BE_NULL = {"autostart_policy", "pending_change", "priority", "scheduled-scaling-enabled"}


async def test_a_create_answers_the_group_and_where_it_is(salad):
    answer = await salad.create()
    body = answer.body

    assert answer.status == 201
    assert answer.headers["Location"] == f"{salad.url}{ORGANIZATION}{GROUPS}/job-1"
    assert body.keys() >= NOT_NULL | MAY_BE_NULL
    assert not [name for name in NOT_NULL if body[name] is None]
    assert (body["priority"], body["display_name"], body["version"]) == ("batch", "job-1", 1)
    assert body["current_state"]["status"] == "pending"
    assert {"command", "gpu_classes"} <= {*body["container"], *body["container"]["resources"]}
    assert "priority" not in body["container"]
    assert {"hash", "size"}.isdisjoint(body["container"]), "left out before the image is prepared"
    assert re.fullmatch(r"[a-z]+-[a-z]+-[0-9a-f]{8}\.salad\.example", body["networking"]["dns"])
    assert re.fullmatch(r"2026-11-02T12:00:00(\.\d{1,7})?\+00:00", body["create_time"])
    del body["emulated"]
    shown = await salad.show()
    del shown["emulated"]
    assert shown == body


async def test_the_older_capture_has_nothing_that_is_missing(salad):
    """All but the keys that changed their name or went away since 2024."""
    await salad.run()
    shown, old = await salad.show(), sample("container_group_stopped_2024-04")

    assert old.keys() - shown.keys() == set()
    assert old["container"].keys() - shown["container"].keys() == {"logging"}
    assert old["current_state"].keys() - shown["current_state"].keys() == {"instance_status_count"}
    for name in ("replicas", "version", "pending_change", "autostart_policy", "create_time"):
        assert type(shown[name]) is type(old[name])


async def test_defaults_are_filled_in(salad):
    bare = prototype(priority=None, classes=None)
    del bare["networking"], bare["container"]["resources"]["storage_amount"]
    body = (await salad.groups("POST", json=bare)).ok

    assert body["priority"] is None
    assert "networking" not in body
    assert body["container"]["resources"] == {
        "cpu": 2, "memory": 4096, "gpu_classes": None, "storage_amount": 1 << 30, "shm_size": 64,
    }  # fmt: skip
    assert body["country_codes"] == []


def changed(path, value):
    """A prototype with one entry changed; Ellipsis takes it away."""
    body = copy.deepcopy(prototype())
    inner = body
    *outer, last = path
    for name in outer:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("name",), ...),
        (("name",), "Job"),
        (("name",), "1-job"),
        (("name",), "j"),
        (("name",), "j" * 64),
        (("container",), ...),
        (("autostart_policy",), ...),
        (("autostart_policy",), "true"),
        (("replicas",), ...),
        (("replicas",), 501),
        (("replicas",), -1),
        (("restart_policy",), "sometimes"),
        (("display_name",), "x"),
        (("display_name",), "Ünfit"),
        (("country_codes",), []),
        (("country_codes",), ["US"]),
        (("container", "image"), ""),
        (("container", "image"), "x" * 2049),
        (("container", "command"), ["x"] * 101),
        (("container", "priority"), "urgent"),
        (("container", "environment_variables"), {"A": "x" * 1001}),
        (("container", "environment_variables"), {"A": 1}),
        (("container", "registry_authentication"), {"basic": {}, "docker_hub": {}}),
        (("container", "resources", "cpu"), 0),
        (("container", "resources", "cpu"), 1.5),
        (("container", "resources", "memory"), 1023),
        (("container", "resources", "memory"), ...),
        (("container", "resources", "storage_amount"), 1000),
        (("container", "resources", "gpu_classes"), ["RTX 4090"]),
        (("networking", "port"), 0),
        (("networking", "auth"), ...),
        (("networking", "protocol"), "tcp"),
    ],
)
async def test_wrong_bodies_are_refused_and_name_the_field(salad, path, value):
    answer = await salad.groups("POST", json=changed(path, value))

    assert (answer.status, answer.body["title"]) == (400, "Bad Request")
    assert path[-1] in answer.body["detail"]
    assert await salad.listed() == []


async def test_a_body_that_is_no_json_is_refused(salad):
    announced = {"Content-Type": "application/json"}

    assert (await salad.groups("POST", data=b"{", headers=announced)).status == 400
    assert (await salad.groups("POST", data=b"[]", headers=announced)).status == 400
    assert (await salad.groups("POST", data=b"{}", headers={"Content-Type": "text/plain"})).status == 415


async def test_the_name_is_the_handle(salad):
    first = await salad.create()
    again = await salad.create()

    assert (again.status, again.body["type"]) == (400, "name_conflict")
    assert (await salad.show())["id"] == first.body["id"]
    elsewhere = f"{ORGANIZATION}/projects/other/containers"
    assert (await salad.ask("POST", elsewhere, json=prototype())).status == 201
    await salad.adjust(name_conflict_status=409)
    assert (await salad.create()).status == 409


async def test_a_deleted_name_stays_blocked_for_minutes(salad):
    await salad.run()
    await salad.delete()
    salad.clock.step(60)

    assert (await salad.groups("GET", "/job-1")).status == 404
    assert (await salad.create()).body["type"] == "name_conflict"
    salad.clock.step(300)
    assert (await salad.create()).status == 201


async def test_the_list_shows_one_project_and_at_most_a_hundred(salad):
    assert await salad.listed() == []
    for number in range(101):
        await salad.create(f"job-{number}", autostart_policy=False)

    assert len(await salad.listed()) == 100
    other = await salad.ask("GET", f"{ORGANIZATION}/projects/other/containers")
    assert other.ok["items"] == []


async def test_the_list_can_lag(salad):
    await salad.create()
    await salad.fault("list_lag", "list", seconds=30, count=1)

    assert await salad.listed() == []
    assert await salad.listed() == ["job-1"]


async def test_deletion_is_the_only_end(salad):
    await salad.run()

    answer = await salad.delete()

    assert (answer.status, answer.body) == (202, "")
    assert (await salad.groups("GET", "/job-1")).status == 200
    assert (await salad.delete()).status == 202
    salad.clock.step(6)
    assert (await salad.groups("GET", "/job-1")).status == 404
    assert (await salad.delete()).status == 404
    assert await salad.listed() == []
    assert (await salad.ledger())["job-1"]["state"] == "deleted"


@pytest.mark.parametrize("wait", [0, 100, 150, 241])
async def test_a_group_can_be_deleted_in_any_state(salad, wait):
    await salad.create()
    salad.clock.step(wait)
    before = await salad.available()
    assert (await salad.delete()).status == 202
    salad.clock.step(10)

    assert (await salad.groups("GET", "/job-1")).status == 404
    assert sum((await salad.available()).values()) >= sum(before.values())


async def test_start_and_stop_take_an_empty_object_or_nothing(salad):
    await salad.create(autostart_policy=False)
    salad.clock.step(90)
    assert await salad.status() == "stopped"
    assert "hash" in (await salad.show())["container"]

    answers = [
        await salad.groups("POST", "/job-1/start", json={}),
        await salad.groups("POST", "/job-1/stop"),
        await salad.groups("POST", "/job-1/start"),
    ]
    assert [(answer.status, answer.body) for answer in answers] == [(202, "")] * 3
    assert await salad.status() == "deploying"
    assert (await salad.do("start", "nothing")).status == 404


async def test_a_stop_takes_effect_later_than_it_says(salad):
    await salad.adjust(stop_lag_s=40)
    await salad.run()
    await salad.do("stop")

    assert (await salad.status(), await salad.counts()) == ("stopped", {"running": 1})
    salad.clock.step(41)
    assert (await salad.status(), await salad.counts()) == ("stopped", {"stopping": 1})
    salad.clock.step(3)
    assert (await salad.counts(), await salad.instances()) == ({}, [])
    await salad.do("start")
    assert await salad.status() == "deploying"
    salad.clock.step(180)
    assert await salad.counts() == {"running": 1}


async def test_without_credits_nothing_starts(start):
    poor = await start(credit_usd=0)
    answer = await poor.create()

    assert (answer.status, answer.body["type"]) == (400, "no_credits_available")
    assert (await poor.create(autostart_policy=False)).status == 201
    assert (await poor.do("start")).body["type"] == "no_credits_available"


async def test_no_credits_can_be_played(salad):
    await salad.adjust(no_credits=True)

    assert (await salad.create()).body["type"] == "no_credits_available"


async def test_a_patch_wants_its_own_content_type(salad):
    await salad.create()
    wrong = await salad.groups("PATCH", "/job-1", json={"replicas": 2})
    right = await salad.patch({"replicas": 2})

    assert (wrong.status, right.status) == (415, 200)
    assert right.headers["Content-Type"] == "application/merge-patch+json"
    assert (right.body["replicas"], right.body["version"]) == (2, 2)
    await salad.adjust(patch_type="application/json")
    assert (await salad.patch({"replicas": 1})).headers["Content-Type"] == "application/json"


async def test_replicas_follow_the_patch(salad):
    await salad.adjust(stop_lag_s=10)
    await salad.run()
    await salad.patch({"replicas": 3})
    salad.clock.step(200)
    assert await salad.counts() == {"running": 3}
    await salad.patch({"replicas": 0})
    salad.clock.step(20)
    assert await salad.counts() == {}
    assert "Container Group Desired Replica Count Updated from 1 to 3" in await salad.events()


async def test_the_dearest_to_delete_stays(salad):
    await salad.adjust(stop_lag_s=0)
    await salad.run(replicas=2)
    first, second = [one["id"] for one in await salad.instances()]
    path = f"/job-1/instances/{first}"
    assert (await salad.groups("PATCH", path, json={"deletion_cost": 100_001})).status == 400
    assert (await salad.groups("PATCH", path, json={"deletion_cost": 5})).ok["deletion_cost"] == 5
    assert (
        await salad.groups("PATCH", path, data=json.dumps({"deletion_cost": 7}), headers=MERGE)
    ).status == 200
    await salad.patch({"replicas": 1})
    salad.clock.step(10)

    assert [one["id"] for one in await salad.instances()] == [first] != [second]


async def test_a_changed_container_is_started_again(salad):
    await salad.run()
    body = {
        "display_name": "My job",
        "container": {
            "image": "nginx:2", "command": ["x"], "environment_variables": {"A": None, "B": "C"}, "priority": "high",
            "resources": {"memory": 8192, "gpu_classes": [RTX_3090]},
        },
        "networking": {"port": 9090},
        "country_codes": ["us"],
    }  # fmt: skip
    answer = (await salad.patch(body)).ok

    assert (answer["display_name"], answer["networking"]["port"], answer["priority"]) == (
        "My job",
        9090,
        "high",
    )
    container = answer["container"]
    assert (container["image"], container["command"], container["environment_variables"]) == (
        "nginx:2",
        ["x"],
        {"B": "C"},
    )
    assert (container["resources"]["memory"], container["resources"]["cpu"]) == (8192, 2)
    assert await salad.counts() == {"creating": 1}
    salad.clock.step(10)
    assert await salad.counts() == {"running": 1}
    assert [one["version"] for one in await salad.instances()] == [2]
    assert "Container Group Updated (Version 2)" in await salad.events()


@pytest.mark.parametrize(
    "body",
    [
        {"networking": None},
        {"networking": {"auth": False}},
        {"replicas": 501},
        {"container": {"image": "x" * 1025}},
        {"container": {"resources": {"gpu_classes": ["00000000-0000-4000-8000-000000000000"]}}},
    ],
)
async def test_some_changes_are_refused(salad, body):
    await salad.create()
    before = await salad.show()

    assert (await salad.patch(body)).status == 400
    assert await salad.show() == before


async def test_a_gateway_cannot_be_added(salad):
    bare = prototype()
    del bare["networking"]
    await salad.groups("POST", json=bare)

    assert (await salad.patch({"networking": {"port": 1}})).status == 400


async def test_environment_is_echoed_and_secrets_of_registries_are_not(salad):
    body = prototype()
    body["container"]["registry_authentication"] = {"basic": {"username": "u", "password": "hush"}}
    answer = await salad.groups("POST", json=body)

    assert answer.body["container"]["environment_variables"] == {"A": "B"}
    assert "hush" not in json.dumps(answer.body)


async def test_probes_are_echoed_and_delay_readiness(salad):
    probe = {
        "initial_delay_seconds": 30,
        "period_seconds": 5,
        "http": {"path": "/", "port": 8080, "scheme": "http"},
    }
    await salad.create(readiness_probe=probe)
    assert (await salad.show())["readiness_probe"]["http"]["path"] == "/"
    while not await salad.instances() or (await salad.instances())[0]["state"] != "running":
        salad.clock.step(5)

    assert [(one["started"], one["ready"]) for one in await salad.instances()] == [(True, False)]
    salad.clock.step(36)
    assert [one["ready"] for one in await salad.instances()] == [True]


async def test_finish_times_are_a_setting(salad):
    await salad.run()
    state = (await salad.show())["current_state"]
    assert state["finish_time"] == state["start_time"]
    await salad.adjust(finish_time="zero")
    assert (await salad.show())["current_state"]["finish_time"].startswith("0001-01-01")


async def test_a_status_can_be_strange(salad):
    await salad.create()
    await salad.event("status", "job-1", status="hibernating")
    assert await salad.status() == "hibernating"
    await salad.event("status", "job-1", status=None)
    assert await salad.status() == "pending"
    assert (await salad.event("status", "job-1", status=1)).body["field"] == "status"
    assert (await salad.event("no_such")).body["field"] == "event"
    assert (await salad.event("exited", "nothing")).body["field"] == "id"
    assert RTX_4090 in (await salad.show())["container"]["resources"]["gpu_classes"]


async def test_what_is_told_to_go_does_not_come_back(salad):
    await salad.adjust(stop_lag_s=60, delete_lag_s=60)
    await salad.run("job-1")
    await salad.run("job-2")
    await salad.do("stop", "job-1")
    await salad.delete("job-2")
    await salad.event("node_lost", "job-1")
    assert (await salad.do("start", "job-2")).status == 202
    salad.clock.step(30)

    assert await salad.instances("job-1") == []
    assert await salad.counts("job-2") == {"running": 1}
    salad.clock.step(300)
    assert await salad.listed() == ["job-1"]
    assert await salad.counts("job-1") == {}
