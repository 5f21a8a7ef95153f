"""The fault table: what must come of every fault on every operation, and why. Pure data.

`under` is what is seen while the market is at fault, `after` what is seen when it is well again (see `scenes`).
"""

from collections.abc import Iterator

from aurora.domain.operation import Operation
from tests.faults import buying, keeping
from tests.faults.cells import IMPOSSIBLE, ONLY, Cell, cells

_BUYING = (buying.offers, buying.quote, buying.create)
_KEEPING = (keeping.status, keeping.list_own, keeping.logs, keeping.terminate, keeping.health)


def _impossible() -> Iterator[tuple[Cell, ...]]:
    for fault, only in ONLY.items():
        for operation in Operation:
            if operation is not only:
                yield cells(
                    operation,
                    fault,
                    under=IMPOSSIBLE,
                    after=IMPOSSIBLE,
                    why=f"{fault} is something that a market does on {only.value}.",
                )


def _all() -> Iterator[Cell]:
    for column in (*_BUYING, *_KEEPING, _impossible):
        for alike in column():
            yield from alike


TABLE: tuple[Cell, ...] = tuple(_all())
