"""io.net's deployments: what is sent, what each refusal means, sightings, lists, money, logs."""

from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.domain.errors import (
    InstanceNotFound,
    InvalidProviderRequest,
    MalformedAnswer,
    Misconfigured,
    Unavailable,
)
from aurora.domain.instance import InstanceState
from aurora.providers.ionet import RefundRule
from aurora.providers.ionet.money import hours_for, paid_hours, unused
from aurora.providers.streaming import event_text
from tests.unit.providers.ionet.ionet_booth import NAME, OFFER, SKU, Booth, ionet_at, refusal
from tests.unit.providers.loopback import START, Loopback, Raw, Reply, SkippingClock, make_spec

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
    clock, booth = SkippingClock(), Booth()
    async with Loopback(booth) as server:
        provider = ionet_at(server, clock=clock)
        yield Room(server, booth, clock, provider)
        await provider.aclose()


def order(offer=OFFER, **changes):
    return make_spec(offer, **{"ports": ("8080",), "env": {"TOKEN": SECRET}, **changes})


async def lines(found):
    return [line.text async for line in found]


async def test_a_create_sends_what_strict_bodies_know_and_nothing_else(room):
    await room.made(registry_login=f"joe:{SECRET}@ghcr.io")

    assert room.server.asked[-1].body == {
        "resource_private_name": NAME,
        "duration_hours": 1,
        "gpus_per_container": 1,
        "hardware_id": 12,
        "location_ids": [3],
        "container_config": {
            "replica_count": 1,
            "traffic_port": 8080,
            "args": ["python", "-m", "http.server", "8080"],
            "secret_env_variables": {"TOKEN": SECRET},
        },
        "registry_config": {
            "image_url": "nginx:latest",
            "registry_username": "joe",
            "registry_secret": SECRET,
        },
    }


async def test_a_partners_machine_is_asked_for_by_text_and_country(room):
    await room.made(offer=SKU, gpu_count=2, ports=(), env={}, command=())

    body = room.server.asked[-1].body
    assert (body["hardware_id"], body["location_ids"]) == ("gpu_2x_6000_ada", ["US"])
    assert body["container_config"] == {"replica_count": 1, "traffic_port": 8080}


async def test_the_billing_model_is_sent_only_where_it_is_set(room):
    provider = ionet_at(room.server, clock=room.clock, billing_model="duration")
    await provider.create(order())
    await provider.aclose()

    assert room.server.asked[-1].body["billing_model"] == "duration"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ports": ("80", "81")}, "ports"),
        ({"ports": ("53/udp",)}, "ports"),
        ({"name": "Not A Name"}, "name"),
        ({"gpu_count": 2}, "gpu_count"),
        ({"image": "a b"}, "image"),
        ({"registry_login": "nonsense"}, "registry_login"),
        ({"offer": "39235233"}, "not an id"),
    ],
)
async def test_what_is_certainly_wrong_is_refused_before_anything_is_sent(room, changes, field):
    with pytest.raises(InvalidProviderRequest, match=field) as caught:
        await room.made(**changes)

    assert room.server.asked == []
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "state", "over"),
    [
        ("deployment requested", S.STARTING, False),
        ("Running", S.RUNNING, False),
        ("completed", S.STOPPED, True),
        ("failed", S.FAILED, True),
        ("termination requested", S.ENDING, False),
        ("paused by moonlight", S.UNKNOWN, False),
    ],
)
async def test_every_status_has_its_state_in_details_and_list(room, status, state, over):
    job = await room.made()
    room.booth.jobs[job]["status"] = status

    seen = await room.provider.status(job)
    (listed,) = await room.provider.list_own()

    assert (seen.state, seen.over) == (listed.state, listed.over) == (state, over)
    assert seen.raw_state == status.lower()
    assert listed.name == seen.name == NAME


async def test_a_destroyed_deployment_is_not_found_with_what_it_cost(room):
    job = await room.made()
    room.booth.jobs[job]["status"] = "destroyed"

    with pytest.raises(InstanceNotFound) as gone:
        await room.provider.status(job)

    assert gone.value.charged_usd == Decimal("0.3")
    assert await room.provider.list_own() == ()


async def test_prepaid_time_rate_and_charge_are_read_back(room):
    job = await room.made()
    await room.provider.extend(job, seconds=3601)
    room.booth.jobs[job].update(amount_paid=0.9000000000000001, compute_minutes_served=61)
    room.booth.jobs[job].update(compute_minutes_remaining=118)  # rounded: 179 of 180

    seen = await room.provider.status(job)

    assert room.server.asked[1].body == {"duration_hours": 2}
    assert seen.paid_until == START + timedelta(hours=3)
    assert (seen.usd_per_hour, seen.charged_usd) == (Decimal("0.3"), Decimal("0.9"))


async def test_unused_paid_time_is_said_by_the_rule_that_is_assumed(room):
    job = await room.made()
    room.booth.jobs[job].update(status="termination requested", compute_minutes_remaining=53)
    strict = ionet_at(room.server, clock=room.clock, refund=RefundRule.NOTHING_BACK)

    assert "53 paid minutes unused" in (await room.provider.status(job)).message
    assert "nothing comes back" in (await strict.status(job)).message
    assert (room.provider.billing.cost(Decimal(1), 60), strict.billing.cost(Decimal(1), 60)) == (1, 1)
    assert room.provider.billing.cost(Decimal(60), 3601) == 61
    assert strict.billing.cost(Decimal(60), 3601) == 120
    await strict.aclose()


def test_hours_are_whole():
    assert [hours_for(each) for each in (1, 3600, 3601, 7200.5)] == [1, 1, 2, 3]
    assert [paid_hours(each) for each in (1, 59, 60, 61, 119, 150)] == [1, 1, 1, 1, 2, 3]
    assert unused(0, RefundRule.NOTHING_BACK) is None


@pytest.mark.parametrize("first_page", [0, 1])
async def test_all_pages_are_listed_wherever_they_begin(room, first_page):
    room.booth.first_page = first_page
    room.booth.free[12, 3] = 1000
    for number in range(1, 231):
        await room.made(name=f"aurora-abc123-0123456789ab-{number}")

    assert len({each.name for each in await room.provider.list_own()}) == 230


async def test_a_list_that_holds_less_than_it_announces_or_odd_rows_is_an_error(room):
    row = {"id": "a", "status": "running", "name": NAME}
    for rows, total in [([row], 5), ([{"status": "running"}], 1), ([{"id": "a"}], 1), (["x"], 1)]:
        body = {"data": {"deployments": rows, "total": total}}
        room.answers("GET", "/deployments", Reply(body), Reply({"data": {"deployments": [], "total": total}}))
        with pytest.raises(MalformedAnswer):
            await room.provider.list_own()


async def test_a_404_before_anything_has_worked_is_a_wrong_address_not_an_absence(room):
    room.answers("GET", "/deployments", Reply("<html>", status=404))

    for ask in (room.provider.status, room.provider.terminate):
        room.answers("GET", "/deployments", Reply("<html>", status=404))
        with pytest.raises(Misconfigured):
            await ask("3c90c3cc")
    room.booth.override.clear()
    with pytest.raises(InstanceNotFound):
        await room.provider.status("3c90c3cc")


async def test_a_deployment_of_a_moment_ago_that_is_not_shown_yet_is_starting(room):
    job = await room.made()
    path = f"/deployment/{job}"
    room.answers("GET", path, *[refusal(404, "Not found")] * 2)

    assert (await room.provider.status(job)).state is S.STARTING
    room.clock.elapsed += 61
    with pytest.raises(InstanceNotFound):
        await room.provider.status(job)


async def test_a_terminate_that_is_refused_because_it_is_over_is_success(room):
    job = await room.made()
    path = f"/deployment/{job}"
    room.booth.jobs[job]["status"] = "completed"
    room.answers("DELETE", path, refusal(422, "deployment is not active"))
    await room.provider.terminate(job)

    room.booth.jobs[job]["status"] = "running"
    room.answers("DELETE", path, refusal(422, "try later"))
    with pytest.raises(InvalidProviderRequest):
        await room.provider.terminate(job)


async def test_containers_that_cannot_be_read_do_not_hide_what_runs(room):
    job = await room.made()
    room.answers("GET", f"/deployment/{job}/containers", Reply("", status=500))

    seen = await room.provider.status(job)

    assert (seen.state, seen.endpoints) == (S.RUNNING, ())
    assert (await room.provider.status(job)).endpoints[0].url == "https://0000.caas.example-io.net:443"


async def test_both_streams_are_read_and_a_silent_one_does_not_hang(room):
    job = await room.made()
    room.booth.log[job] = ["out 1", "out 2"]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    silent = Raw(head + b": hello\n\nevent: x\nid: 1\ndata: err 1\r\n\nbare line\n", then="hang")
    room.answers("GET", f"/deployment/{job}/log/c-0000", silent, silent)

    found = await lines(room.provider.logs(job))

    assert found == ["err 1", "bare line"] * 2


async def test_lines_that_may_be_missing_after_a_break_are_said(room):
    job = await room.made()
    room.booth.log[job] = ["one", "two"]
    found = []

    async for line in room.provider.logs(job, follow=True):
        found.append(line.text)
        if len(found) == 2:
            room.booth.log[job] = ["eight", "nine"]
        if len(found) == 5:
            room.booth.jobs[job]["status"] = "destroyed"

    assert found[:2] == ["one", "two"]
    assert found[2].startswith("[lines may be missing")
    assert found[3:] == ["eight", "nine"]


async def test_followers_bear_a_few_failures_and_no_more(room):
    job = await room.made()
    room.answers("GET", f"/deployment/{job}/containers", *[Reply("", status=500)] * 4)
    room.booth.log[job] = ["one"]
    found = []
    async for line in room.provider.logs(job, follow=True):
        found.append(line.text)
        room.booth.jobs[job]["status"] = "destroyed"
    assert found == ["one"]

    room.answers("GET", f"/deployment/{job}/containers", *[Reply("", status=500)] * 5)
    with pytest.raises(Unavailable):
        await lines(room.provider.logs(job, follow=True))


def test_what_of_an_event_stream_is_a_line():
    given = [
        "data: a",
        "data:b",
        "data:  c",
        "",
        ": ping",
        "event: x",
        "id: 1",
        "retry: 5",
        "plain",
        '{"a": 1}',
    ]

    assert [event_text(each) for each in given] == [
        "a",
        "b",
        " c",
        *[None] * 5,
        "plain",
        '{"a": 1}',
    ]
