import asyncio

import pytest

from aurora.api.log_stream import LogStream, bare
from aurora.domain.errors import Unavailable
from aurora.domain.instance import LogLine
from tests.fakes.clock import START
from tests.unit.api.fakes import KNOWN_ID, LOGS_UNSUPPORTED

LOGS = f"/deployments/{KNOWN_ID}/logs"


async def test_a_log_is_plain_text(client, aurora):
    aurora.deployments.lines = [LogLine("one"), LogLine("zwei \N{SNOWMAN}")]

    async with client.get(LOGS) as reply:
        text = await reply.text()

    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert text == "one\nzwei \N{SNOWMAN}\n"
    assert aurora.deployments.asked == [{"tail": 1000, "follow": False}]


async def test_an_empty_log_is_an_empty_text(client):
    async with client.get(f"{LOGS}?tail=5") as reply:
        assert (reply.status, await reply.text()) == (200, "")


async def test_times_are_shown_when_asked_for(client, aurora):
    aurora.deployments.lines = [LogLine("one", at=START), LogLine("two")]

    async with client.get(f"{LOGS}?timestamps=true") as reply:
        assert await reply.text() == "2026-01-15T12:00:00.000Z one\ntwo\n"


async def test_a_market_without_logs_is_a_409_problem(client, aurora):
    aurora.deployments.lines = [LOGS_UNSUPPORTED]

    async with client.get(f"{LOGS}?follow=true") as reply:
        problem = await reply.json(content_type="application/problem+json")

    assert (reply.status, problem["code"]) == (409, "logs_unsupported")


async def test_an_error_in_the_middle_ends_the_log_with_a_word(client, aurora):
    aurora.deployments.lines = [LogLine("one"), Unavailable("vastai", "connection reset")]

    async with client.get(LOGS) as reply:
        text = await reply.text()

    assert text == "one\n[aurora] the log ends here: vastai: connection reset\n"


@pytest.mark.parametrize("tail", ["0", "-5", "many", "99999"])
async def test_the_number_of_lines_is_checked(client, tail):
    async with client.get(f"{LOGS}?tail={tail}") as reply:
        problem = await reply.json()

    assert reply.status == 422
    assert problem["errors"][0]["field"] == "tail"


async def test_followed_lines_arrive_while_the_log_goes_on(client, aurora):
    aurora.deployments.lines = [LogLine("one")]

    async with client.get(f"{LOGS}?follow=true") as reply:
        assert await reply.content.readline() == b"one\n"
        assert not aurora.deployments.log_closed.is_set()


async def test_the_source_is_closed_when_the_reader_goes_away(client, aurora):
    aurora.deployments.lines = [LogLine("one")]
    async with client.get(f"{LOGS}?follow=true") as reply:
        await reply.content.readline()
        reply.close()

    async with asyncio.timeout(2):
        await aurora.deployments.log_closed.wait()


async def test_a_quiet_log_begins_before_its_first_line():
    sent: list[dict[str, object]] = []
    started = asyncio.Event()
    closed = asyncio.Event()

    async def quiet():
        try:
            await asyncio.Event().wait()
            yield LogLine("never")
        finally:
            closed.set()

    async def send(message):
        sent.append(message)
        started.set()

    async def receive():
        await started.wait()
        return {"type": "http.disconnect"}

    await LogStream(quiet(), written=bare, headers_after_s=0.001)({"type": "http"}, receive, send)

    assert [message["type"] for message in sent] == ["http.response.start"]
    assert closed.is_set()


async def test_a_followed_log_is_a_whole_answer_when_aurora_stops(client, aurora):
    aurora.deployments.lines = [LogLine("one")]

    async with client.get(f"{LOGS}?follow=true") as reply:
        await reply.content.readline()
        aurora.draining.set()
        async with asyncio.timeout(2):
            rest = await reply.content.read()

    assert rest == b"[aurora] the log ends here: Aurora is stopping\n"
    assert aurora.deployments.log_closed.is_set()


async def test_a_log_that_is_only_read_is_read_to_its_end_although_aurora_stops(client, aurora):
    aurora.deployments.lines = [LogLine("one")]
    aurora.draining.set()

    async with client.get(LOGS) as reply:
        assert await reply.text() == "one\n"
