"""What must come of every fault while the market is read and bought from."""

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
    REFUSED,
    SHAKEN,
    SLOW,
    UNAVAILABLE,
    Cell,
    cells,
)


def offers() -> Iterator[tuple[Cell, ...]]:
    op = Operation.OFFERS
    yield cells(
        op,
        (*REFUSED, "404 spoken"),
        under="failed",
        after="ok",
        why="A refused search teaches nothing and takes nothing away: the known offers stay, with their age.",
    )
    yield cells(
        op,
        CREDENTIALS,
        under="failed",
        after="ok",
        provider=(UNAVAILABLE,),
        why="A person must look after the key; it is asked again once a minute, not with every slice.",
    )
    yield cells(
        op,
        BUSY,
        under="failed",
        after="ok",
        provider=SHAKEN,
        why="The sync stops at the first 429 and goes on with the next run: no hammering.",
    )
    yield cells(
        op,
        tuple(fault for fault in (*NOTHING_DONE, *DONE_UNHEARD) if fault not in SLOW),
        under="failed",
        after="ok",
        provider=(UNAVAILABLE,),
        why="A broken search opens the circuit within one sync, and no offer is lost by it.",
    )
    yield cells(
        op,
        ("garbage_type envelope", "missing_field"),
        under="failed",
        after="ok",
        provider=(UNAVAILABLE,),
        why="An answer without a list of offers is no market without offers.",
    )
    yield cells(
        op,
        SLOW,
        under="failed",
        after="ok",
        provider=ANY_STATUS,
        why="A search that takes all its time may use up the sync's before the circuit opens; no offer is lost.",
    )
    yield cells(
        op,
        ("garbage_type items", "empty_list"),
        under="suspicious",
        after="ok",
        why="A market that is suddenly empty or all odd must be seen so twice before it is believed.",
    )
    yield cells(op, "latency", under="ok", after="ok", why="Slow, and well within the time-out.")


def quote() -> Iterator[tuple[Cell, ...]]:
    op = Operation.QUOTE
    refused = {"under": "failed", "after": "failed", "attempts": 1, "creates": 0}
    yield cells(
        op,
        REFUSED,
        **refused,
        why="Without a price nothing is bought; the refusal is final and there is no other market.",
    )
    yield cells(
        op,
        "401",
        **refused,
        provider=(UNAVAILABLE,),
        why="Nothing is bought with a key that is refused, and the page says so.",
    )
    yield cells(
        op,
        "403",
        **refused,
        provider=(DEGRADED,),
        why="A key without the right to read prices still serves what runs, but nothing is bought unseen.",
    )
    yield cells(
        op,
        ("404 spoken", "empty_list"),
        under="failed",
        after="failed",
        attempts=3,
        why="The offer is gone: the next one is tried, at most three in all, and none is created unseen.",
    )
    yield cells(
        op,
        BUSY,
        under="provisioning",
        after="running",
        attempts=1,
        creates=1,
        provider=SHAKEN,
        why="A busy market is waited for; the same attempt goes on.",
    )
    yield cells(
        op,
        (*NOTHING_DONE, *DONE_UNHEARD, *ODD),
        under="provisioning",
        after="running",
        attempts=1,
        creates=1,
        provider=ANY_STATUS,
        why="No price, no create: without another market the same attempt waits, for two minutes at most.",
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


def create() -> Iterator[tuple[Cell, ...]]:
    op = Operation.CREATE
    refused = {"under": "failed", "after": "failed", "attempts": 1, "creates": 1}
    yield cells(
        op,
        REFUSED,
        **refused,
        why="Certainly nothing was created, the same request would be refused again, no other market is left.",
    )
    yield cells(
        op,
        CREDENTIALS,
        **refused,
        provider=(UNAVAILABLE,),
        why="A key that may not buy makes the market unavailable until it is accepted again.",
    )
    yield cells(
        op,
        "404 spoken",
        under="failed",
        after="failed",
        attempts=3,
        creates=3,
        why="The offer was taken: the next one at once, one create for each, three at most.",
    )
    yield cells(
        op,
        BUSY,
        under="provisioning",
        after="running",
        attempts=1,
        creates=30,
        provider=SHAKEN,
        why="A 429 was refused at the door: the very same create may be repeated after the pause.",
    )
    yield cells(
        op,
        tuple(fault for fault in NOTHING_DONE if fault != "503 retry-after"),
        under="provisioning",
        after="running",
        attempts=2,
        creates=2,
        provider=SHAKEN,
        why="Nobody knows whether it was created: it is never sent again; its name never appears, so the next offer.",
    )
    yield cells(
        op,
        "503 retry-after",
        under="provisioning",
        after="running",
        attempts=2,
        creates=3,
        provider=SHAKEN,
        why="A 503 that names a time was refused at the door and is repeated once; then it is looked for by name.",
    )
    yield cells(
        op,
        (*DONE_UNHEARD, *ODD),
        under=("provisioning", "running"),
        after="running",
        attempts=1,
        creates=1,
        living=1,
        provider=SHAKEN,
        why="The instance exists under our name: it is found and adopted, and nothing is created a second time.",
    )
    yield cells(
        op,
        "charge_factor",
        under="failed",
        after="failed",
        attempts=3,
        creates=3,
        why="What is charged above the ceiling is destroyed at once; three such offers are enough.",
    )
    yield cells(
        op,
        ("latency", "charge_factor below the ceiling", "empty_list"),
        under="running",
        after="running",
        attempts=1,
        creates=1,
        living=1,
        why="It runs; what is really charged is what is counted.",
    )
    yield cells(
        op,
        ("start_failure", "never_starts"),
        under="failed",
        after="failed",
        attempts=3,
        creates=3,
        why="What does not start is destroyed before the next is tried; three are enough.",
    )
