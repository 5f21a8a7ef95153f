"""All present holds, looked at again and again: only those that are new or changed are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.repositories.holds import Hold, hold_of
from aurora.db.tables import capacity_holds as rows

_AT_ONCE = 500
"""Rows asked for by their ids; of more everything is read."""
_LAUNCHED = rows.c.launched_at.is_not(None)


@dataclass(frozen=True, slots=True)
class HeldNow:
    """The holds at one moment."""

    present: Sequence[Hold]
    changed: Sequence[Hold]
    """Of these, what the reading before did not have, or had as not launched."""
    known: "HeldRows"
    """For the next reading, of whoever has taken this one to heart."""


class HeldRows:
    """What a reading brought, immutable. A hold changes once, when its launch is confirmed."""

    def __init__(self, known: Mapping[int, Hold] = MappingProxyType({})) -> None:
        self._known = known

    async def read(self, connection: AsyncConnection, *, now: datetime) -> HeldNow:
        """All holds that have not expired."""
        present = or_(rows.c.expires_at.is_(None), rows.c.expires_at > now)
        marks = await _marks(connection, select(rows.c.id, _LAUNCHED).where(present))
        known = {number: self._known[number] for number in marks if number in self._known}
        wanted = [
            number for number, launched in marks.items() if _launched(known.get(number)) is not launched
        ]
        query = select(rows).where(rows.c.id.in_(wanted) if len(wanted) <= _AT_ONCE else present)
        found = (
            {row["id"]: hold_of(row) for row in (await connection.execute(query)).mappings()}
            if wanted
            else {}
        )
        after = known | found
        return HeldNow(tuple(after.values()), tuple(found.values()), HeldRows(after))


def _launched(hold: Hold | None) -> bool | None:
    return None if hold is None else hold.launched_at is not None


async def _marks(connection: AsyncConnection, query: Select[int, bool]) -> dict[int, bool]:
    """Whether it is launched, by row. On Postgres two arrays: a thousand rows cost more than all that is in them."""
    if connection.dialect.name != "postgresql":
        return {number: bool(launched) for number, launched in await connection.execute(query)}
    each = query.subquery()
    numbers, launched = each.c
    found = (await connection.execute(select(func.array_agg(numbers), func.array_agg(launched)))).one()
    return dict(zip(found[0] or (), found[1] or (), strict=True))
