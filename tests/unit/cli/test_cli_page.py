"""docs/cli.md names every command, its exit codes, and the options of a request."""

import re
from dataclasses import fields

from aurora.cli.asking import AskOptions
from aurora.cli.exits import MEANINGS
from aurora.cli.problems import OPTIONS
from tests.e2e.stack import ROOT
from tests.unit.cli.cli_standin import commands

PAGE = (ROOT / "docs" / "cli.md").read_text()


def test_every_command_is_in_the_table():
    assert [name for name in commands() if f"`aurora {name}" not in PAGE] == []
    assert len(commands()) >= 19


def test_the_exit_codes_are_those_of_the_code():
    table = re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, flags=re.MULTILINE)

    assert table == [(str(code.value), meaning) for code, meaning in MEANINGS.items()]


def test_every_option_of_a_request_is_explained():
    written = {f"--{field.name.replace('_', '-')}" for field in fields(AskOptions)} | set(OPTIONS.values())

    assert [option for option in sorted(written) if option not in PAGE] == []
