"""`aurora logs`: once, and followed over lost connections, fail-overs and the end."""

import json

import pytest

from aurora.cli.client import Client
from aurora.cli.exits import CliError, complain
from aurora.cli.follow import Follower, FollowPace, LineOut
from aurora.cli.line_stream import BREAKS_OFF
from tests.unit.cli.cli_answers import DEPLOYMENT, deployment
from tests.unit.cli.cli_standin import Reply, StandIn, problem, serving

ONE = f"/deployments/{DEPLOYMENT}"
LOGS = f"{ONE}/logs"


def lines(*texts: str, cut: bool = False) -> Reply:
    return Reply(lines=list(texts), cut=cut)


class Followed:
    """A log followed against a stand-in, on a clock that only moves when somebody sleeps."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.shown: list[str] = []
        self.slept: list[float] = []

    def run(self, *, tail: int = 100) -> list[str]:
        pace = FollowPace(
            quiet_s=0.02, doubt_s=0.0, sleep=self.slept.append, monotonic=lambda: sum(self.slept)
        )
        with serving(self.standin) as url:
            Follower(Client(url), DEPLOYMENT, out=self.shown.append, pace=pace).run(tail=tail)
        return self.shown


@pytest.fixture
def followed(standin: StandIn) -> Followed:
    return Followed(standin)


def ended(**changes):
    return deployment(status="terminated", reason="user", **changes)


def test_the_last_lines_are_printed_as_the_container_wrote_them(aurora, standin):
    standin.on(f"GET {LOGS}", lines("[1] \x1b[31mred\x1b[0m", "", "  indented"))

    done = aurora("logs", DEPLOYMENT, "--tail", "3", "--timestamps")

    assert done.out == "[1] \x1b[31mred\x1b[0m\n\n  indented\n"
    assert standin.asked[0].query == {"tail": "3", "timestamps": "true"}


def test_json_is_one_object_per_line(aurora, standin):
    standin.on(f"GET {LOGS}", lines('say "hi"', "ü"))

    done = aurora("logs", DEPLOYMENT, "--json")

    assert [json.loads(line) for line in done.out.splitlines()] == [{"line": 'say "hi"'}, {"line": "ü"}]


def test_an_empty_log_says_so_where_it_does_not_get_into_a_pipe(aurora, standin):
    standin.on(f"GET {LOGS}", lines())

    done = aurora("logs", DEPLOYMENT)

    assert (done.code, done.out) == (0, "")
    assert "No lines" in done.err


@pytest.mark.parametrize(
    ("reply", "code", "then"),
    [
        (problem(409, "logs_unsupported", "salad has no logs"), 8, "endpoints"),
        (problem(409, "no_instance", "nothing has been started yet"), 8, "--follow"),
        (problem(404, "not_found", "no deployment"), 5, "aurora status"),
        (problem(502, "provider_error", "rubbish"), 9, "aurora doctor"),
        (lines("one", f"{BREAKS_OFF}vastai did not answer"), 9, "aurora providers"),
        (lines("one", cut=True), 3, None),
        (Reply("one\n", cut=True), 3, None),
    ],
)
def test_a_log_that_cannot_be_read_says_why(aurora, standin, reply, code, then):
    standin.on(f"GET {LOGS}", reply)

    done = aurora("logs", DEPLOYMENT)

    assert done.code == code
    assert then is None or then in done.err


def test_following_an_ended_deployment_prints_its_archive(aurora, standin):
    standin.on(f"GET {ONE}", ended()).on(f"GET {LOGS}", lines("last words"))

    done = aurora("logs", DEPLOYMENT, "--follow", "--tail", "5")

    assert done.out == "last words\n"
    assert f"{DEPLOYMENT}: terminated (user)" in done.err
    assert standin.asked[-1].query == {"tail": "5"}


def test_a_lost_connection_is_made_again_without_gap_or_double(followed, standin):
    standin.on(f"GET {ONE}", deployment(), deployment(), deployment(), ended())
    standin.on(
        f"GET {LOGS}",
        lines("a", "b", cut=True),
        lines("a", "b", "c", cut=True),
        lines("b", "c", "d"),
        lines("a", "b", "c", "d", "e"),
    )

    assert followed.run() == ["a", "b", "c", "d", "e"]
    assert followed.slept[0] == 0  # the first repetition comes at once


def test_a_new_connection_asks_for_what_was_shown_and_more_and_a_short_tail_is_not_lengthened(
    followed, standin
):
    standin.on(f"GET {ONE}", deployment(), deployment(), ended())
    standin.on(f"GET {LOGS}", lines("y", "z"), lines("w", "x", "y", "z", "new"), lines("z", "new"))

    assert followed.run(tail=2) == ["y", "z", "new"]
    asked = [one.query for one in standin.asked if one.path == LOGS]
    assert [one["tail"] for one in asked] == ["2", "2002", "1000"]


def test_lines_that_were_lost_are_admitted(followed, standin, capsys):
    standin.on(f"GET {ONE}", deployment(), deployment(), ended())
    standin.on(f"GET {LOGS}", lines("a", "b", cut=True), lines("x", "y"), lines("x", "y"))

    assert followed.run() == ["a", "b", "x", "y"]
    assert "[aurora] lines may be missing here" in capsys.readouterr().err


def test_auroras_own_notice_inside_a_log_does_not_disturb_the_recognition(followed, standin, capsys):
    notice = "[lines may be missing here: the log moved on faster than it could be read]"
    standin.on(f"GET {ONE}", deployment(), ended())
    standin.on(f"GET {LOGS}", lines("a", notice, "m", "n"), lines("l", "m", "n", "o"))

    assert followed.run() == ["a", notice, "m", "n", "o"]
    assert "[aurora] lines" not in capsys.readouterr().err


def test_another_attempt_has_another_log(followed, standin, capsys):
    standin.on(f"GET {ONE}", deployment(), deployment(attempt=2, provider="akash"), ended(attempt=2))
    standin.on(f"GET {LOGS}", lines("one", cut=True), lines("two"), lines("two", "three"))

    assert followed.run() == ["one", "two", "three"]
    assert "attempt 2 on akash: its log follows" in capsys.readouterr().err


def test_a_log_is_waited_for_until_there_is_an_instance(followed, standin, capsys):
    standin.on(f"GET {ONE}", *[deployment(status="provisioning")] * 4, ended())
    nothing = problem(409, "no_instance", "nothing has been started yet")
    standin.on(f"GET {LOGS}", nothing, nothing, lines("first"), lines("first"))

    assert followed.run() == ["first"]
    assert followed.slept.count(2.0) == 2
    assert capsys.readouterr().err.count("nothing runs yet") == 1


def test_a_market_that_fails_for_a_while_is_borne_with_growing_pauses(followed, standin):
    standin.on(f"GET {ONE}", *[deployment()] * 5, ended())
    down = problem(503, "provider_unavailable", "vastai is away")
    standin.on(
        f"GET {LOGS}",
        lines("a", f"{BREAKS_OFF}vastai is away"),
        down,
        down,
        down,
        lines("a", "b"),
        lines("a", "b"),
    )

    assert followed.run() == ["a", "b"]
    assert followed.slept[:4] == [0.0, 0.5, 1.0, 2.0]


def test_a_failure_that_lasts_ends_the_command(followed, standin):
    standin.on(f"GET {ONE}", deployment())
    standin.on(f"GET {LOGS}", problem(503, "provider_unavailable", "vastai is away"))

    with pytest.raises(CliError, match="vastai is away"):
        followed.run()

    assert sum(followed.slept) >= 300


def test_a_market_without_logs_is_not_asked_again(followed, standin):
    standin.on(f"GET {ONE}", deployment())
    standin.on(f"GET {LOGS}", problem(409, "logs_unsupported", "salad has no logs"))

    with pytest.raises(CliError, match="salad has no logs"):
        followed.run()

    assert len(standin.asked) == 2


def test_an_archive_that_cannot_be_read_is_said_and_no_failure(followed, standin, capsys):
    standin.on(f"GET {ONE}", deployment(), ended())
    standin.on(f"GET {LOGS}", lines("a"), problem(503, "database_unavailable", "no answer"))

    assert followed.run() == ["a"]
    assert "the last lines could not be read: no answer" in capsys.readouterr().err


def test_a_terminal_is_given_the_colours_of_a_log_and_no_other_command(capsys):
    LineOut(as_json=False, terminal=True)("\x1b[32mloss\x1b[0m 2.1\x1b[2J\x1b]0;owned\x07\r\x9b5A")

    assert capsys.readouterr().out == "\x1b[32mloss\x1b[0m 2.1 [2J ]0;owned   5A\x1b[0m\n"


def test_a_file_is_given_the_log_as_it_is(capsys):
    LineOut(as_json=False, terminal=False)("\x1b[2J")

    assert capsys.readouterr().out == "\x1b[2J\n"


def test_an_error_commands_no_terminal(capsys):
    complain("vastai says \x1b[2Jhello\x9b", "look\x07")

    assert capsys.readouterr().err == "Error: vastai says  [2Jhello \nNext:  look \n"
