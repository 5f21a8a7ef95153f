"""How many connections there are."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from aurora.db.engine import MOST_CONNECTIONS


@dataclass(frozen=True, slots=True)
class Connections:
    """Of one engine, at one moment. `limit`: what it opens at most."""

    in_use: int
    idle: int
    limit: int


def connections(engine: AsyncEngine) -> Connections:
    """From memory, no I/O. A database in memory has one connection, which nobody counts."""
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return Connections(0, 0, 1)
    return Connections(pool.checkedout(), pool.checkedin(), MOST_CONNECTIONS)
