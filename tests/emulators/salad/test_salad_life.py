"""Instances: states, exits, lost nodes, events (contract, section 7; points 4 and 8 of the checklist)."""

import pytest

from tests.emulators.salad.conftest import prototype

INSTANCE = {
    "id": str, "machine_id": str, "state": str, "update_time": str, "version": int, "ready": bool, "started": bool,
    "deletion_cost": int,
}  # fmt: skip
EVENT = {
    "event_name": str, "event_time": str, "resource_cpu": int, "resource_gpu_class": str, "resource_memory": int,
    "resource_storage_amount": int, "version": str, "instance_id": str, "machine_id": str,
}  # fmt: skip


def types(body):
    return {name: type(value) for name, value in body.items() if name != "emulated"}


async def seen(salad):
    """Status of the group, and the states of its instances."""
    return await salad.status(), [one["state"] for one in await salad.instances()]


async def test_a_group_goes_through_its_states_in_the_measured_time(salad):
    await salad.create()
    steps, at = [(await seen(salad), 0)], 0
    while steps[-1][0] != ("running", ["running"]):
        salad.clock.step(1)
        at += 1
        now = await seen(salad)
        if now != steps[-1][0]:
            steps.append((now, at))

    assert [step for step, _ in steps] == [
        ("pending", []),
        ("deploying", []),
        ("deploying", ["downloading"]),
        ("deploying", ["creating"]),
        ("running", ["running"]),
    ]
    prepared, _, creating, running = [at for _, at in steps[1:]]
    assert 15 <= prepared <= 88
    assert 88 <= creating <= 196
    assert 133 <= running <= 257


async def test_state_speed_divides_the_waiting(start):
    quick = await start(state_speed=1000)
    await quick.create()
    quick.clock.step(0.3)

    assert await seen(quick) == ("running", ["running"])


async def test_an_instance_has_the_documented_fields_and_progress_while_it_downloads(salad):
    await salad.create()
    progress = []
    while not (rows := await salad.instances()) or rows[0]["state"] != "running":
        progress += [row["pulling_progress"] for row in rows if row["state"] == "downloading"]
        salad.clock.step(5)

    assert types(rows[0]) == INSTANCE
    assert progress == sorted(progress)
    assert 0 <= progress[0] < 10
    assert 90 < progress[-1] <= 100
    assert (rows[0]["ready"], rows[0]["started"]) == (True, True)


async def test_those_that_look_for_a_node_can_be_listed(salad):
    await salad.adjust(hide_allocating=False)
    await salad.create()
    while await salad.status() == "pending":
        salad.clock.step(1)

    assert (await seen(salad), await salad.counts()) == (("deploying", ["allocating"]), {"allocating": 1})


async def test_one_instance_answers_202_as_documented(salad):
    await salad.run()
    one = (await salad.instances())[0]

    answer = await salad.groups("GET", f"/job-1/instances/{one['id']}")
    del answer.body["emulated"]
    assert (answer.status, answer.body) == (202, one)
    await salad.adjust(instance_status=200)
    assert (await salad.groups("GET", f"/job-1/instances/{one['id']}")).status == 200
    assert (await salad.groups("GET", "/job-1/instances/nothing")).status == 404


async def test_without_autostart_a_group_is_stopped_when_it_is_prepared(salad):
    await salad.create(autostart_policy=False)
    salad.clock.step(88)

    assert await seen(salad) == ("stopped", [])


async def test_a_start_before_the_image_is_prepared_is_remembered(salad):
    await salad.create(autostart_policy=False)
    await salad.do("start")
    salad.clock.step(241)

    assert await seen(salad) == ("running", ["running"])
    assert (await salad.show())["autostart_policy"] is False


async def test_an_image_that_does_not_exist_fails_with_a_text(salad):
    await salad.create(image="acme/does-not-exist:1")
    salad.clock.step(60)

    state = (await salad.show())["current_state"]
    assert state["status"] == "failed"
    assert "pull access denied" in state["description"]
    await salad.patch({"container": {"image": "nginx:latest"}})
    assert await salad.status() == "pending"
    salad.clock.step(241)
    assert await salad.status() == "running"


async def test_containers_are_started_again_after_every_exit(salad):
    await salad.create(command=["sh", "-c", "sleep 10"], restart_policy="never")
    salad.clock.step(280)

    assert await salad.status() == "running"
    salad.clock.step(600)
    events = await salad.events()
    assert events.count("Instance Exited:0 (Exited Successfully)") > 5
    assert "Instance Reallocated by Platform" in events
    assert await salad.status() == "running"


@pytest.mark.parametrize(
    ("policy", "code", "status"),
    [
        ("never", 1, "succeeded"),
        ("on_failure", 0, "succeeded"),
        ("on_failure", 1, "running"),
        ("always", 0, "running"),
    ],
)
async def test_restart_policies_can_be_kept_as_documented(salad, policy, code, status):
    await salad.adjust(relaunch_on_exit=False)
    await salad.run(restart_policy=policy)
    assert (await salad.event("exited", code=code)).status == 204
    salad.clock.step(10)

    assert await salad.status() == status


async def test_exit_codes_show_in_the_events_only(salad):
    await salad.run()
    await salad.event("exited", code=137)
    await salad.event("exited", code=2)
    assert (await salad.event("exited", code="x")).body["field"] == "code"
    salad.clock.step(10)
    await salad.event("exited", code=2)

    events = await salad.events()
    assert "Instance Exited:137 (Likely Out of System Memory)" in events
    assert "Instance Exited:2 (Error)" in events


async def test_a_lost_node_gives_the_same_instance_another_machine(salad):
    await salad.run()
    before = (await salad.instances())[0]
    nodes = (await salad.available())["available_gpu_batch"]
    await salad.event("node_lost")

    assert await seen(salad) == ("running", [])
    assert await salad.counts() == {"allocating": 1}
    assert (await salad.available())["available_gpu_batch"] == nodes, "the node does not come back"
    salad.clock.step(180)
    after = (await salad.instances())[0]
    assert (after["id"], after["state"]) == (before["id"], "running")
    assert after["machine_id"] != before["machine_id"]
    assert "Instance Interrupted (Node Offline)" in await salad.events()


async def test_running_may_mean_that_nothing_runs_or_not(salad):
    await salad.adjust(running_sticky=False)
    await salad.run()
    assert (await salad.event("preempted")).status == 204

    assert await salad.status() == "deploying"
    assert "Instance Interrupted (Priority)" in await salad.events()
    salad.clock.step(180)
    assert await salad.status() == "running"


async def test_events_need_something_to_befall(salad):
    await salad.create()

    assert (await salad.event("node_lost")).status == 422
    assert (await salad.event("exited")).status == 422


@pytest.mark.parametrize(
    ("action", "word"),
    [
        ("reallocate", "Instance Reallocated by User"),
        ("recreate", "Instance Recreated"),
        ("restart", "Instance Restarted"),
    ],
)
async def test_one_instance_can_be_moved_renewed_or_restarted(salad, action, word):
    await salad.run()
    before = (await salad.instances())[0]

    answer = await salad.groups("POST", f"/job-1/instances/{before['id']}/{action}", json={})

    assert (answer.status, answer.body) == (202, "")
    assert word in await salad.events()
    assert await salad.counts() in ({"allocating": 1}, {"creating": 1})
    salad.clock.step(180)
    after = (await salad.instances())[0]
    assert (after["machine_id"] != before["machine_id"]) == (action == "reallocate")
    assert (await salad.groups("POST", f"/job-1/instances/nothing/{action}")).status == 404


async def test_actions_have_a_quota_of_their_own(start):
    real = await start(limits="real")
    await real.adjust(interruptions=False)
    await real.run()
    path = f"/job-1/instances/{(await real.instances())[0]['id']}/restart"
    answers = [(await real.groups("POST", path)).status for _ in range(11)]

    assert answers == [202] * 10 + [429]


async def test_system_logs_have_the_documented_fields_and_at_most_fifty(salad):
    await salad.create(command=["sh", "-c", "sleep 1"])
    salad.clock.step(2000)
    items = (await salad.groups("GET", "/job-1/system-logs")).ok["items"]

    assert len(items) == 50
    assert types(items[0]) == EVENT
    times = [item["event_time"] for item in items]
    assert times == sorted(times, reverse=True)
    assert items[0]["resource_gpu_class"] == "RTX 4090 (24 GB)"


async def test_events_of_a_group_name_no_instance(salad):
    await salad.run()
    items = (await salad.groups("GET", "/job-1/system-logs")).ok["items"]

    assert items[-1]["event_name"] == "Container Group Started"
    assert "instance_id" not in items[-1]
    assert await salad.events() == [
        "Container Group Started", "Instance Allocated", "Instance Downloading", "Instance Creating", "Instance Running",
    ]  # fmt: skip


async def test_nodes_go_away_by_chance_and_low_priorities_more_often(start):
    market = await start()
    for priority in ("high", "batch"):
        body = prototype(f"job-{priority}", priority=priority, replicas=10)
        assert (await market.groups("POST", json=body)).status == 201
    market.clock.step(24 * 3600)

    rows = await market.ledger()
    hours = {name: row["usd_billed"] / row["usd_per_hour"] for name, row in rows.items()}
    lost = {name: (await market.events(name)).count("Instance Interrupted (Node Offline)") for name in rows}
    displaced = {name: (await market.events(name)).count("Instance Interrupted (Priority)") for name in rows}
    assert all(22 < hour < 24 for hour in hours.values())
    assert lost["job-high"] > 0
    assert displaced["job-high"] == 0 < displaced["job-batch"]


async def test_a_group_without_gpus_runs_at_the_lowest_priority(salad):
    await salad.run(classes=None, priority="high")

    assert (await salad.groups("GET", "/job-1/system-logs")).ok["items"][0]["resource_gpu_class"] == ""
