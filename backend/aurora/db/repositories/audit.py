"""The audit log: append only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.access_tables import audit_log as rows
from aurora.domain.audit import AuditEntry

_LONGEST_TARGET = 255


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """None: any. `since` and later, before `until`."""

    tenant: str | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def row_of(entry: AuditEntry) -> dict[str, Any]:
    """The columns of `audit_log` that the database does not count up."""
    return {
        "at": entry.at,
        "tenant": entry.tenant,
        "actor": entry.actor,
        "action": str(entry.action),
        "target": None if entry.target is None else entry.target[:_LONGEST_TARGET],
        "status": entry.status,
        "request_id": entry.request_id,
        "data": dict(entry.data),
    }


async def add(connection: AsyncConnection, entry: AuditEntry) -> None:
    await connection.execute(insert(rows), row_of(entry))


async def page(
    connection: AsyncConnection, wanted: AuditFilter, *, before: int | None, limit: int
) -> tuple[AuditEntry, ...]:
    """Newest first, at most `limit`, older than the row `before`."""
    query = select(rows).order_by(rows.c.id.desc()).limit(limit)
    for column, value in (
        (rows.c.tenant, wanted.tenant),
        (rows.c.actor, wanted.actor),
        (rows.c.action, wanted.action),
        (rows.c.target, wanted.target),
    ):
        if value is not None:
            query = query.where(column == str(value))
    if wanted.since is not None:
        query = query.where(rows.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(rows.c.at < wanted.until)
    if before is not None:
        query = query.where(rows.c.id < before)
    return tuple(_entry(row) for row in await connection.execute(query))


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor
