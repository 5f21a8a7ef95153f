"""Logs: the query language, the window of time, pages (contract, section 8; point 7 of the checklist)."""

import pytest

from aurora.emulators.salad.logquery import BadQuery, parse
from tests.emulators.salad.conftest import sample

MINE = (
    'resource.type = "container" and resource.labels.project_name = "default" '
    'and resource.labels.container_group_name = "job-1"'
)
ENTRY = {
    "time": "2026-05-28T10:05:00.123Z",
    "severity": "default",
    "resource": {"type": "container", "labels": {"project_name": "default", "container_group_name": "job-1"}},
    "text_log": "Hello World 42",
}


def fits(query):
    return parse(query)(ENTRY)


@pytest.mark.parametrize(
    "query",
    [
        "",
        MINE,
        'resource.type="container"',
        "resource.type != 'other'",
        'text_log contains "World"',
        'text_log contains~ "WORLD"',
        'text_log !contains "Mars"',
        'text_log startswith "Hello" AND text_log endswith "42"',
        'text_log =~ "hello world 42"',
        'text_log !=~ "hello"',
        'log contains "World"',
        'severity = "error" or severity = "default"',
        'not severity = "error"',
        '(severity = "error" or text_log contains "42") and resource.labels.project_name = default',
        'time > "2026-05-28T10:00:00Z" and time <= 2026-05-28T10:05:00.123Z',
        'json_log.step != "1"',
    ],
)
def test_queries_that_fit(query):
    assert fits(query)


@pytest.mark.parametrize(
    "query",
    [
        'resource.type = "instance_controller"',
        'text_log contains "WORLD"',
        'text_log =~ "hello"',
        'not resource.type = "container"',
        'severity = "error" or severity = "info" and severity = "default"',
        'json_log.step = "1"',
        'resource.labels.instance_id = "x"',
        'time < "2026-05-28T10:00:00Z"',
    ],
)
def test_queries_that_do_not_fit(query):
    assert not fits(query)


@pytest.mark.parametrize(
    "query",
    [
        'nothing = "x"',
        "resource.type",
        'resource.type = "container',
        'resource.type like "x"',
        '(severity = "error"',
        'severity = "error" severity = "x"',
        'log = "x"',
        "and",
        "severity = and = x",
        "severity = )",
        "?",
    ],
)
def test_queries_that_cannot_be_read(query):
    with pytest.raises(BadQuery):
        parse(query)


async def test_an_entry_has_the_documented_shape(salad):
    await salad.run()
    salad.clock.step(60)
    body = (await salad.logs(MINE, sort_order="asc")).ok
    documented = sample("docs_log_entries")

    entry = body["items"][0]
    assert body.keys() - {"emulated"} == documented.keys()
    assert entry.keys() == {"time", "receive_time", "severity", "resource", "text_log"}
    assert entry["resource"]["labels"].keys() == {
        "project_name", "container_group_name", "container_group_version", "instance_id", "machine_id",
    }  # fmt: skip
    assert body["organization_name"] == "acme"
    assert body["page_min_time"] == entry["time"]
    assert body["page_max_time"] == body["items"][-1]["time"]


async def test_json_lines_become_objects_and_lose_their_severity(salad):
    await salad.run()
    salad.clock.step(120)
    items = (await salad.logs('severity = "warning"')).ok["items"]

    assert items
    assert all(item["json_log"].keys() == {"message", "step"} and "text_log" not in item for item in items)


async def test_pages_are_walked_by_time_and_lines_share_a_millisecond(salad):
    await salad.run()
    salad.clock.step(600)
    query = {"sort_order": "asc", "page_size": 7}
    start, lines, seen = salad.instant(1200), [], set()
    while True:
        body = (await salad.logs(MINE, start_time=start, **query)).ok
        fresh = [item for item in body["items"] if (item["time"], str(item)) not in seen]
        seen |= {(item["time"], str(item)) for item in fresh}
        lines += fresh
        if not fresh:
            break
        start = body["page_max_time"]

    everything = [text for page in await whole(salad) for text in page]
    assert [line.get("text_log") or line["json_log"] for line in lines] == everything
    assert len({line["time"] for line in lines}) < len(lines)
    assert len(lines) > 280


async def whole(salad):
    """All lines of the last twenty minutes, minute by minute."""
    pages = []
    for minute in range(20, 0, -1):
        window = {"start_time": salad.instant(minute * 60), "end_time": salad.instant((minute - 1) * 60 + 1)}
        last = {"end_time": salad.instant()} if minute == 1 else {}
        pages.append(await salad.texts(MINE, **{**window, **last}))
    return pages


async def test_the_newest_come_first_unless_told(salad):
    await salad.run()
    salad.clock.step(300)
    newest = (await salad.logs(MINE, page_size=3)).ok["items"]
    oldest = (await salad.logs(MINE, page_size=3, sort_order="asc")).ok["items"]

    assert [item["time"] for item in newest] == sorted((item["time"] for item in newest), reverse=True)
    assert newest[0]["time"] > oldest[-1]["time"]
    assert oldest[0]["text_log"] == "[emulated] starting job-1 image=nginx:latest run=1"


async def test_lines_arrive_late_and_clocks_are_off(salad):
    await salad.run()
    await salad.adjust(log_lag_s=30, clock_skew_s=73)
    salad.clock.step(29)
    items = (await salad.logs(MINE, sort_order="asc")).ok["items"]
    salad.clock.step(200)
    later = (await salad.logs(MINE, sort_order="asc")).ok["items"]

    assert len(items) < len(later)
    assert later[0]["time"] != later[0]["receive_time"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"page_size": 0}, "page_size"),
        ({"page_size": 101}, "page_size"),
        ({"sort_order": "up"}, "sort_order"),
        ({"query": "x" * 20_001}, "query"),
        ({"query": "resource.type"}, "query"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": "2026-11-02T11:00:00.1234Z"}, "start_time"),
        ({"end_time": "2026-11-02T13:00:00Z"}, "end_time"),
        ({"end_time": "2026-13-02T13:00:00Z"}, "end_time"),
        ({"end_time": "2026-10-02T13:00:00Z"}, "start_time"),
        ({"end_time": None}, "end_time"),
    ],
)
async def test_wrong_questions_are_refused_and_name_the_field(salad, change, word):
    answer = await salad.logs(**{"query": MINE, **change})

    assert answer.status == 400
    assert answer.body["detail"].startswith(word)


async def test_finer_times_are_a_setting(salad):
    await salad.adjust(fine_times=True)

    assert (await salad.logs(start_time="2026-11-02T11:00:00.1234567Z")).status == 200
    assert (await salad.logs(start_time="2026-11-02T11:00:00.123+00:00")).status == 200


async def test_logs_outlive_their_group_and_events_are_logs_too(salad):
    await salad.run()
    salad.clock.step(60)
    await salad.delete()
    salad.clock.step(60)

    assert await salad.texts(MINE)
    assert "Container Group Started" in await salad.texts('resource.type = "deployment_controller"')
    assert "Instance Running" in await salad.texts('resource.type = "instance_controller"')
    salad.clock.step(91 * 86_400)
    assert await salad.texts(MINE, start_time=salad.instant(92 * 86_400)) == []


async def test_every_run_begins_anew(salad):
    await salad.create(command=["sh", "-c", "sleep 10"])
    salad.clock.step(300)

    starts = await salad.texts('text_log startswith "[emulated] starting"')
    assert starts[:2] == [f"[emulated] starting job-1 image=nginx:latest run={run}" for run in (1, 2)]


async def test_another_organization_sees_nothing(salad):
    await salad.run()
    salad.clock.step(60)
    body = {"start_time": salad.instant(60), "end_time": salad.instant(), "query": ""}
    other = await salad.ask("POST", "/salad/api/public/organizations/other/log-entries", json=body)

    assert other.ok["items"] == []
