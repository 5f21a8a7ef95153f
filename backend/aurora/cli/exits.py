"""How the command ends: a code for scripts, and for people one line on what happened and one on what to do."""

import json
import sys
from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """Users' scripts branch on these; docs/cli.md and `aurora --help` list them."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    NOT_FOUND = 5
    NO_CAPACITY = 6
    FAILED = 7
    CONFLICT = 8
    CHECK_FAILED = 9
    STILL_GOING = 10
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "unexpected: a fault of Aurora or of this command",
    ExitCode.USAGE: "wrong usage: an option, a setting or a field of the request",
    ExitCode.UNREACHABLE: (
        "Aurora, or the market of `aurora conformance`, cannot be reached, or cannot serve requests now"
    ),
    ExitCode.REFUSED: "refused: no key, a wrong key, or a right is missing",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.NO_CAPACITY: "no offer meets the request",
    ExitCode.FAILED: "the deployment failed",
    ExitCode.CONFLICT: "conflict or limit: budget, idempotency key, state, too many requests",
    ExitCode.CHECK_FAILED: "a provider, a check of `aurora doctor` or a promise of `aurora conformance` failed",
    ExitCode.STILL_GOING: "the wait ended before the outcome; the work goes on",
    ExitCode.INTERRUPTED: "stopped with Ctrl-C; what was started goes on",
}


class CliError(Exception):
    """Ends the command. `what` happened, and what to do `then`, each in one line."""

    def __init__(
        self, code: ExitCode, what: str, *, then: str | None = None, document: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.then = then
        self.document = document
        """What `--json` prints: the server's problem as it came, else one of our own."""


class Unreachable(CliError):
    """No answer, or none of Aurora's. `sent`: the request may have arrived."""

    def __init__(self, what: str, *, then: str | None = None, sent: bool = False) -> None:
        super().__init__(ExitCode.UNREACHABLE, what, then=then)
        self.sent = sent


def report(error: CliError, *, as_json: bool) -> None:
    """Two lines on stderr; with `--json` also the problem on stdout."""
    if as_json:
        plain = {"code": error.code.name.lower(), "detail": error.what}
        print(json.dumps(dict(error.document or plain), indent=2))
        sys.stdout.flush()
    complain(error.what, error.then)


def complain(what: str, then: str | None = None) -> None:
    """Say it on stderr, where it does not get into anybody's pipe."""
    print(f"Error: {_printable(what)}", file=sys.stderr)
    if then:
        print(f"Next:  {_printable(then)}", file=sys.stderr)


def _printable(text: str) -> str:
    """Markets write some of it: it must not command the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def note(text: str) -> None:
    """A word to the person in front of the terminal, not part of the output."""
    print(text, file=sys.stderr, flush=True)
