"""What must come of every fault of Akash while a lease is looked after and ended."""

from collections.abc import Iterator

from tests.faults.akash_cells import ABSENT, EVERYWHERE, GOOD, Cell, cells
from tests.faults.akash_stack import HEALTH, LIST, LOGS, STATUS, TERMINATE
from tests.faults.cells import (
    ANY_STATUS,
    BUSY,
    CREDENTIALS,
    DONE_UNHEARD,
    NOTHING_DONE,
    ODD,
    READINGS,
    REFUSED,
    SHAKEN,
    UNAVAILABLE,
)


def status() -> Iterator[tuple[Cell, ...]]:
    lost = {"under": "lost", "after": "running", "living": 1}
    yield cells(
        STATUS,
        REFUSED,
        **lost,
        why="An answer that says nothing about the deployment is no sighting of its end: lost, not failed.",
    )
    yield cells(
        STATUS,
        CREDENTIALS,
        provider=(UNAVAILABLE,),
        **lost,
        why="We may not look, so we know nothing: nothing is replaced and nothing is ended.",
    )
    yield cells(STATUS, BUSY, provider=SHAKEN, **lost, why="Too busy to tell is not gone.")
    yield cells(
        STATUS,
        (*NOTHING_DONE, *DONE_UNHEARD, "garbage_type envelope"),
        provider=(UNAVAILABLE,),
        **lost,
        why="Unreachable is not failed: it is lost, runs on, costs on, and is found again as it was.",
    )
    yield cells(
        STATUS,
        ("garbage_type items", "missing_field", "latency", "empty_list"),
        under="running",
        after="running",
        living=1,
        codes=GOOD,
        why="Odd parts are absent parts, and nothing that is absent says that it ended.",
    )
    yield cells(
        STATUS,
        "404 spoken",
        under="failed",
        after="failed",
        living=1,
        codes=ABSENT,
        reason="is no longer known to akash",
        why="Told twice by page and list alike, for both are read from that page: it vanished, and the sweep ends it.",
    )


def list_own() -> Iterator[tuple[Cell, ...]]:
    unsure = {"under": "provisioning", "after": "running", "living": 1}
    yield cells(
        LIST,
        REFUSED,
        **unsure,
        why="A list that is refused cannot say that the create failed: it is looked for until a list comes.",
    )
    yield cells(
        LIST,
        "404 spoken",
        codes=ABSENT,
        **unsure,
        why="An answer about one deployment is not a list of all: it is looked for until a list comes.",
    )
    yield cells(
        LIST,
        CREDENTIALS,
        provider=(UNAVAILABLE,),
        **unsure,
        why="While we may not look, an unknown create stays unknown and is never repeated.",
    )
    yield cells(LIST, BUSY, provider=SHAKEN, **unsure, why="A busy list is asked again later.")
    yield cells(
        LIST,
        (*NOTHING_DONE, *DONE_UNHEARD, *ODD),
        provider=ANY_STATUS,
        **unsure,
        why="Only a whole and sound list may say that a name is not there.",
    )
    yield cells(
        LIST,
        ("list_lag without end", "empty_list"),
        under="running",
        after="running",
        attempts=2,
        creates=2,
        living=2,
        provider=SHAKEN,
        why="A list that hides it for longer than lists lag costs a second deployment; the sweep ends the first.",
    )
    yield cells(
        LIST,
        ("latency", "list_lag"),
        under="running",
        after="running",
        living=1,
        provider=SHAKEN,
        why="A list may lag: absence is not believed before the market's settling time is over.",
    )


def logs() -> Iterator[tuple[Cell, ...]]:
    ended = {"after": "terminated", "codes": (None, "provider_timeout"), "provider": SHAKEN}
    why = "The reader is told that there is no log; the end of the deployment does not wait for one."
    handshake = (
        *("400", "401", "402", "403", "404", "404 spoken", *BUSY),
        *("500", "502", "502 effect", "503", "503 retry-after", "html", "oversize", "gzip_bomb"),
    )
    yield cells(LOGS, handshake, under="malformed_answer", **ended, why=why)
    yield cells(LOGS, "redirect", under="provider_misconfigured", **ended, why=why)
    yield cells(LOGS, "reset", under="provider_unavailable", **ended, why=why)
    yield cells(
        LOGS,
        ("latency above the time-out", "hang", "hang effect"),
        under=("provider_timeout", "deadline_exceeded"),
        **ended,
        why=why,
    )
    yield cells(
        LOGS,
        ("lost_response", "truncate", "slow_drip", *ODD, "latency", "empty_list"),
        under="lines",
        **ended,
        why="A stream that is cut gives the lines that came; its frames have nothing to leave out.",
    )


def terminate() -> Iterator[tuple[Cell, ...]]:
    alive = {"under": "terminating", "after": "terminated", "living": 1}
    gone = {"under": "terminated", "after": "terminated"}
    yield cells(
        TERMINATE,
        REFUSED,
        **alive,
        why="A refused close is repeated without end: it lives, so it costs, and we say so.",
    )
    yield cells(
        TERMINATE,
        CREDENTIALS,
        provider=(UNAVAILABLE,),
        **alive,
        why="A key that may not close is the worst of all: asked again every minute, shown at once.",
    )
    yield cells(TERMINATE, BUSY, provider=SHAKEN, **alive, why="It is asked again after the pause.")
    yield cells(
        TERMINATE,
        NOTHING_DONE,
        provider=ANY_STATUS,
        **alive,
        why="Terminated is a fact or is not said: it is repeated until it is gone.",
    )
    yield cells(
        TERMINATE,
        DONE_UNHEARD,
        provider=ANY_STATUS,
        **gone,
        why="The answer was lost, the effect was not: two looks at the market confirm the end.",
    )
    yield cells(
        TERMINATE,
        ("404 spoken", "delete_ignored"),
        codes=GOOD,
        **alive,
        why="The market's word that it is gone is not its absence: it is looked at, and closed again.",
    )
    yield cells(
        TERMINATE,
        ("latency", "empty_list", *ODD),
        codes=GOOD,
        **gone,
        why="Nothing in the answer is needed: the end is confirmed by looking.",
    )


def health() -> Iterator[tuple[Cell, ...]]:
    asked = {"after": "ok", "living": 1}
    fine = ("latency", "empty_list", "garbage_type items")
    for fault in EVERYWHERE:
        if fault in fine:
            continue
        codes = ABSENT if fault == "404 spoken" else READINGS[fault].codes
        yield cells(
            HEALTH,
            fault,
            under=tuple(str(code) for code in codes),
            codes=codes,
            provider=(UNAVAILABLE,) if fault in CREDENTIALS else SHAKEN,
            **asked,
            why="The question is answered with the market's own failure, and what runs there runs on.",
        )
    yield cells(
        HEALTH, fine, under="ok", codes=GOOD, **asked, why="The market knows us; who we are is not read."
    )
