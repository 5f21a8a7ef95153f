"""Every way to fail has an exit code, a line that says what, and a line that says what to do next."""

import socket

import pytest

from aurora.cli.exits import MEANINGS
from tests.unit.cli.cli_answers import offers
from tests.unit.cli.cli_standin import Reply, commands, problem, run


@pytest.mark.parametrize(
    ("reply", "code", "said", "then"),
    [
        (
            problem(401, "unauthenticated", "the presented key is not valid"),
            4,
            "key is not valid",
            "AURORA_API_KEY",
        ),
        (problem(403, "forbidden", "needs the scope admin"), 4, "scope admin", "has the scope"),
        (problem(403, "foreign_host", "called under a foreign Host"), 4, "foreign Host", "AURORA_URL"),
        (problem(404, "not_found", "no deployment dep-1"), 5, "no deployment dep-1", "aurora status"),
        (problem(404, "not_found", "Not Found"), 5, "Not Found", "this Aurora has no /offers"),
        (problem(402, "budget_exceeded", "the budget is used up"), 8, "budget", "--max-total-cost"),
        (problem(409, "idempotency", "another body"), 8, "another body", "--idempotency-key"),
        (problem(409, "in_flight", "is being answered", **{"Retry-After": "1"}), 8, "answered", "wait 1 s"),
        (problem(429, "rate_limited", "too many", **{"Retry-After": "7"}), 8, "too many", "wait 7 s"),
        (
            problem(422, "invalid_request", "x", ("gpu_type", "unknown GPU 'zzz'")),
            2,
            "gpu_type: unknown",
            "--gpu",
        ),
        (problem(422, "invalid_request", "x", ("body", "is not JSON")), 2, "body: is not JSON", "--help"),
        (problem(413, "body_too_large", "over 256 KiB"), 2, "256 KiB", "--help"),
        (problem(500, "internal", "a fault"), 1, "a fault (req-1)", "Aurora's log"),
        (problem(502, "provider_error", "it answered rubbish"), 9, "rubbish", "aurora doctor"),
        (problem(503, "circuit_open", "circuit open"), 9, "circuit open", "breakers reset"),
        (problem(503, "database_unavailable", "no answer"), 3, "no answer", "aurora doctor"),
        (problem(503, "spending_stopped", "stopped"), 8, "stopped", "operator"),
        (problem(504, "provider_timeout", "too slow"), 9, "too slow", "aurora doctor"),
        (Reply("<html>", 502), 3, "not as Aurora (502)", "AURORA_URL"),
        (Reply("hello"), 3, "not as Aurora", "AURORA_URL"),
        (Reply("", 302, {"Location": "http://elsewhere/"}), 3, "sends us to http://elsewhere/", "AURORA_URL"),
        (Reply("{}", cut=True), 3, "broke off", "aurora health"),
    ],
)
def test_each_refusal_has_its_code_and_says_what_to_do(aurora, standin, reply, code, said, then):
    standin.on("GET /offers", reply)

    done = aurora("offers")

    assert done.code == code
    what, next_line = done.err.splitlines()
    assert what.startswith("Error: ")
    assert said in what
    assert next_line.startswith("Next:  ")
    assert then in next_line
    assert done.out == ""


def test_with_json_the_servers_problem_is_all_that_is_on_stdout(aurora, standin):
    standin.on("GET /offers", problem(401, "unauthenticated", "the presented key is not valid"))

    done = aurora("offers", "--json")

    assert done.json["code"] == "unauthenticated"
    assert "Next:" in done.err


def test_an_aurora_that_is_not_there_is_named_with_the_way_to_start_it():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    done = run(url, "offers", "--json")

    assert done.code == 3
    assert done.json["code"] == "unreachable"
    assert f"{url} cannot be reached: Connection refused" in done.err
    assert "aurora run" in done.err


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://host", "http://", "http://u:p@host", "http://host?x=1"]
)
def test_an_address_that_cannot_be_one_is_wrong_usage(url):
    done = run(url, "offers")

    assert done.code == 2
    assert "AURORA_URL" in done.err


def test_a_key_with_a_line_end_in_it_is_refused_here_and_not_printed(aurora):
    done = aurora("offers", key="secret\nvalue")

    assert done.code == 2
    assert "AURORA_API_KEY" in done.err
    assert "secret" not in done.err


def test_the_key_is_sent_as_bearer_and_a_redirect_does_not_carry_it_away(aurora, standin):
    standin.on("GET /offers", Reply("", 307, {"Location": "/providers"}))

    aurora("offers", key="k3y")

    assert [one.path for one in standin.asked] == ["/offers"]
    assert standin.asked[0].headers["authorization"] == "Bearer k3y"


def test_no_proxy_of_the_environment_is_asked_for_this_machine(aurora, standin):
    standin.on("GET /offers", offers())

    assert aurora("offers", http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9").code == 0


def test_a_wrong_option_is_wrong_usage_without_asking_anybody(aurora, standin):
    for arguments in (
        ["route"],
        ["route", "--gpu", "a100", "--max-price", "cheap"],
        ["offers", "--limit", "0"],
    ):
        assert aurora(*arguments).code == 2
    assert standin.asked == []


def test_help_lists_the_exit_codes(aurora):
    said = " ".join(aurora("--help").out.split())

    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning}" in said


@pytest.mark.parametrize("command", [*commands(), "breakers"])
def test_every_command_explains_itself(aurora, command):
    done = aurora(*command.split(), "--help", width=80)

    assert done.code == 0
    assert f"Usage: aurora {command}" in done.out
    assert "--help" in done.out
