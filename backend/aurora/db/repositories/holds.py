"""Capacity that is taken: by live attempts, and for a minute by a refusal."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import capacity_holds as rows


@dataclass(frozen=True, slots=True)
class Hold:
    """One launch's worth of an offer, and of every offer that shares its physical resources."""

    provider: str
    offer_id: str
    resources: frozenset[str]
    reason: str
    """`attempt` or `refused`."""
    held_at: datetime
    deployment_id: str | None = None
    attempt: int | None = None
    launched_at: datetime | None = None
    """When the launch was confirmed: a catalogue read that began later shows it by itself."""
    expires_at: datetime | None = None
    size: float = 1.0
    """How much of the offer's own count of free launches is taken (a four-GPU cut takes four)."""


def _hold(row: Row[Any]) -> Hold:
    return Hold(
        provider=row.provider,
        offer_id=row.offer_id,
        resources=frozenset(row.resources),
        reason=row.reason,
        held_at=row.held_at,
        deployment_id=row.deployment_id,
        attempt=row.attempt,
        launched_at=row.launched_at,
        expires_at=row.expires_at,
        size=row.size,
    )


async def add(connection: AsyncConnection, hold: Hold) -> None:
    await connection.execute(
        insert(rows).values(
            provider=hold.provider,
            offer_id=hold.offer_id,
            resources=sorted(hold.resources),
            reason=hold.reason,
            held_at=hold.held_at,
            deployment_id=hold.deployment_id,
            attempt=hold.attempt,
            launched_at=hold.launched_at,
            expires_at=hold.expires_at,
            size=hold.size,
        )
    )


async def launched(connection: AsyncConnection, deployment_id: str, *, attempt: int, at: datetime) -> None:
    await connection.execute(
        update(rows)
        .where(rows.c.deployment_id == deployment_id, rows.c.attempt == attempt)
        .values(launched_at=at)
    )


async def release(connection: AsyncConnection, deployment_id: str, *, attempt: int) -> None:
    await connection.execute(
        delete(rows).where(
            and_(rows.c.deployment_id == deployment_id, rows.c.attempt == attempt, rows.c.reason == "attempt")
        )
    )


async def drop_expired(connection: AsyncConnection, *, now: datetime) -> None:
    """Forget refusals whose time is over."""
    await connection.execute(delete(rows).where(rows.c.expires_at <= now))


async def present(connection: AsyncConnection, *, now: datetime) -> tuple[Hold, ...]:
    """All holds that have not expired."""
    query = select(rows).where(or_(rows.c.expires_at.is_(None), rows.c.expires_at > now))
    return tuple(_hold(row) for row in await connection.execute(query))
