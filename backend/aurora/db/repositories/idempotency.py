"""Idempotency keys: per tenant and operation, bound in the transaction that creates the deployment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import idempotency_keys as rows

_FORGET = delete(rows).where(
    rows.c.tenant == bindparam("tenant_"),
    rows.c.operation == bindparam("operation_"),
    rows.c.key == bindparam("key_"),
    rows.c.expires_at <= bindparam("now_"),
)


@dataclass(frozen=True, slots=True)
class BoundKey:
    body_hash: str
    deployment_id: str


async def find(
    connection: AsyncConnection, *, tenant: str, operation: str, key: str, now: datetime
) -> BoundKey | None:
    """The binding, unless it has expired."""
    query = select(rows.c.body_hash, rows.c.deployment_id).where(
        rows.c.tenant == tenant, rows.c.operation == operation, rows.c.key == key, rows.c.expires_at > now
    )
    row = (await connection.execute(query)).first()
    return None if row is None else BoundKey(row.body_hash, row.deployment_id)


@dataclass(frozen=True, slots=True)
class Binding:
    """What `bind` writes: the key of one caller, and what came of it."""

    tenant: str
    operation: str
    key: str
    body_hash: str
    deployment_id: str
    created_at: datetime
    expires_at: datetime


def row_of(one: Binding) -> dict[str, Any]:
    """The columns of `idempotency_keys`. A second binding of the same key is an IntegrityError."""
    return {column.name: getattr(one, column.name) for column in rows.columns}


async def forget(connection: AsyncConnection, *bound: Binding) -> None:
    """Make room for these: whoever had the same key before, and whose time is over."""
    for one in bound:
        await connection.execute(
            _FORGET,
            {
                "tenant_": one.tenant,
                "operation_": one.operation,
                "key_": one.key,
                "now_": one.created_at,
            },
        )


async def drop_expired(connection: AsyncConnection, *, now: datetime) -> None:
    """Forget all whose time is over."""
    await connection.execute(delete(rows).where(rows.c.expires_at <= now))
