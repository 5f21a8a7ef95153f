"""Logs as server-sent events (contract, section 3.9, and point 5 of the checklist)."""

import asyncio

import pytest

from tests.emulators.ionet.conftest import CAAS


async def container(ionet, one):
    return (await ionet.workers(one))[0]["container_id"]


async def address(ionet, one, **query):
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{CAAS}/deployment/{one}/log/{await container(ionet, one)}?{asked}"


async def lines(ionet, one, **query):
    """All lines of a deployment that has ended: the stream is over."""
    answer = await ionet.ask("GET", await address(ionet, one, **query))
    assert answer.status == 200, answer
    return [line.removeprefix("data: ") for line in answer.body.splitlines() if line.startswith("data: ")]


async def test_the_stream_stays_open_while_the_container_runs_and_ends_with_it(ionet):
    one = await ionet.run(args=["serve"])
    url = ionet.url + await address(ionet, one)
    async with ionet.session.get(url, headers={"x-api-key": "test-key"}) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Transfer-Encoding"] == "chunked"
        first = await response.content.readline()
        ionet.clock.step(20)
        async with asyncio.timeout(5):
            await response.content.readuntil(b"step=25")
        ionet.clock.step(20)  # nothing but a comment is due to a line that heard nothing
        await ionet.destroy(one)
        ionet.clock.step(15)
        async with asyncio.timeout(5):
            rest = await response.content.read()

    assert first == b"data: [emulated] starting aurora-1 image=nginx:latest\n"
    assert rest.rstrip().splitlines()[-1].startswith(b"data: [")


async def test_both_streams_have_their_own_lines(ionet):
    one = await ionet.run(env_variables={"A": "secret-value"}, secret_env_variables={"S": "secret-value"})
    ionet.clock.step(3600)

    out, err = await lines(ionet, one, stream="stdout"), await lines(ionet, one, stream="stderr")

    assert out[:3] == [
        "[emulated] starting aurora-1 image=nginx:latest",
        "[emulated] args=",
        "[emulated] env=A,S",
    ]
    assert len(out) == 3 + 1800
    assert len(err) == 36
    assert all("ERROR" in line for line in err)
    assert not any("secret-value" in line for line in out)
    assert await lines(ionet, one, offset=5) == out


async def test_lines_can_come_bare(ionet):
    await ionet.adjust(log_framing="raw")
    one = await ionet.run()
    ionet.clock.step(3600)

    answer = await ionet.ask("GET", await address(ionet, one))

    assert answer.body.startswith("[emulated] starting aurora-1 image=nginx:latest\n[emulated] args=\n")


async def test_a_silent_stream_is_kept_alive_with_comments(start):
    slow = await start(state_speed=0.05)
    one = await slow.deploy()
    slow.clock.step(1200)
    url = slow.url + await address(slow, one, stream="stderr")
    async with slow.session.get(url, headers={"x-api-key": "test-key"}) as response:
        slow.clock.step(16)
        async with asyncio.timeout(5):
            assert await response.content.readline() == b": ping\n"


@pytest.mark.parametrize("path", ["/deployment/{one}/log/c-0", "/deployment/nothing/log/{container}"])
async def test_there_are_no_logs_of_what_is_not_there(ionet, path):
    one = await ionet.run()
    path = path.format(one=one, container=await container(ionet, one))

    assert (await ionet.api("GET", path)).error == (404, "Not found")


async def test_there_are_no_logs_before_there_is_a_container(ionet):
    one = await ionet.deploy()

    assert (await ionet.api("GET", f"/deployment/{one}/log/c-0")).status == 404
    assert (await ionet.api("GET", f"/deployment/{one}/log/c-0?stream=both")).error == (422, "enum")


async def test_a_stream_can_be_cut(ionet):
    one = await ionet.run()
    await ionet.fault("truncate", "logs", count=1)

    with pytest.raises(Exception, match=r"(?i)connection|payload|disconnected"):
        await ionet.ask("GET", await address(ionet, one))
