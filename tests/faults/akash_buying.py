"""What must come of every fault of Akash while the market is read and an auction is held."""

from collections.abc import Iterator

from tests.faults.akash_cells import ABSENT, GOOD, PLAINLY_REFUSED, Cell, cells, final, redirected
from tests.faults.akash_stack import CREATE, LEASE_OF, OFFERS, QUOTE
from tests.faults.cells import (
    ANY_STATUS,
    BUSY,
    CREDENTIALS,
    DONE_UNHEARD,
    NOTHING_DONE,
    ODD,
    SHAKEN,
    SLOW,
    UNAVAILABLE,
)


def offers() -> Iterator[tuple[Cell, ...]]:
    idle = {"after": "ok", "attempts": 0, "creates": 0}
    yield cells(
        OFFERS,
        ("400", "402"),
        under="failed",
        **idle,
        why="A refused read teaches nothing and takes nothing away: the known offers stay, with their age.",
    )
    yield cells(
        OFFERS,
        "404 spoken",
        under="failed",
        codes=ABSENT,
        **idle,
        why="An answer about deployments is no answer about prices: the known offers stay.",
    )
    yield cells(
        OFFERS,
        CREDENTIALS,
        under="failed",
        provider=(UNAVAILABLE,),
        **idle,
        why="A person must look after the key; it is asked again once a minute, not with every slice.",
    )
    broken = (
        "404",
        "redirect",
        *BUSY,
        *NOTHING_DONE,
        *DONE_UNHEARD,
        "garbage_type envelope",
        "missing_field",
    )
    yield cells(
        OFFERS,
        tuple(fault for fault in broken if fault not in SLOW),
        under="suspicious",
        provider=SHAKEN,
        **idle,
        why="The chain is asked instead of the Console; it does not know everything, so nothing is taken for gone.",
    )
    yield cells(
        OFFERS,
        SLOW,
        under=("suspicious", "failed"),
        provider=ANY_STATUS,
        **idle,
        why="The chain is asked instead, if the sync's time is not used up; no offer is lost either way.",
    )
    yield cells(
        OFFERS,
        ("garbage_type items", "empty_list"),
        under="suspicious",
        codes=GOOD,
        **idle,
        why="A price list that names no price makes no market without offers.",
    )
    yield cells(OFFERS, "latency", under="ok", **idle, why="Slow, and well within the time-out.")


def quote() -> Iterator[tuple[Cell, ...]]:
    waits = {"under": "provisioning", "after": "running", "living": 1}
    refused = (
        "Bids that we may not read are none to wait for: the deployment is closed and its deposit comes back."
    )
    yield final(QUOTE, PLAINLY_REFUSED, why=refused)
    yield redirected(QUOTE, why=refused)
    yield final(QUOTE, CREDENTIALS, provider=(UNAVAILABLE,), why=refused)
    yield final(QUOTE, ("404 spoken",), codes=ABSENT, why=refused)
    yield cells(QUOTE, BUSY, provider=SHAKEN, **waits, why="Bids stay for minutes: they are read later.")
    yield cells(
        QUOTE,
        (*NOTHING_DONE, *DONE_UNHEARD, "garbage_type envelope"),
        provider=ANY_STATUS,
        **waits,
        why="No bid is taken unseen: the same deployment waits, and the same auction goes on.",
    )
    yield cells(
        QUOTE,
        ("garbage_type items", "missing_field"),
        provider=SHAKEN,
        codes=(None, "malformed_answer"),
        **waits,
        why="An odd bid is not for us, and an empty list of bids may be garbled as a whole: it is looked again.",
    )
    yield cells(
        QUOTE, "empty_list", **waits, why="No bids yet is how every auction begins: they are waited for."
    )
    yield cells(
        QUOTE,
        "latency",
        under=("provisioning", "running"),
        after="running",
        living=1,
        why="Slow, and well within the time-out.",
    )


def create() -> Iterator[tuple[Cell, ...]]:
    refused = "Certainly nothing was created, and the same request would be refused again."
    yield final(CREATE, PLAINLY_REFUSED, why=refused)
    yield redirected(CREATE, why=refused)
    yield final(CREATE, ("404 spoken",), codes=ABSENT, why=refused)
    yield final(
        CREATE,
        CREDENTIALS,
        provider=(UNAVAILABLE,),
        why="A key that may not buy makes the market unavailable until it is accepted again.",
    )
    yield cells(
        CREATE,
        BUSY,
        under="provisioning",
        after="running",
        creates=30,
        provider=SHAKEN,
        why="A 429 was refused at the door: the very same create may be repeated after the pause.",
    )
    yield cells(
        CREATE,
        NOTHING_DONE,
        under="provisioning",
        after="running",
        attempts=2,
        creates=3,
        provider=SHAKEN,
        why="Nobody knows whether it was created: never sent again; its name never appears, so the next offer.",
    )
    yield cells(
        CREATE,
        (*DONE_UNHEARD, *ODD),
        under=("provisioning", "running"),
        after="running",
        living=1,
        provider=SHAKEN,
        why="The deployment exists under our name: it is found in the list, and its auction goes on.",
    )
    yield cells(
        CREATE,
        ("latency", "empty_list"),
        under="running",
        after="running",
        living=1,
        why="Slow, or nothing to leave out: it runs.",
    )
    yield cells(
        CREATE,
        ("start_failure", "never_starts"),
        under="failed",
        after="failed",
        attempts=3,
        creates=3,
        reason="3 attempts were made; the last: not running 40 s after its create",
        why="What does not start in time is closed before the next is tried; three are enough.",
    )
    yield cells(
        CREATE,
        ("charge_factor", "charge_factor below the ceiling"),
        under="running",
        after="running",
        living=1,
        unseen_charge=True,
        why="A chain bills the price of the lease, and that is what is counted: nothing else can be read.",
    )


def lease() -> Iterator[tuple[Cell, ...]]:
    waits = {"under": "provisioning", "after": "running", "living": 1}
    refused = "A lease that is refused for good: the deployment is closed, its deposit comes back."
    yield final(LEASE_OF, PLAINLY_REFUSED, why=refused)
    yield redirected(LEASE_OF, why=refused)
    yield final(LEASE_OF, CREDENTIALS, provider=(UNAVAILABLE,), why=refused)
    yield cells(
        LEASE_OF,
        "404 spoken",
        under="provisioning",
        after="running",
        attempts=2,
        creates=2,
        living=1,
        codes=("offer_gone",),
        why="That bid is gone: it is left out, and when no bid is left the next offer is tried.",
    )
    yield cells(
        LEASE_OF,
        (*BUSY, *NOTHING_DONE),
        provider=ANY_STATUS,
        **waits,
        why="The market is looked at before each try: there is no lease yet, so it is asked for again.",
    )
    yield cells(
        LEASE_OF,
        (*DONE_UNHEARD, "garbage_type envelope"),
        under=("provisioning", "running"),
        after="running",
        living=1,
        provider=SHAKEN,
        why="The lease was made and its answer lost: the next look shows it, and no second one is asked for.",
    )
    yield cells(
        LEASE_OF,
        ("garbage_type items", "missing_field", "latency", "empty_list"),
        under="running",
        after="running",
        living=1,
        codes=(None, "malformed_answer"),
        why="What the answer does not say the next look does.",
    )
