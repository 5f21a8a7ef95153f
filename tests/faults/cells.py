"""The words of the fault table: what a cell says, how a call reads, and faults that come out alike. Pure data."""

from dataclasses import dataclass

from aurora.domain.operation import Operation

HEALTHY, DEGRADED, UNAVAILABLE = "HEALTHY", "DEGRADED", "UNAVAILABLE"
ANY_STATUS = (HEALTHY, DEGRADED, UNAVAILABLE)
SHAKEN = (HEALTHY, DEGRADED)

OK, FAIL, NEUTRAL = "ok", "fail", "neutral"


@dataclass(frozen=True)
class Reading:
    """What the first call that meets the fault says: the breaker's verdict, and the error's code (one of)."""

    verdict: str
    codes: tuple[str | None, ...]


_FINE = Reading(OK, (None,))
_BROKEN = Reading(FAIL, ("provider_unavailable",))
_SILENT = Reading(FAIL, ("provider_timeout",))
_RUBBISH = Reading(FAIL, ("malformed_answer",))
_FLOOD = Reading(FAIL, ("malformed_answer", "provider_timeout"))
_WAIT = Reading(NEUTRAL, ("provider_rate_limited",))
_CREDENTIAL = Reading(NEUTRAL, ("credential_refused",))
_LOST_WAY = Reading(NEUTRAL, ("provider_misconfigured",))
_REJECTED = Reading(OK, ("provider_rejected_request",))
_OFFER_GONE = Reading(OK, ("offer_gone",))
_GONE = Reading(OK, ("instance_not_found",))

READINGS: dict[str, Reading] = {
    "400": _REJECTED,
    "401": _CREDENTIAL,
    "402": Reading(NEUTRAL, ("payment_required",)),
    "403": _CREDENTIAL,
    "404": _LOST_WAY,
    "404 spoken": _REJECTED,
    "429": _WAIT,
    "429 retry-after": _WAIT,
    "500": _BROKEN,
    "502": _BROKEN,
    "502 effect": _BROKEN,
    "503": _BROKEN,
    "503 retry-after": _BROKEN,
    "latency": _FINE,
    "latency above the time-out": _SILENT,
    "hang": _SILENT,
    "hang effect": _SILENT,
    "reset": _BROKEN,
    "lost_response": _BROKEN,
    "truncate": _BROKEN,
    "html": _RUBBISH,
    "garbage_type envelope": _RUBBISH,
    "garbage_type items": _RUBBISH,
    "missing_field": _RUBBISH,
    "oversize": _FLOOD,
    "gzip_bomb": _FLOOD,
    "slow_drip": _SILENT,
    "redirect": _LOST_WAY,
    "list_lag": _FINE,
    "list_lag without end": _FINE,
    "delete_ignored": _FINE,
    "charge_factor": _FINE,
    "charge_factor below the ceiling": _FINE,
    "start_failure": _FINE,
    "never_starts": _FINE,
    "empty_list": _FINE,
}

OWN_READINGS: dict[tuple[Operation, str], Reading] = {
    (Operation.QUOTE, "404 spoken"): _OFFER_GONE,
    (Operation.CREATE, "404 spoken"): _OFFER_GONE,
    (Operation.STATUS, "404 spoken"): _GONE,
    (Operation.LOGS, "404 spoken"): _GONE,
    (Operation.TERMINATE, "404 spoken"): _FINE,
    (Operation.STATUS, "empty_list"): _GONE,
    # each odd row of a search is left out and counted; the answer as such is good
    (Operation.OFFERS, "garbage_type items"): _FINE,
    **{
        # nothing in these answers is needed: that they came is enough
        (operation, fault): _FINE
        for operation in (Operation.TERMINATE, Operation.HEALTH)
        for fault in ("garbage_type envelope", "garbage_type items", "missing_field")
    },
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One fault on one operation."""

    operation: Operation
    fault: str
    under: str | tuple[str, ...]
    """One of these."""
    after: str
    why: str
    attempts: int = 0
    creates: int = 0
    """Most create requests that may reach the market."""
    living: int = 0
    provider: tuple[str, ...] = (HEALTHY,)
    """The worst status that the health page may have shown."""
    lies: bool = False
    """The market says that an instance is gone which lives: only the sweep can find it again."""

    @property
    def reading(self) -> Reading:
        return OWN_READINGS.get((self.operation, self.fault), READINGS[self.fault])

    @property
    def impossible(self) -> bool:
        return self.under == IMPOSSIBLE


IMPOSSIBLE = "the emulator refuses the fault"

ONLY = {
    "list_lag": Operation.LIST,
    "list_lag without end": Operation.LIST,
    "delete_ignored": Operation.TERMINATE,
    "charge_factor": Operation.CREATE,
    "charge_factor below the ceiling": Operation.CREATE,
    "start_failure": Operation.CREATE,
    "never_starts": Operation.CREATE,
}
"""Faults of the market's own doings exist on one operation each."""

REFUSED = ("400", "402", "404", "redirect")
CREDENTIALS = ("401", "403")
BUSY = ("429", "429 retry-after")
NOTHING_DONE = (
    *("500", "502", "503", "503 retry-after", "hang", "reset"),
    *("html", "oversize", "gzip_bomb"),
)
DONE_UNHEARD = (
    *("502 effect", "latency above the time-out", "hang effect"),
    *("lost_response", "truncate", "slow_drip"),
)
SLOW = ("latency above the time-out", "hang", "hang effect", "slow_drip", "oversize", "gzip_bomb")
ODD = ("garbage_type envelope", "garbage_type items", "missing_field")


def cells(operation: Operation, faults: tuple[str, ...] | str, **fields: object) -> tuple[Cell, ...]:
    names = (faults,) if isinstance(faults, str) else faults
    return tuple(Cell(operation=operation, fault=name, **fields) for name in names)  # type: ignore[arg-type]
