"""No secret is ever written, whatever way it takes to the log."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.domain import request_id
from aurora.telemetry.logging import LogPolicy, configure
from aurora.telemetry.redaction import REDACTED, Redactor

SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["C", "Z"]),
    min_size=12,
    max_size=40,
)
THEIRS = (
    "",
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "aiohttp",
    "aiohttp.client",
    "asyncio",
    "sqlalchemy",
)


@contextmanager
def logging_to(redactor: Redactor, *, console: bool = False, level: str = "DEBUG") -> Iterator[io.StringIO]:
    """The process's logging, put back afterwards."""
    loggers = [logging.getLogger(name) for name in (*THEIRS, "sqlalchemy.engine", "aiosqlite", "alembic")]
    kept = [(each, list(each.handlers), each.level, each.propagate) for each in loggers]
    hook, shown = sys.excepthook, warnings.showwarning
    out = io.StringIO()
    configure(redactor, LogPolicy(level, console), stream=out)
    try:
        yield out
    finally:
        logging.captureWarnings(capture=False)
        warnings.showwarning, sys.excepthook = shown, hook
        structlog.reset_defaults()
        for each, handlers, was, propagate in kept:
            each.handlers[:] = handlers
            each.setLevel(was)
            each.propagate = propagate


@dataclass
class Box:
    """An object whose repr shows what it holds."""

    content: str


def raise_with(secret: str) -> None:
    try:
        {}[f"could not parse {secret}"]
    except KeyError as exc:
        raise RuntimeError(Box(secret)) from exc


def log_everywhere(secret: str) -> None:
    """Every way we know into a log line."""
    ours, theirs = structlog.get_logger("aurora.test"), logging.getLogger("uvicorn.error")
    ours.info(f"text {secret} text", harmless=secret, nested={"list": [secret, (secret,)], secret: 1})
    ours.bind(bound=secret).warning("bound %s", secret)
    ours.info("objects", box=Box(secret), data=secret.encode(), error=KeyError(secret), words={secret})
    ours.info("coded", body=json.dumps({"deep": secret}), shown=repr(secret))
    theirs.info("access %s %r", secret, {"a": secret})
    logging.getLogger("sqlalchemy.pool").error("params %s", [secret])
    try:
        raise_with(secret)
    except RuntimeError:
        ours.exception("failed", exc_info=True)
        theirs.exception("failed too")
        sys.excepthook(*sys.exc_info())
    theirs.info("bad format %d", secret)


@settings(max_examples=60, deadline=None)
@given(SECRETS, st.booleans())
def test_a_registered_secret_appears_in_no_line_and_no_traceback(secret, console):
    redactor = Redactor([secret])

    with logging_to(redactor, console=console) as out:
        log_everywhere(secret)

    written = out.getvalue()
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written
    assert "failed too" in written


@settings(max_examples=40, deadline=None)
@given(SECRETS, st.sampled_from(["api_key", "Authorization", "X-Api-Token", "db_password", "clientSecret"]))
def test_a_value_under_a_secret_name_is_never_written_even_when_unregistered(secret, name):
    with logging_to(Redactor()) as out:
        structlog.get_logger("a").info("sent", **{name: secret}, headers={name: [secret]})

    assert secret not in out.getvalue()
    assert json.loads(out.getvalue())[name] == REDACTED


def test_lines_are_json_with_time_level_logger_and_event():
    with logging_to(Redactor()) as out:
        structlog.get_logger("aurora.x").warning("something", count=3)

    line = json.loads(out.getvalue())
    assert (line["event"], line["level"], line["logger"], line["count"]) == (
        "something",
        "warning",
        "aurora.x",
        3,
    )
    assert line["timestamp"].endswith("Z")


def test_the_request_id_is_on_every_line_of_its_request_and_on_no_other():
    with logging_to(Redactor()) as out:
        token = request_id.set_request_id("req-1")
        structlog.get_logger("a").info("ours")
        logging.getLogger("b").info("theirs")
        request_id.reset_request_id(token)
        structlog.get_logger("a").info("after")

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line.get("request_id") for line in lines] == ["req-1", "req-1", None]


def test_the_libraries_lines_are_json_too():
    with logging_to(Redactor(), level="INFO") as out:
        logging.getLogger("uvicorn.access").info('%s - "%s" %d', "127.0.0.1", "GET /health", 200)

    assert json.loads(out.getvalue())["event"] == '127.0.0.1 - "GET /health" 200'


def test_statements_with_their_parameters_are_not_logged_at_debug():
    with logging_to(Redactor()) as out:
        logging.getLogger("sqlalchemy.engine").debug("INSERT ... %s", {"env": "x"})

    assert out.getvalue() == ""


def test_lines_below_the_level_are_not_written():
    with logging_to(Redactor(), level="WARNING") as out:
        structlog.get_logger("a").info("quiet")
        structlog.get_logger("a").error("loud")

    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]


def test_a_traceback_is_one_field_of_one_line():
    with logging_to(Redactor()) as out:
        try:
            raise_with("nothing special")
        except RuntimeError:
            structlog.get_logger("a").exception("failed")

    [line] = out.getvalue().splitlines()
    assert "RuntimeError" in json.loads(line)["exception"]


def test_a_record_that_cannot_be_formatted_is_named_without_its_arguments():
    with logging_to(Redactor()) as out:
        logging.getLogger("careless").info("%d", "hunter2-hunter2")

    line = json.loads(out.getvalue())
    assert (line["event"], line["logger"]) == ("log_record_unformattable", "careless")
    assert "hunter2" not in out.getvalue()


def test_an_uncaught_exception_is_a_line_and_ctrl_c_is_none():
    with logging_to(Redactor()) as out:
        sys.excepthook(KeyError, KeyError("price"), None)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    [line] = out.getvalue().splitlines()
    assert json.loads(line)["event"] == "uncaught_exception"


def test_a_terminal_gets_lines_for_people():
    with logging_to(Redactor(), console=True) as out:
        structlog.get_logger("a").info("hello", provider="vastai")

    assert "hello" in out.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.getvalue())


def test_a_secret_that_only_the_rendered_line_puts_together_is_caught_too():
    with logging_to(Redactor(['1, "second": 22'])) as out:
        structlog.get_logger("a").info("split", first=1, second=22)

    assert '1, "second": 22' not in out.getvalue()
