"""The words of the fault table of Akash; see `cells` for those that both markets share. Pure data."""

from dataclasses import dataclass

from tests.faults.cells import HEALTHY, IMPOSSIBLE, READINGS, REFUSED
from tests.faults.cells import ONLY as ONLY_AT
from tests.faults.kinds import FAULTS

ONLY = {fault: operation.value for fault, operation in ONLY_AT.items()}
EVERYWHERE = tuple(fault for fault in FAULTS if fault not in ONLY)
"""Faults of the way between us and the market."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One fault on one operation."""

    operation: str
    fault: str
    under: str | tuple[str, ...]
    """One of these."""
    after: str
    why: str
    attempts: int = 1
    creates: int = 1
    """Most create requests that may reach the market."""
    living: int = 0
    """Deployments at the market while the fault is there."""
    provider: tuple[str, ...] = (HEALTHY,)
    """The worst status that the health page may have shown."""
    codes: tuple[str | None, ...] = ()
    """Of the first call that met the fault, where Akash reads it otherwise than the common table."""
    reason: str = "user"
    """What people read in the end; a part of it."""

    unseen_charge: bool = False
    """The market bills beside the lease's price, which is all that the chain shows of it."""

    @property
    def impossible(self) -> bool:
        return self.under == IMPOSSIBLE

    @property
    def error_codes(self) -> tuple[str | None, ...]:
        return self.codes or READINGS[self.fault].codes


def cells(operation: str, faults: tuple[str, ...] | str, **fields: object) -> tuple[Cell, ...]:
    names = (faults,) if isinstance(faults, str) else faults
    return tuple(Cell(operation=operation, fault=name, **fields) for name in names)  # type: ignore[arg-type]


PHRASES = {
    "400": "400 Bad Request",
    "401": "401 Unauthorized",
    "402": "402 Payment Required",
    "403": "403 Forbidden",
    "404": "404 Not Found",
    "404 spoken": "404 Not Found: Deployment not found",
    "redirect": "a redirect is not followed",
}


def final(operation: str, faults: tuple[str, ...], **fields: object) -> tuple[Cell, ...]:
    """Refused for good: the deployment fails with the market's own words."""
    return tuple(
        one
        for fault in faults
        for one in cells(
            operation, fault, under="failed", after="failed", reason=f"akash: {PHRASES[fault]}", **fields
        )
    )


def redirected(operation: str, **fields: object) -> tuple[Cell, ...]:
    """The words of a redirect begin with its number."""
    return cells(operation, "redirect", under="failed", after="failed", reason=PHRASES["redirect"], **fields)


PLAINLY_REFUSED = tuple(fault for fault in REFUSED if fault != "redirect")
ABSENT = ("instance_not_found",)
GOOD = (None,)
