"""One finding of the doctor."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    """Not asked, because it would say nothing."""


@dataclass(frozen=True, slots=True)
class Check:
    """`what` was looked at, what was `found`, what to do `then`, and the command that shows the same."""

    what: str
    state: State
    found: str
    then: str | None = None
    by_hand: str | None = None
    """Never holds a key: `$VASTAI_API_KEY` stands for it."""


def ok(what: str, found: str, *, by_hand: str | None = None, then: str | None = None) -> Check:
    return Check(what, State.OK, found, then, by_hand)


def warn(what: str, found: str, *, then: str, by_hand: str | None = None) -> Check:
    return Check(what, State.WARN, found, then, by_hand)


def fail(what: str, found: str, *, then: str, by_hand: str | None = None) -> Check:
    return Check(what, State.FAIL, found, then, by_hand)


def skip(what: str, found: str, *, then: str | None = None) -> Check:
    return Check(what, State.SKIP, found, then)
