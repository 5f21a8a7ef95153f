"""SaladCloud's container groups: what is sent, what each refusal means, sightings, exits, logs."""

from datetime import timedelta

import pytest

from aurora.domain.errors import (
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    ProviderError,
    RateLimited,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.providers.fields import Fields
from aurora.providers.salad.exits import exit_of
from aurora.providers.salad.groups import instance
from tests.unit.providers.loopback import START, Loopback, Reply, SkippingClock, make_spec
from tests.unit.providers.salad.salad_booth import (
    A100X8,
    CONTAINERS,
    NAME,
    OFFER,
    ORGANIZATION,
    RTX4090,
    Booth,
    problem,
    salad_at,
    sample,
)

S = InstanceState
SECRET = "hunter2-hunter2"


class Room:
    def __init__(self, server, booth, clock, provider):
        self.server, self.booth, self.clock, self.provider = server, booth, clock, provider

    def answers(self, method, path, *replies):
        self.booth.override[(method, path)] = list(replies)

    async def made(self, **changes):
        return (await self.provider.create(order(**changes))).external_id


@pytest.fixture
async def room():
    clock = SkippingClock()
    booth = Booth(clock)
    async with Loopback(booth) as server:
        provider = salad_at(server, clock=clock)
        yield Room(server, booth, clock, provider)
        await provider.aclose()


def order(offer=OFFER, **changes):
    return make_spec(offer, **{"ports": ("8080",), "env": {"TOKEN": SECRET}, **changes})


async def lines(found):
    return [line.text async for line in found]


async def test_a_create_sends_the_documented_body_with_a_priority(room):
    await room.made(registry_login=f"joe:{SECRET}@ghcr.io")

    assert room.server.asked[-1].body == {
        "name": NAME,
        "autostart_policy": True,
        "replicas": 1,
        "restart_policy": "never",
        "container": {
            "image": "nginx:latest",
            "resources": {
                "cpu": 4,
                "memory": 8192,
                "gpu_classes": [RTX4090],
                "storage_amount": 20_000_000_000,
            },
            "priority": "high",
            "command": ["python", "-m", "http.server", "8080"],
            "environment_variables": {"TOKEN": SECRET},
            "registry_authentication": {"basic": {"username": "joe", "password": SECRET}},
        },
        "networking": {"auth": False, "port": 8080, "protocol": "http"},
    }


async def test_what_is_not_asked_for_is_not_sent(room):
    login = f"joe:{SECRET}@docker.io"
    await room.made(ports=(), env={}, command=(), disk_gb=0, registry_login=login)

    container = room.server.asked[-1].body["container"]
    assert "networking" not in room.server.asked[-1].body
    assert container["resources"]["storage_amount"] == 1024**3
    assert container["registry_authentication"] == {
        "docker_hub": {"username": "joe", "personal_access_token": SECRET}
    }
    assert {"command", "environment_variables"}.isdisjoint(container)


async def test_a_secure_class_gets_the_least_it_must_have(room):
    await room.made(offer=f"{A100X8}.batch", gpu_count=8)

    assert room.server.asked[-1].body["container"]["resources"] == {
        "cpu": 32,
        "memory": 262_144,
        "gpu_classes": [A100X8],
        "storage_amount": 268_435_456_000,
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ports": ("80", "81")}, "ports"),
        ({"ports": ("53/udp",)}, "ports"),
        ({"name": "1-starts-with-a-digit"}, "name"),
        ({"gpu_count": 2}, "gpu_count"),
        ({"disk_gb": 300.0}, "disk_gb"),
        ({"env": {"A": SECRET * 100}}, "env: A"),
        ({"command": ("x",) * 101}, "command"),
        ({"image": ""}, "image"),
        ({"offer": "39235233"}, "not an id"),
    ],
)
async def test_what_is_certainly_wrong_is_refused_before_anything_is_created(room, changes, field):
    with pytest.raises(InvalidProviderRequest, match=field) as caught:
        await room.made(**changes)

    assert room.server.count("POST", CONTAINERS) == 0
    assert SECRET not in str(caught.value)


THIRD_PARTY = sample("fixtures_thirdparty_client.json")


async def test_a_name_that_is_taken_is_adopted_where_its_group_is_shown(room):
    await room.made()

    assert await room.made() == NAME
    assert room.server.count("GET", f"{CONTAINERS}/{NAME}") == 1


async def test_a_bare_403_is_a_full_quota_where_the_quota_is_full(room):
    await room.made()
    room.booth.quota = 1
    room.answers("POST", CONTAINERS, problem(403, "Forbidden"))

    with pytest.raises(RateLimited) as full:
        await room.made(name="aurora-abc123-0123456789ab-2")

    assert full.value.until == START + timedelta(seconds=room.clock.elapsed, minutes=5)


COUNTS = {"allocating_count": 0, "creating_count": 0, "running_count": 0, "stopping_count": 0}


@pytest.mark.parametrize(
    ("status", "running", "state"),
    [
        ("pending", 0, S.STARTING),
        ("deploying", 0, S.STARTING),
        ("running", 1, S.RUNNING),
        ("running", 0, S.STARTING),
        ("stopped", 0, S.STOPPED),
        ("failed", 0, S.FAILED),
        ("succeeded", 0, S.EXITED),
        ("hibernating", 0, S.UNKNOWN),
        (None, 0, S.UNKNOWN),
    ],
)
async def test_every_status_has_its_state(room, status, running, state):
    await room.made()
    counts = {**COUNTS, "running_count": running}
    room.booth.groups[NAME]["current_state"].update(status=status, instance_status_counts=counts)

    assert (await room.provider.status(NAME)).state is state
    assert [each.state for each in await room.provider.list_own()] == [state]


def test_captured_and_cut_down_groups_can_be_read():
    old = instance(Fields(sample("container_group_stopped_2024-04.json")), provider="salad")
    created = instance(Fields(THIRD_PARTY[0]["body"]), provider="salad")
    running = instance(Fields(THIRD_PARTY[1]["body"]), provider="salad")

    assert (old.name, old.state) == ("test-group", S.STOPPED)
    assert (created.state, running.state) == (S.STARTING, S.RUNNING)


async def test_its_address_is_the_edge_over_https_once_it_runs(room):
    await room.made()

    (endpoint,) = (await room.provider.status(NAME)).endpoints

    assert (endpoint.port, endpoint.url) == ("8080", "https://orange-melon-abc123.salad.cloud:443")


async def test_a_group_of_another_name_or_an_odd_list_is_malformed(room):
    await room.made()
    other = {**room.booth.groups[NAME], "name": "somebody-elses"}
    room.answers("GET", f"{CONTAINERS}/{NAME}", Reply(other), Reply({"name": "?"}), Reply([]))
    for _ in range(3):
        with pytest.raises(MalformedAnswer):
            await room.provider.status(NAME)

    room.answers("GET", CONTAINERS, Reply({"items": [{}]}), Reply({"items": ["x"]}), Reply({}))
    for _ in range(3):
        with pytest.raises(MalformedAnswer):
            await room.provider.list_own()


async def test_a_404_before_the_project_has_worked_is_no_absence(room):
    for ask in (room.provider.status, room.provider.terminate):
        room.answers("GET", CONTAINERS, problem(404, "Not Found", detail="No such organization"))
        with pytest.raises(ProviderError) as caught:
            await ask(NAME)
        assert not isinstance(caught.value, InstanceNotFound)

    await room.provider.list_own()
    with pytest.raises(InstanceNotFound):
        await room.provider.status(NAME)


async def test_an_exit_is_found_in_the_events_and_looked_for_only_now_and_then(room):
    await room.made()
    path = f"{CONTAINERS}/{NAME}/system-logs"
    assert (await room.provider.status(NAME)).state is S.RUNNING
    room.booth.events[NAME] = ["Instance Restarted", "Instance Exited:137 (Likely Out of System Memory)"]
    assert (await room.provider.status(NAME)).state is S.RUNNING
    assert room.server.count("GET", path) == 1

    room.clock.elapsed += 20
    seen = await room.provider.status(NAME)

    assert (seen.state, seen.endpoints) == (S.EXITED, ())
    assert seen.message == "the container exited: 137 (Likely Out of System Memory)"


async def test_events_that_cannot_be_read_change_nothing(room):
    await room.made()
    room.answers("GET", f"{CONTAINERS}/{NAME}/system-logs", Reply("<html>", status=503))

    assert (await room.provider.status(NAME)).state is S.RUNNING


def test_the_newest_exit_is_told():
    told = ["Instance Running", "Instance Exited:0 (Exited Successfully)", "Instance Exited:1 (Error)"]

    assert exit_of([{"event_name": each} for each in told]) == "0 (Exited Successfully)"
    assert exit_of([{"event_name": "Instance Running"}, None, {}]) is None


async def test_a_list_looks_at_the_events_of_a_few_groups_at_a_time(room):
    for number in range(1, 21):
        await room.made(name=f"aurora-abc123-0123456789ab-{number}")
    room.booth.events = {name: ["Instance Exited:0 (Exited Successfully)"] for name in room.booth.groups}

    ended = [sum(each.state is S.EXITED for each in await room.provider.list_own()) for _ in range(3)]

    assert ended == [8, 16, 20]


# Logs


async def test_more_lines_of_one_moment_than_a_page_holds_are_said(room):
    await room.made()
    room.clock.elapsed = 60
    room.booth.write(NAME, "first")
    found = []

    async for line in room.provider.logs(NAME, follow=True):
        found.append(line.text)
        if len(found) == 1:
            at = START + timedelta(seconds=room.clock.elapsed)
            room.booth.write(NAME, *(f"burst {n}" for n in range(150)), at=at)
            room.booth.write(NAME, "after", at=at + timedelta(milliseconds=5))
        if found[-1].startswith("[lines may be missing"):
            room.booth.groups.pop(NAME, None)

    assert "after" in found
    assert any(each.startswith("[lines may be missing") for each in found)
    assert sum(each.startswith("burst") for each in found) >= 99


async def test_late_and_equal_lines_are_given_once_each(room):
    await room.made()
    room.clock.elapsed = 300
    room.booth.write(NAME, "first")
    found = []

    async for line in room.provider.logs(NAME, follow=True):
        found.append(line.text)
        now = START + timedelta(seconds=room.clock.elapsed)
        if len(found) == 1:
            room.booth.write(NAME, "same", "same", at=now)
        if len(found) == 3:
            room.booth.write(NAME, "late", at=now - timedelta(seconds=73))
            room.booth.write(NAME, "last", at=now)
        if len(found) == 5:
            room.booth.groups.pop(NAME)

    assert found == ["first", "same", "same", "late", "last"]


async def test_windows_are_past_and_no_finer_than_a_millisecond(room):
    await room.made()
    room.clock.elapsed = 12.3456789
    await lines(room.provider.logs(NAME))

    body = room.server.asked[-1].body
    assert body["end_time"] == "2026-06-03T08:00:12.345Z"
    assert 'resource.labels.container_group_name = "' + NAME in body["query"]
    assert room.server.asked[-1].path == f"{ORGANIZATION}/log-entries"


async def test_json_lines_are_given_as_json(room):
    await room.made()
    room.booth.write(NAME, "plain")
    row = {**room.booth.entries[NAME][0], "json_log": {"step": 1}}
    del row["text_log"]
    room.answers("POST", f"{ORGANIZATION}/log-entries", Reply({"items": [row]}))

    assert await lines(room.provider.logs(NAME)) == ['{"step": 1}']


async def test_a_follower_bears_a_few_failures_and_no_more(room):
    await room.made()
    path = f"{ORGANIZATION}/log-entries"
    good = Reply({"items": []})
    room.answers("POST", path, good, *[Reply("", status=500)] * 5)

    with pytest.raises(Unavailable):
        await lines(room.provider.logs(NAME, follow=True))
