"""What came of the launches so far, counted."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import decision_outcomes as rows


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """`count` outcomes of one kind at one host of one provider (`host` None: the market names no hosts)."""

    provider: str
    host: str | None
    kind: str
    count: int


async def outcome_counts(connection: AsyncConnection) -> list[OutcomeCount]:
    """All outcomes by provider, host and kind; those that are censored (not seen to their end) are left out."""
    query = (
        select(rows.c.provider, rows.c.host, rows.c.kind, func.count().label("count"))
        .where(rows.c.censored.is_(False))
        .group_by(rows.c.provider, rows.c.host, rows.c.kind)
    )
    found = await connection.execute(query)
    return [OutcomeCount(provider, host, kind, count) for provider, host, kind, count in found]


async def newest(connection: AsyncConnection) -> int:
    """Another number whenever outcomes were added."""
    found: int | None = (await connection.execute(select(func.max(rows.c.id)))).scalar_one()
    return found or 0
