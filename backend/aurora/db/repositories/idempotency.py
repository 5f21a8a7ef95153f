"""Idempotency keys: per tenant and operation, bound in the transaction that creates the deployment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import idempotency_keys as rows


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


async def bind(
    connection: AsyncConnection,
    *,
    tenant: str,
    operation: str,
    key: str,
    body_hash: str,
    deployment_id: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Bind the key. A concurrent binding of the same key raises IntegrityError and rolls everything back."""
    await connection.execute(delete(rows).where(rows.c.expires_at <= now))
    await connection.execute(
        insert(rows).values(
            tenant=tenant,
            operation=operation,
            key=key,
            body_hash=body_hash,
            deployment_id=deployment_id,
            created_at=now,
            expires_at=expires_at,
        )
    )
