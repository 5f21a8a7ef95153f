"""What must come of every fault on every operation of Akash, and why. Pure data; see `table` for the words."""

from collections.abc import Iterator

from tests.faults import akash_buying as buying
from tests.faults import akash_keeping as keeping
from tests.faults.akash_cells import ONLY, Cell, cells
from tests.faults.akash_stack import OPERATIONS
from tests.faults.cells import IMPOSSIBLE

_BUYING = (buying.offers, buying.quote, buying.create, buying.lease)
_KEEPING = (keeping.status, keeping.list_own, keeping.logs, keeping.terminate, keeping.health)


def _impossible() -> Iterator[tuple[Cell, ...]]:
    for fault, only in ONLY.items():
        for operation in OPERATIONS:
            if operation != only:
                why = f"{fault} is something that a market does on {only}."
                yield cells(operation, fault, under=IMPOSSIBLE, after=IMPOSSIBLE, why=why)


def _all() -> Iterator[Cell]:
    columns = (*_BUYING, *_KEEPING, _impossible)
    for column in columns:
        for alike in column():
            yield from alike


TABLE: tuple[Cell, ...] = tuple(_all())
