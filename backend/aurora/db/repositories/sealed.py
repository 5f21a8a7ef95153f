"""What is stored encrypted: page by page, and replaced only where nobody changed it meanwhile."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import deployments as rows
from aurora.domain.deployment import DeploymentStatus

_ACTIVE = tuple(status.value for status in DeploymentStatus if not status.ended)


async def page(connection: AsyncConnection, *, after: str, limit: int) -> Sequence[tuple[str, str]]:
    """Id and sealed text, by id, behind `after`."""
    query = (
        select(rows.c.id, rows.c.sealed_workload).where(rows.c.id > after).order_by(rows.c.id).limit(limit)
    )
    return [(row.id, row.sealed_workload) for row in await connection.execute(query)]


async def replace(connection: AsyncConnection, deployment_id: str, *, old: str, new: str) -> None:
    await connection.execute(
        update(rows)
        .where(rows.c.id == deployment_id, rows.c.sealed_workload == old)
        .values(sealed_workload=new)
    )


async def newest_active(connection: AsyncConnection, *, limit: int) -> Sequence[tuple[str, str]]:
    """Id and sealed text of deployments that have not ended."""
    query = (
        select(rows.c.id, rows.c.sealed_workload)
        .where(rows.c.status.in_(_ACTIVE))
        .order_by(rows.c.created_at.desc())
        .limit(limit)
    )
    return [(row.id, row.sealed_workload) for row in await connection.execute(query)]
