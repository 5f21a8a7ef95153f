"""The walk along one GPU's price list.

Vast.ai has no page token, and an answer that is cut short is a sample, not a prefix, unless an order is given. So a
slice is read in ascending `dph_total` with a moving lower bound; a price that fills a whole answer by itself is read
machine by machine. Each step goes on or the walk stops and says that it is not complete.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from aurora.providers.base import Rejection
from aurora.providers.fields import Fields, integer, number
from aurora.providers.vastai.limits import ROWS_SEEN


@dataclass(frozen=True, slots=True)
class Row:
    """Of one returned row what the walk needs."""

    id: int | None
    price: Decimal | None
    machine: int | None

    @classmethod
    def of(cls, row: object) -> "Row":
        fields = Fields(row if isinstance(row, dict) else {})
        return cls(fields.integer("id"), fields.number("dph_total"), fields.integer("machine_id"))


@dataclass(frozen=True, slots=True)
class Step:
    """What follows an answer. `next` None ends the slice, `complete` says whether all of it was read."""

    next: "Walk | None"
    complete: bool = True
    reason: str = ""

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Why the slice could not be read to its end, as a page reports it."""
        return () if self.complete else (Rejection(self.reason, count=0),)


@dataclass(frozen=True, slots=True)
class Walk:
    """A position. Prices are USD per hour as the market wrote them, with the allocated disk."""

    floor: Decimal | None = None
    """Rows from this price on."""
    above: bool = False
    """Rows above `floor` only: the tie at it has been read."""
    machine: int | None = None
    """Rows at exactly `floor`, of this and later machine ids."""
    seen: frozenset[int] = frozenset()
    """Offers of the overlap that the page before delivered."""
    holes: bool = False
    """Somewhere before, offers were out of reach."""

    def encode(self) -> str:
        """The position as a cursor carries it."""
        return json.dumps(
            {
                "floor": None if self.floor is None else str(self.floor),
                "above": self.above,
                "machine": self.machine,
                "seen": sorted(self.seen),
                "holes": self.holes,
            }
        )

    @classmethod
    def decode(cls, position: str | None) -> "Walk":
        """The position in a cursor; what is not one of ours starts from the beginning."""
        try:
            raw = json.loads(position) if position else {}
        except ValueError:
            return cls()
        if not isinstance(raw, dict):
            return cls()
        seen = raw.get("seen")
        found = (integer(each) for each in seen) if isinstance(seen, list) else ()
        return cls(
            floor=number(raw.get("floor")),
            above=raw.get("above") is True,
            machine=integer(raw.get("machine")),
            seen=frozenset(each for each in found if each is not None),
            holes=raw.get("holes") is True,
        )

    def filters(self) -> dict[str, object]:
        """The part of the search that says where to read on."""
        if self.floor is None:
            return {}
        price = float(self.floor)
        if self.machine is not None:
            return {"dph_total": {"gte": price, "lte": price}, "machine_id": {"gte": self.machine}}
        return {"dph_total": {"gt" if self.above else "gte": price}}

    def order(self) -> list[list[str]]:
        return [["machine_id" if self.machine is not None else "dph_total", "asc"]]

    def after(self, rows: Sequence[Row]) -> Step:
        """What to read after these rows."""
        if self.machine is not None:
            return self._after_tie(rows, self.machine)
        if len(rows) < ROWS_SEEN:
            return self._end()
        prices = [row.price for row in rows if row.price is not None]
        if not prices or prices != sorted(prices):
            return Step(None, complete=False, reason="the answer is cut short and not ordered by price")
        if self.floor is not None and prices[0] < self.floor:
            return Step(None, complete=False, reason="the answer ignores the lower price bound")
        first, last = prices[0], prices[-1]
        if first == last:
            return Step(Walk(floor=last, machine=0, holes=self.holes))
        at_last = frozenset(row.id for row in rows if row.price == last and row.id is not None)
        return Step(Walk(floor=last, seen=at_last, holes=self.holes))

    def _after_tie(self, rows: Sequence[Row], machine: int) -> Step:
        beyond = Walk(floor=self.floor, above=True, holes=self.holes)
        if len(rows) < ROWS_SEEN:
            # A tie was seen here a moment ago: nothing at all means that the bound did not match its price.
            return Step(beyond if rows or machine > 0 else _with_holes(beyond))
        machines = [row.machine for row in rows if row.machine is not None]
        if not machines or machines != sorted(machines) or machines[-1] <= machine:
            return Step(_with_holes(beyond))
        last = machines[-1]
        at_last = frozenset(row.id for row in rows if row.machine == last and row.id is not None)
        return Step(Walk(floor=self.floor, machine=last, seen=at_last, holes=self.holes))

    def _end(self) -> Step:
        if self.holes:
            return Step(None, complete=False, reason="one price has more offers than can be told apart")
        return Step(None)


def _with_holes(walk: Walk) -> Walk:
    return Walk(floor=walk.floor, above=walk.above, holes=True)
