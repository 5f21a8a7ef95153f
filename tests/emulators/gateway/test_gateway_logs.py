import asyncio
import json

import aiohttp
import pytest

from aurora.emulators.server import EmulatorOptions, running
from tests.emulators.gateway import contract
from tests.emulators.gateway.conftest import Gateway


async def logs(gateway, job_id, **query):
    return await gateway.get(f"/jobs/{job_id}/logs", **query)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def followed(gateway, job_id, *, events=10_000, headers=None, seen=None, opened=None, **query):
    """Events of a stream until its end or the number wanted: (id, event, data), pings as strings.

    `seen` has them as they come, `opened` is set once the stream is there.
    """
    found = [] if seen is None else seen
    url = f"{gateway.url}/{gateway.brand}/v1/jobs/{job_id}/logs"
    headers = {"Authorization": "Bearer k", **(headers or {})}
    async with gateway.session.get(url, params={"follow": "true", **query}, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert response.headers["X-Request-Id"]
        if opened is not None:
            opened.set()
        block = {}
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            if line.startswith(":"):
                found.append("ping")
            elif line:
                name, _, value = line.partition(": ")
                block[name] = value
            elif block:
                found.append((block.get("id"), block["event"], json.loads(block["data"])))
                block = {}
            if len(found) >= events:
                break
    return found


async def test_before_there_is_a_container_there_are_no_lines(each):
    job_id = await each.rent()

    body = await logs(each, job_id)

    assert (body["data"], body["next_cursor"], body["complete"]) == ([], "0", False)


async def test_pages_follow_each_other_without_a_gap(gateway):
    job_id = await gateway.running()
    gateway.clock.step(1000)
    whole = (await logs(gateway, job_id, tail=5000))["data"]
    seen, cursor = [], "0"
    for _ in range(100):
        page = await logs(gateway, job_id, cursor=cursor, tail=37)
        cursor = page["next_cursor"]
        seen += page["data"]
        if not page["data"]:
            break

    assert seen == whole
    assert [line["seq"] for line in whole] == list(range(1, len(whole) + 1))
    assert len(whole) > 400


async def test_tail_since_and_stream_choose_lines(gateway):
    job_id = await gateway.running()
    gateway.clock.step(1000)
    whole = (await logs(gateway, job_id, tail=5000))["data"]
    middle = whole[200]["ts"]

    assert (await logs(gateway, job_id))["data"] == whole[-200:]
    assert (await logs(gateway, job_id, tail=3))["data"] == whole[-3:]
    assert (await logs(gateway, job_id, since=middle, tail=5000))["data"] == [
        line for line in whole if line["ts"] >= middle
    ]
    errors = (await logs(gateway, job_id, stream="stderr"))["data"]
    assert errors == [line for line in whole if line["stream"] == "stderr"]
    assert errors


async def test_complete_when_it_has_ended_and_nothing_is_left(gateway):
    job_id = await gateway.rent(command=["sleep", "60"])
    gateway.clock.step(900)

    part = await logs(gateway, job_id, cursor="0", tail=5)
    rest = await logs(gateway, job_id, cursor=part["next_cursor"], tail=5000)

    assert (part["complete"], rest["complete"]) == (False, True)
    assert rest["data"][-1]["line"].endswith("exited with code 0")


@pytest.mark.parametrize(("brand", "days"), [("render", 1), ("aethir", 1), ("flux", 10)])
async def test_logs_are_kept_as_long_as_the_brand_does(start, brand, days):
    market = await start(brand)
    job_id = await market.rent(command=["true"])
    market.clock.step(3600)
    market.clock.step(days * 86_400 - 3600)
    kept = await market.ask("GET", f"/jobs/{job_id}/logs")
    market.clock.step(3600)
    late = await market.ask("GET", f"/jobs/{job_id}/logs")

    assert kept.status == 200
    assert (late.status, late.code) == (410, "logs_expired")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"tail": 0}, 422),
        ({"tail": 5001}, 422),
        ({"stream": "both"}, 422),
        ({"since": "x"}, 422),
        ({"cursor": "x"}, 400),
    ],
)
async def test_what_cannot_be_read_is_refused(gateway, query, status):
    job_id = await gateway.rent()

    assert (await gateway.ask("GET", f"/jobs/{job_id}/logs", params=query)).status == status


async def test_following_tells_the_tail_and_then_what_comes_until_the_end(gateway):
    job_id = await gateway.running()
    gateway.clock.step(100)
    seen = []
    told = asyncio.create_task(followed(gateway, job_id, tail=2, seen=seen))
    await until(lambda: len(seen) == 2)
    gateway.clock.step(4)
    await until(lambda: len(seen) == 4)
    await gateway.event("exited", job_id)

    events = await told

    assert [name for _, name, _ in events] == ["log"] * 5 + ["end"]
    ids = [int(seq) for seq, name, _ in events if name == "log"]
    assert ids == list(range(ids[0], ids[0] + 5))
    assert events[-1] == (None, "end", {"status": "succeeded"})
    assert [fault for _, name, data in events[:-1] for fault in contract.named("LogEvent", data)] == []
    assert contract.named("EndEvent", events[-1][2]) == []


async def test_following_goes_on_after_the_last_event_met(gateway):
    job_id = await gateway.rent(command=["sleep", "20"])
    gateway.clock.step(900)
    whole = await followed(gateway, job_id, tail=5000)

    rest = await followed(gateway, job_id, headers={"Last-Event-ID": whole[3][0]})

    assert rest == whole[4:]


async def test_a_silent_stream_is_kept_open_with_pings(gateway):
    job_id = await gateway.rent()
    await gateway.fault("never_starts", count=1)
    opened = asyncio.Event()
    told = asyncio.create_task(followed(gateway, job_id, events=1, stream="stderr", opened=opened))
    await opened.wait()
    gateway.clock.step(15)

    assert await told == ["ping"]


async def test_a_stream_that_is_cut_breaks_off(gateway):
    job_id = await gateway.running()
    gateway.clock.step(100)
    await gateway.fault("truncate", "logs", count=1)

    with pytest.raises(aiohttp.ClientPayloadError):
        await followed(gateway, job_id)


async def test_a_stream_can_drip(gateway):
    job_id = await gateway.rent(command=["true"])
    gateway.clock.step(900)
    await gateway.fault("slow_drip", "logs", ms=0.01, count=1)

    assert (await followed(gateway, job_id))[-1][1] == "end"


async def test_a_stream_ends_with_the_server(clock):
    async with aiohttp.ClientSession() as session:
        async with running(EmulatorOptions(providers=("render",), offers=80), clock) as url:
            gateway = Gateway(url, "render", session, clock)
            job_id = await gateway.running()
            opened = asyncio.Event()
            told = asyncio.create_task(followed(gateway, job_id, opened=opened))
            await opened.wait()

        assert all(name == "log" for _, name, _ in await told)
