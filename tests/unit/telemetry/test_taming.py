"""Texts of others in our lines command no terminal and pass for no line of ours."""

import json
import logging
import re

import pytest
import structlog

from aurora.telemetry.redaction import Redactor
from aurora.telemetry.taming import tame
from tests.unit.telemetry.test_logging import logging_to

NASTY = 'no offers\n{"level": "info", "event": "paid"}\x1b[2J\x9b31m\u202e\u2028\x7f'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größer 中文 ok", "größer 中文 ok"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b\u202e\u2028", "\\x9b\\u202e\\u2028"),
    ],
)
def test_what_cannot_be_printed_is_spelt_out(text, shown):
    assert tame(text) == shown


def lines(*, console: bool) -> list[str]:
    with logging_to(Redactor(), console=console) as out:
        structlog.get_logger("aurora.test").warning("failing", detail=NASTY, more={NASTY: [NASTY]})
        try:
            {}[NASTY]
        except KeyError:
            logging.getLogger("aurora.test").exception("it went wrong: %s", NASTY)
        return out.getvalue().split("\n")[:-1]


def test_a_providers_text_stays_inside_its_json_line():
    written = lines(console=False)

    assert len(written) == 2
    assert json.loads(written[0])["detail"].startswith("no offers\n")
    assert all(line.isprintable() for line in written)


def test_on_a_terminal_only_our_own_colours_are_commands():
    written = lines(console=True)

    ours = re.sub(r"\x1b\[[0-9;]*m", "", "".join(written))
    assert ours.replace("\t", "").isprintable()
    assert "\\x1b[2J" in ours
    outside = written[: next(at for at, line in enumerate(written) if "Traceback" in line)]
    assert not [line for line in outside if line.startswith('{"level"')]
