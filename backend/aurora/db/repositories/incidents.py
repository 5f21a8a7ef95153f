"""When a provider was not well, and what people did about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, exists, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.health_tables import provider_incidents as rows


class IncidentKind(StrEnum):
    UNAVAILABLE = "unavailable"
    """A span: UNAVAILABLE from `started_at` to `ended_at` (None: still)."""
    DEGRADED = "degraded"
    """A span: DEGRADED."""
    BREAKER_RESET = "breaker_reset"
    """A moment: `actor` closed breakers by hand."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One span or one moment. `ended_at` None means that it goes on."""

    provider: str
    kind: IncidentKind
    started_at: datetime
    ended_at: datetime | None = None
    actor: str | None = None
    detail: str = ""


async def add(connection: AsyncConnection, incident: Incident) -> None:
    """A moment, or a span whose end is known."""
    await connection.execute(insert(rows).values(_values(incident)))


async def begin(connection: AsyncConnection, incident: Incident) -> None:
    """Open a span, unless one of its kind is open already (another replica saw it first)."""
    values = _values(incident)
    twin = exists().where(
        rows.c.provider == incident.provider, rows.c.kind == incident.kind, rows.c.ended_at.is_(None)
    )
    once = select(*(literal(value, rows.c[name].type) for name, value in values.items())).where(~twin)
    await connection.execute(insert(rows).from_select(list(values), once))


async def end(
    connection: AsyncConnection, provider: str, *, kinds: Iterable[IncidentKind], at: datetime
) -> None:
    """Close the provider's open spans of these kinds."""
    await connection.execute(
        update(rows)
        .where(rows.c.provider == provider, rows.c.kind.in_(list(kinds)), rows.c.ended_at.is_(None))
        .values(ended_at=at)
    )


async def open_spans(connection: AsyncConnection) -> list[Incident]:
    """What has not ended, oldest first."""
    query = select(rows).where(rows.c.ended_at.is_(None)).order_by(rows.c.started_at, rows.c.id)
    return [_incident(row) for row in await connection.execute(query)]


async def since(connection: AsyncConnection, at: datetime, *, provider: str | None = None) -> list[Incident]:
    """Everything that touches the time after `at`, oldest first."""
    query = select(rows).where(or_(rows.c.ended_at.is_(None), rows.c.ended_at > at))
    if provider is not None:
        query = query.where(rows.c.provider == provider)
    return [_incident(row) for row in await connection.execute(query.order_by(rows.c.started_at, rows.c.id))]


def _values(incident: Incident) -> dict[str, Any]:
    return {
        "provider": incident.provider,
        "kind": incident.kind.value,
        "started_at": incident.started_at,
        "ended_at": incident.ended_at,
        "actor": incident.actor,
        "detail": incident.detail,
    }


def _incident(row: Row[Any]) -> Incident:
    return Incident(
        provider=row.provider,
        kind=IncidentKind(row.kind),
        started_at=row.started_at,
        ended_at=row.ended_at,
        actor=row.actor,
        detail=row.detail,
    )
