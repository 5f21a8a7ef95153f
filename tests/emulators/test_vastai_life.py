from datetime import datetime

import pytest

from aurora.emulators.vastai.workload import Workload


async def test_an_instance_is_null_then_loading_then_running(vast):
    instance = await vast.rent(env={"-p 8080:8080": "1", "-p 53:53/udp": "1"})

    seen = [await vast.show(instance)]
    for _ in range(400):
        vast.clock.step(0.1)
        seen.append(await vast.show(instance))

    assert list(dict.fromkeys(one["actual_status"] for one in seen)) == [None, "loading", "running"]
    assert all(("ports" in one) == (one["actual_status"] == "running") for one in seen)
    assert all(
        (one["public_ipaddr"] or "").endswith("\n") == (one["actual_status"] == "running") for one in seen
    )


async def test_ports_are_published_on_both_families_as_texts(vast):
    instance = await vast.rent(runtype="ssh_direc ssh_proxy", env={"-p 8080:80": "1", "-p 70001:70001": "1"})
    await vast.until_running(instance)

    ports = (await vast.show(instance))["ports"]

    assert ports["80/tcp"][0]["HostPort"].isdecimal()
    assert [binding["HostIp"] for binding in ports["22/tcp"]] == ["0.0.0.0", "::"]
    same = [name for name, bindings in ports.items() if name == f"{bindings[0]['HostPort']}/tcp"]
    assert len(same) == 1  # the port above 70000 has the same number outside and inside


async def test_state_speed_shortens_the_waiting(start):
    vast = await start(state_speed=100)
    instance = await vast.rent()

    vast.clock.step(0.4)

    assert await vast.status(instance) == "running"


async def test_an_image_that_cannot_be_pulled_stays_created_with_the_error(vast):
    instance = await vast.rent(image="ghcr.io/acme/does-not-exist:1")

    vast.clock.step(60)
    shown = await vast.show(instance)

    assert shown["actual_status"] == "created"
    assert shown["status_msg"].startswith("Error response from daemon")
    assert shown["intended_status"] == "running"


@pytest.mark.parametrize(
    "body", [{"image": "hello-world"}, {"args": ["true"]}, {"onstart": "/bin/sh", "args": ["-c", "exit 0"]}]
)
async def test_a_command_that_ends_leaves_an_exited_instance(vast, body):
    instance = await vast.rent(**body)

    vast.clock.step(60)

    assert await vast.status(instance) == "exited"


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (["sleep", "5"], 5),
        (["sh", "-c", "echo hi; sleep 5 && sleep 2"], 7),
        (["bash", "-lc", "exit 3; sleep infinity"], 0),
        (["python", "-m", "http.server"], None),
        (["sh", "-c", "while true; do date; done"], None),
        (["sleep", "infinity"], None),
        ([], None),
    ],
)
def test_the_length_of_a_run_follows_from_the_command(command, seconds):
    assert Workload("ubuntu", command).seconds == seconds


async def test_stopping_frees_the_gpus_and_starting_takes_them_again(vast):
    offer = await vast.an_offer()
    instance = await vast.rent(offer)
    await vast.until_running(instance)

    stopped = await vast.api("PUT", f"/v0/instances/{instance}/", json={"state": "stopped"})
    shown = await vast.show(instance)
    free = await vast.search(ask_contract_id={"eq": offer["id"]})
    await vast.api("PUT", f"/v0/instances/{instance}/", json={"state": "running"})

    assert stopped.body == {"success": True}
    assert (shown["actual_status"], shown["cur_state"], shown["intended_status"]) == (
        "stopped",
        "stopped",
        "stopped",
    )
    assert shown["instance"]["totalHour"] == shown["storage_total_cost"]
    assert free
    await vast.until_running(instance)


async def test_a_start_waits_while_others_hold_the_gpus(vast):
    offer = await vast.an_offer()
    first = await vast.rent(offer)
    await vast.until_running(first)
    await vast.api("PUT", f"/v0/instances/{first}/", json={"state": "stopped"})
    second = await vast.rent(offer)

    queued = await vast.api("PUT", f"/v0/instances/{first}/", json={"state": "running"})
    waiting = await vast.show(first)
    await vast.destroy(second)

    assert queued.body["msg"] == "Required resources are currently unavailable, state change queued"
    assert (waiting["cur_state"], waiting["intended_status"]) == ("stopped", "running")
    await vast.until_running(first)


async def test_a_reboot_passes_through_rebooting(vast):
    instance = await vast.rent()
    await vast.until_running(instance)

    await vast.api("PUT", f"/v0/instances/reboot/{instance}/", json={})

    assert await vast.status(instance) == "rebooting"
    await vast.until_running(instance)
    assert (await vast.api("PUT", f"/v0/instances/recycle/{instance}", json={})).body == {"success": True}


async def test_an_exited_instance_shows_its_old_state_until_the_relaunch(vast):
    instance = await vast.rent(args=["true"])
    vast.clock.step(60)
    await vast.api("PUT", f"/v0/instances/{instance}/", json={"state": "running"})

    assert await vast.status(instance) == "exited"
    vast.clock.step(2.1)
    assert await vast.status(instance) == "loading"


async def test_an_interruptible_instance_is_outbid_in_time_and_runs_again_with_a_higher_bid(vast):
    offer = await vast.an_offer()
    instance = await vast.rent(offer, price=offer["min_bid"])
    await vast.until_running(instance)

    vast.clock.step(48 * 3600)
    outbid = await vast.show(instance)
    raised = await vast.api(
        "PUT", f"/v0/instances/bid_price/{instance}/", json={"client_id": "me", "price": offer["min_bid"] * 3}
    )

    assert (outbid["actual_status"], outbid["intended_status"], outbid["cur_state"]) == (
        "stopped",
        "stopped",
        "stopped",
    )
    assert outbid["is_bid"]
    assert raised.body == {"success": True}
    await vast.until_running(instance)


async def test_a_lowered_bid_stops_at_once_and_a_wild_one_is_refused(vast):
    offer = await vast.an_offer()
    instance = await vast.rent(offer, price=offer["min_bid"] * 2)
    on_demand = await vast.rent(await vast.an_offer(machine_id={"neq": offer["machine_id"]}))
    path = f"/v0/instances/bid_price/{instance}/"

    wild = await vast.api("PUT", path, json={"price": 33 * offer["num_gpus"]})
    await vast.api("PUT", path, json={"price": offer["min_bid"] / 2})

    assert wild.body["error"] == "invalid_price"
    assert await vast.status(instance) == "stopped"
    assert (await vast.api("PUT", f"/v0/instances/bid_price/{on_demand}", json={"price": 1})).status == 400


async def test_a_host_can_go_offline_and_come_back(vast):
    instance = await vast.rent()
    await vast.until_running(instance)

    for event, status in [
        ("offline", "offline"),
        ("online", "running"),
        ("unknown", "unknown"),
        ("online", "running"),
        ("frozen", "frozen"),
    ]:
        assert (await vast.event(event, instance)).status == 204
        assert await vast.status(instance) == status
    assert (await vast.event("exited", instance)).status == 422
    assert (await vast.event("fire", instance)).status == 422
    assert (await vast.event("offline", 5)).status == 422


async def test_destroying_twice_is_404_and_the_instance_is_null(vast):
    instance = await vast.rent()

    first, second = await vast.destroy(instance), await vast.destroy(instance)

    assert (first.status, first.body["success"]) == (200, True)
    assert (second.status, second.body["error"]) == (404, "not_found")
    assert await vast.show(instance) is None
    assert (await vast.api("DELETE", "/v0/instances/abc/")).status == 400


async def test_several_are_destroyed_or_changed_in_one_call(vast):
    offers = await vast.search(gpu_frac={"eq": 1}, limit=2)
    ids = [await vast.rent(offer) for offer in offers]

    stopped = await vast.api("PUT", "/v0/instances/", json={"state": "stopped", "ids": ids})
    states = [await vast.status(one) for one in ids]
    gone = await vast.api("DELETE", "/v0/instances/", json={"instance_ids": ids})

    assert (stopped.status, states) == (200, ["stopped", "stopped"])
    assert gone.body["success"] is True
    assert (await vast.listed())["instances"] == []


async def test_a_label_can_be_changed_later(vast):
    instance = await vast.rent(label="old")

    assert (await vast.api("PUT", f"/v0/instances/{instance}", json={"label": "new"})).body == {
        "success": True
    }
    assert (await vast.show(instance))["label"] == "new"
    for body in ({"label": "x" * 1025}, {"state": "lost"}, {}):
        assert (await vast.api("PUT", f"/v0/instances/{instance}/", json=body)).status == 400
    assert (await vast.api("PUT", "/v0/instances/5/", json={"label": "x"})).status == 404


async def test_the_usual_boot_takes_about_eight_seconds(start):
    vast = await start(offers=900)
    ids = [
        await vast.rent(offer)
        for offer in await vast.search(gpu_frac={"eq": 1}, reliability={"gt": 0.95}, limit=60)
    ]
    rented_at = vast.clock.now()
    vast.clock.step(40)

    rows = [(await vast.ledger())[one] for one in ids]

    boots = sorted((datetime.fromisoformat(row["running_at"]) - rented_at).total_seconds() for row in rows)
    assert 6 < boots[len(boots) // 2] < 10
    assert 2 < boots[0] < boots[-1] < 33
