"""What must come of every fault while an instance is looked after and ended."""

from collections.abc import Iterator

from aurora.domain.operation import Operation
from tests.faults.cells import (
    ANY_STATUS,
    BUSY,
    CREDENTIALS,
    DEGRADED,
    DONE_UNHEARD,
    NOTHING_DONE,
    ODD,
    OK,
    ONLY,
    OWN_READINGS,
    READINGS,
    REFUSED,
    SHAKEN,
    UNAVAILABLE,
    Cell,
    cells,
)
from tests.faults.kinds import FAULTS


def status() -> Iterator[tuple[Cell, ...]]:
    op = Operation.STATUS
    lost = {"under": "lost", "after": "running", "attempts": 1, "creates": 1, "living": 1}
    yield cells(
        op,
        REFUSED,
        **lost,
        why="An answer that says nothing about the instance is no sighting of its end: lost, not failed.",
    )
    yield cells(
        op,
        CREDENTIALS,
        **lost,
        provider=(UNAVAILABLE,),
        why="We may not look, so we know nothing: nothing is replaced and nothing is ended.",
    )
    yield cells(op, BUSY, **lost, provider=SHAKEN, why="Too busy to tell is not gone.")
    yield cells(
        op,
        (*NOTHING_DONE, *DONE_UNHEARD, *ODD),
        **lost,
        provider=(UNAVAILABLE,),
        why="Unreachable is not failed: it is lost, runs on, costs on, and is found again as it was.",
    )
    yield cells(
        op,
        ("404 spoken", "empty_list"),
        under="lost",
        after="running",
        attempts=1,
        creates=1,
        living=1,
        why="Told twice that it is gone while the list still shows it, Aurora believes neither: lost, and found again.",
    )
    yield cells(
        op,
        "latency",
        under="running",
        after="running",
        attempts=1,
        creates=1,
        living=1,
        why="Slow, and well within the time-out.",
    )


def list_own() -> Iterator[tuple[Cell, ...]]:
    op = Operation.LIST
    unsure = {"under": "provisioning", "after": "running", "attempts": 1, "creates": 1, "living": 1}
    yield cells(
        op,
        (*REFUSED, "404 spoken"),
        **unsure,
        why="A list that is refused cannot say that the create failed: it is looked for until a list comes.",
    )
    yield cells(
        op,
        CREDENTIALS,
        **unsure,
        provider=(UNAVAILABLE,),
        why="While we may not look, an unknown create stays unknown and is never repeated.",
    )
    yield cells(op, BUSY, **unsure, provider=SHAKEN, why="A busy list is asked again later.")
    yield cells(
        op,
        (*NOTHING_DONE, *DONE_UNHEARD, *ODD),
        **unsure,
        provider=ANY_STATUS,
        why="Only a whole and sound list may say that a name is not there.",
    )
    yield cells(
        op,
        ("list_lag without end", "empty_list"),
        under="running",
        after="running",
        attempts=2,
        creates=2,
        living=2,
        provider=SHAKEN,
        why="A list that hides it for longer than lists lag costs a second instance; the sweep ends the first.",
    )
    yield cells(
        op,
        ("latency", "list_lag"),
        under="running",
        after="running",
        attempts=1,
        creates=1,
        living=1,
        provider=SHAKEN,
        why="A list may lag: absence is not believed before the market's settling time is over.",
    )


def logs() -> Iterator[tuple[Cell, ...]]:
    op = Operation.LOGS
    ended = {"after": "terminated", "attempts": 1, "creates": 1}
    whys = {
        "why": "The reader is told why there is no log; the end of the deployment does not wait for one.",
    }
    for fault in FAULTS:
        reading = OWN_READINGS.get((op, fault), READINGS[fault])
        code = reading.codes[0]
        if fault in ONLY or code is None:
            continue
        provider = {
            "credential_refused": (UNAVAILABLE,) if fault == "401" else (DEGRADED,),
            "provider_rate_limited": SHAKEN,
        }.get(code, SHAKEN if reading.verdict == OK else ANY_STATUS)
        under: str | tuple[str, ...] = code
        if code == "provider_timeout":
            under = (code, "deadline_exceeded")
        elif code == "instance_not_found":
            under = "no lines"  # what is gone has the log that was kept of it: of what still ran, none
        yield cells(op, fault, under=under, provider=provider, **ended, **whys)
    yield cells(
        op,
        ("latency", "empty_list"),
        under="lines",
        **ended,
        why="Slow, or nothing to leave out: lines come.",
    )


def terminate() -> Iterator[tuple[Cell, ...]]:
    op = Operation.TERMINATE
    alive = {"under": "terminating", "after": "terminated", "attempts": 1, "creates": 1, "living": 1}
    gone = {"under": "terminated", "after": "terminated", "attempts": 1, "creates": 1, "living": 0}
    yield cells(
        op,
        REFUSED,
        **alive,
        why="A refused destroy is repeated without end: it lives, so it costs, and we say so.",
    )
    yield cells(
        op,
        CREDENTIALS,
        **alive,
        provider=(UNAVAILABLE,),
        why="A key that may not destroy is the worst of all: asked again every minute, shown at once.",
    )
    yield cells(op, BUSY, **alive, provider=SHAKEN, why="It is asked again after the pause.")
    yield cells(
        op,
        NOTHING_DONE,
        **alive,
        provider=ANY_STATUS,
        why="Terminated is a fact or is not said: it is repeated until it is gone.",
    )
    yield cells(
        op,
        DONE_UNHEARD,
        **gone,
        provider=ANY_STATUS,
        why="The answer was lost, the effect was not: two looks at the market confirm the end.",
    )
    yield cells(
        op,
        ("404 spoken", "delete_ignored"),
        **alive,
        why="The market's word that it is gone is not its absence: it is looked at, and destroyed again.",
    )
    yield cells(
        op,
        ("latency", "empty_list", *ODD),
        **gone,
        why="Nothing in the answer is needed: the end is confirmed by looking.",
    )


def health() -> Iterator[tuple[Cell, ...]]:
    op = Operation.HEALTH
    asked = {"after": "ok", "attempts": 1, "creates": 1, "living": 1}
    for fault in FAULTS:
        reading = OWN_READINGS.get((op, fault), READINGS[fault])
        code = reading.codes[0]
        if fault in ONLY or code is None:
            continue
        yield cells(
            op,
            fault,
            under=code,
            provider=(UNAVAILABLE,) if code == "credential_refused" else SHAKEN,
            **asked,
            why="The question is answered with the market's own failure, and what runs there runs on.",
        )
    yield cells(
        op,
        ("latency", "empty_list", *ODD),
        under="ok",
        **asked,
        why="The market knows us and answers; an odd figure of credit is no figure.",
    )
