"""Tenants, and what they have in use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import attempts, deployments
from aurora.db.tables import tenants as rows
from aurora.domain.deployment import AttemptState, DeploymentStatus

_ACTIVE = tuple(status.value for status in DeploymentStatus if not status.ended)


@dataclass(frozen=True, slots=True)
class StoredTenant:
    """A row. `limits` is the document as it was written; services read it."""

    id: str
    limits: Mapping[str, Any]
    created_at: datetime
    name: str | None = None
    home_region: str | None = None
    updated_at: datetime | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InUse:
    """Of one tenant: deployments that have not ended, and their GPUs."""

    deployments: int
    gpus: int


async def add(connection: AsyncConnection, tenant: StoredTenant) -> None:
    """Raises IntegrityError when there is one of that id."""
    await connection.execute(insert(rows).values(_values(tenant)))


async def save(connection: AsyncConnection, tenant: StoredTenant) -> None:
    values = _values(tenant)
    await connection.execute(update(rows).where(rows.c.id == values.pop("id")).values(values))


async def find(connection: AsyncConnection, tenant_id: str) -> StoredTenant | None:
    row = (await connection.execute(select(rows).where(rows.c.id == tenant_id))).first()
    return None if row is None else _tenant(row)


async def lock(connection: AsyncConnection, tenant_id: str) -> StoredTenant | None:
    """The row, which nobody else changes or counts by until this transaction ends.

    Not FOR UPDATE: that would wait for, and stop, every insert that refers to the tenant. On SQLite a transaction
    that writes is alone anyway.
    """
    query = select(rows).where(rows.c.id == tenant_id).with_for_update(key_share=True)
    row = (await connection.execute(query)).first()
    return None if row is None else _tenant(row)


async def find_many(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, StoredTenant]:
    found = await connection.execute(select(rows).where(rows.c.id.in_(ids)))
    return {row.id: _tenant(row) for row in found}


async def page(connection: AsyncConnection, *, after: str | None, limit: int) -> tuple[StoredTenant, ...]:
    """By id, at most `limit`, behind `after`."""
    query = select(rows).order_by(rows.c.id).limit(limit)
    if after is not None:
        query = query.where(rows.c.id > after)
    return tuple(_tenant(row) for row in await connection.execute(query))


async def in_use(connection: AsyncConnection, tenant_id: str) -> InUse:
    """A deployment counts the GPUs of all attempts that are not confirmed gone, and of its present one."""
    mine = (deployments.c.tenant == tenant_id, deployments.c.status.in_(_ACTIVE))
    counted = await connection.execute(select(func.count()).select_from(deployments).where(*mine))
    joined = attempts.join(deployments, attempts.c.deployment_id == deployments.c.id)
    live = or_(
        attempts.c.state != AttemptState.ENDED.value,
        attempts.c.number == deployments.c.attempt,
    )
    gpus = await connection.execute(
        select(func.coalesce(func.sum(attempts.c.gpu_count), 0)).select_from(joined).where(*mine, live)
    )
    return InUse(int(counted.scalar_one()), int(gpus.scalar_one()))


def _values(tenant: StoredTenant) -> dict[str, Any]:
    return {
        "id": tenant.id,
        "name": tenant.name,
        "home_region": tenant.home_region,
        "limits": dict(tenant.limits),
        "created_at": tenant.created_at,
        "updated_at": tenant.updated_at,
        "disabled_at": tenant.disabled_at,
    }


def _tenant(row: Row[Any]) -> StoredTenant:
    return StoredTenant(**row._mapping)  # noqa: SLF001 - documented accessor
