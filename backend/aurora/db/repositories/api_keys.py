"""Keys. The secret is never here, only its SHA-256: it is 256 random bits, which nobody guesses from a digest."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.access_tables import api_keys as rows
from aurora.domain.api_key import ApiKey

_SHOWN = [column for column in rows.columns if column.name != "digest"]


async def add(connection: AsyncConnection, key: ApiKey, *, digest: str) -> None:
    """Raises IntegrityError for a tenant that is not there."""
    await connection.execute(insert(rows).values(**_values(key), digest=digest))


async def find(connection: AsyncConnection, key_id: str) -> ApiKey | None:
    row = (await connection.execute(select(*_SHOWN).where(rows.c.id == key_id))).first()
    return None if row is None else _key(row)


async def lock(connection: AsyncConnection, key_id: str) -> ApiKey | None:
    """The row, which nobody else changes until this transaction ends."""
    row = (await connection.execute(select(*_SHOWN).where(rows.c.id == key_id).with_for_update())).first()
    return None if row is None else _key(row)


async def by_digest(connection: AsyncConnection, digests: Sequence[str]) -> dict[str, ApiKey]:
    found = await connection.execute(select(rows.c.digest, *_SHOWN).where(rows.c.digest.in_(digests)))
    return {row.digest: _key(row) for row in found}


async def of_tenant(connection: AsyncConnection, tenant: str) -> tuple[ApiKey, ...]:
    """Newest first, the ended ones too."""
    query = select(*_SHOWN).where(rows.c.tenant == tenant).order_by(rows.c.created_at.desc(), rows.c.id)
    return tuple(_key(row) for row in await connection.execute(query))


async def revoke(connection: AsyncConnection, key_id: str, *, at: datetime) -> None:
    """From now on it opens nothing. The first revocation is the one that is kept."""
    await connection.execute(
        update(rows).where(rows.c.id == key_id, rows.c.revoked_at.is_(None)).values(revoked_at=at)
    )


async def expire(connection: AsyncConnection, key_id: str, *, at: datetime) -> None:
    """It ends at `at`, unless it ends before."""
    later = or_(rows.c.expires_at.is_(None), rows.c.expires_at > at)
    await connection.execute(update(rows).where(rows.c.id == key_id, later).values(expires_at=at))


async def used(connection: AsyncConnection, moments: Mapping[str, datetime]) -> None:
    """Write when keys were last used; another process' later moment stays."""
    for key_id in sorted(moments):
        at = moments[key_id]
        newer = or_(rows.c.last_used_at.is_(None), rows.c.last_used_at < at)
        await connection.execute(update(rows).where(rows.c.id == key_id, newer).values(last_used_at=at))


def _values(key: ApiKey) -> dict[str, Any]:
    values = {column.name: getattr(key, column.name) for column in _SHOWN}
    values["scopes"] = " ".join(sorted(key.scopes))
    return values


def _key(row: Row[Any]) -> ApiKey:
    values = {column.name: getattr(row, column.name) for column in _SHOWN}
    values["scopes"] = frozenset(values["scopes"].split())
    return ApiKey(**values)
