"""`aurora status`, `terminate`, `extend` and `costs`."""

import json

import pytest

from aurora.cli.client import Client
from aurora.cli.deployment_pages import deployment_page
from aurora.cli.exits import CliError, Unreachable
from aurora.cli.session import Session
from aurora.cli.waiting import Pace, Waiter, is_ended, is_settled, progress_line
from aurora.cli.watching import Watched, watch
from tests.unit.cli.cli_answers import DEPLOYMENT, STATES, deployment, failed_over
from tests.unit.cli.cli_standin import problem, serving

ONE = f"/deployments/{DEPLOYMENT}"


def listed(*rows, cursor=None):
    return {"deployments": list(rows), "next_cursor": cursor, "providers": STATES, "emulated": True}


def test_a_deployment_is_shown_with_price_cost_time_and_what_to_do(aurora, standin):
    standin.on(f"GET {ONE}", deployment())

    done = aurora("status", DEPLOYMENT)

    assert done.code == 0
    for said in (
        "llm_inference on 2 x a100 in us-west",
        "http://203.0.113.9:41022 (port 8000)",
        "$1.2100/h, firm (charged, 5 min 12 s old)",
        "$0.1050 so far, at most $7.20",
        "ran 5 min 12 s of 2 h, 1 h 54 min left",
        f"aurora logs {DEPLOYMENT} --follow",
    ):
        assert said in done.out


def test_several_attempts_are_listed_each_with_its_cost(aurora, standin):
    standin.on(f"GET {ONE}", failed_over())

    done = aurora("status", DEPLOYMENT)

    assert "refused" in done.out
    assert "akash:akash1" in done.out


def test_without_an_id_all_deployments_are_listed(aurora, standin):
    standin.on(
        "GET /deployments", listed(deployment(), deployment(status="failed", prices=None), cursor="more")
    )

    done = aurora("status", "--status", "running", "--provider", "vastai", "--limit", "2")

    assert standin.asked[0].query == {"status": "running", "provider": "vastai", "limit": "2"}
    assert done.out.count(DEPLOYMENT) == 2
    assert "--limit shows more" in done.out


def test_an_empty_list_says_how_to_start(aurora, standin):
    standin.on("GET /deployments", listed())

    assert "aurora route" in aurora("status").out


def test_watching_ends_with_the_deployment_and_tells_a_pipe_each_change_once(aurora, standin):
    standin.on(f"GET {ONE}", deployment(status="failed", phase="failed"))

    done = aurora("status", DEPLOYMENT, "--watch")

    assert done.code == 7
    assert done.out == f"{DEPLOYMENT}: failed, attempt 1 on vastai\n"


def test_watching_with_json_gives_one_document_per_line(aurora, standin):
    standin.on(f"GET {ONE}", deployment(status="terminated"))

    done = aurora("status", DEPLOYMENT, "--watch", "--json")

    assert done.code == 0
    assert [json.loads(line)["status"] for line in done.out.splitlines()] == ["terminated"]


def test_terminating_answers_at_once_or_waits_for_the_confirmation(aurora, standin):
    standin.on(f"DELETE {ONE}", deployment(status="terminating"))
    standin.on(f"GET {ONE}", deployment(status="terminated", ended_at="2026-01-15T12:00:00.000Z"))

    assert aurora("terminate", DEPLOYMENT, "--json").json["status"] == "terminating"
    done = aurora("terminate", DEPLOYMENT, "--wait")

    assert done.code == 0
    assert "terminated" in done.out
    assert f"aurora why {DEPLOYMENT}" in done.out


def test_a_duration_is_added_on_every_gpu_of_the_deployment(aurora, standin):
    standin.on(f"GET {ONE}", deployment()).on(f"POST {ONE}/extend", deployment())

    assert aurora("extend", DEPLOYMENT, "90m").code == 0
    assert aurora("extend", DEPLOYMENT, "--gpu-hours", "0.5").code == 0

    assert [one.body for one in standin.calls("POST")] == [{"gpu_hours": 3}, {"gpu_hours": 0.5}]


@pytest.mark.parametrize("given", [[], ["2h", "--gpu-hours", "2"], ["2x"], ["--gpu-hours", "x"]])
def test_an_extension_needs_exactly_one_amount(aurora, standin, given):
    standin.on(f"GET {ONE}", deployment())

    assert aurora("extend", DEPLOYMENT, *given).code == 2
    assert standin.calls("POST") == []


def test_an_ended_deployment_cannot_be_extended(aurora, standin):
    standin.on(f"GET {ONE}", deployment())
    standin.on(f"POST {ONE}/extend", problem(409, "already_ending", "it has ended"))

    done = aurora("extend", DEPLOYMENT, "2h")

    assert done.code == 8
    assert "aurora route" in done.err


def test_costs_are_added_over_all_pages_and_split_by_market_where_an_attempt_failed_over(aurora, standin):
    first = deployment(cost_usd=0.1)
    second = failed_over(id="dep-2", status="terminated", cost_usd=0.3)
    standin.on("GET /deployments", listed(first, cursor="next"), listed(second))
    standin.on("GET /deployments/dep-2", second)

    found = aurora("costs", "--json").json

    assert found["total_usd"] == pytest.approx(0.4)
    assert found["by_provider"] == {"akash": 0.3, "vastai": 0.1}
    assert found["by_status"] == {"running": 0.1, "terminated": 0.3}
    assert "Not counted" in found["counted"]
    assert [one.query.get("cursor") for one in standin.asked if one.path == "/deployments"] == [None, "next"]


def test_costs_say_what_is_counted_and_when_older_ones_are_not(aurora, standin):
    standin.on("GET /deployments", listed(deployment(), cursor="next"))

    done = aurora("costs", "--limit", "1")

    assert "In all $0.1050 for 1 deployment (emulated: no real money)" in done.out
    assert "Older deployments are not counted" in done.out
    assert "Counted: for every attempt" in done.out
    standin.on("GET /deployments", listed())
    assert "No deployments, no costs" in aurora("costs").out


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_longer_than_the_screen(aurora, standin, width):
    standin.on(f"GET {ONE}", failed_over())
    standin.on("GET /deployments", listed(failed_over(), deployment(reason="a long reason " * 20)))

    for arguments in (["status", DEPLOYMENT], ["status"], ["costs"]):
        assert aurora(*arguments, width=width).longest() <= width


class Slow:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def pace(self) -> Pace:
        return Pace(sleep=self.sleep, monotonic=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_wait_looks_less_and_less_often_and_bears_an_aurora_that_restarts(standin):
    down = problem(503, "not_ready", "starting")
    provisioning = deployment(status="provisioning")
    standin.on(f"GET {ONE}", provisioning, down, down, *[provisioning] * 8, deployment())
    clock = Slow()

    with serving(standin) as url:
        found = Waiter(Client(url), pace=clock.pace()).until(DEPLOYMENT, is_settled, seconds=None)

    assert found.data["status"] == "running"
    assert clock.slept[:3] == [0.25, 0.0, 0.5]
    assert clock.slept[3:] == sorted(clock.slept[3:])
    assert max(clock.slept) == 2.0


def test_a_wait_for_what_is_not_there_ends_at_once(standin):
    with serving(standin) as url, pytest.raises(CliError, match="Not Found"):
        Waiter(Client(url), pace=Slow().pace()).until(DEPLOYMENT, is_settled, seconds=None)


def test_watching_tells_a_pipe_each_change_once_and_one_line_when_aurora_is_away(standin, capsys):
    starting, down = (
        deployment(status="provisioning", phase="starting"),
        problem(503, "not_ready", "starting up"),
    )
    standin.on(f"GET {ONE}", starting, starting, down, down, deployment(), deployment(status="terminated"))
    slept: list[float] = []

    with serving(standin) as url:
        client = Client(url)
        watched = Watched(lambda: client.get(ONE), deployment_page, progress_line, is_ended)
        watch(Session(as_json=False), watched, sleep=slept.append)

    told = capsys.readouterr()
    assert [line.partition(": ")[2] for line in told.out.splitlines()] == [
        "provisioning (starting), attempt 1 on vastai",
        "running, attempt 1 on vastai",
        "terminated (running), attempt 1 on vastai",
    ]
    assert told.err == "starting up; still trying\n"
    assert slept == [2.0, 2.0, 0.0, 0.5, 2.0]


def test_a_wait_gives_up_when_aurora_stays_away():
    clock = Slow()

    with pytest.raises(Unreachable):
        Waiter(Client("http://127.0.0.1:1"), pace=clock.pace()).until(DEPLOYMENT, is_settled, seconds=None)

    assert 60 <= clock.now < 90
    assert clock.slept[0] == 0
