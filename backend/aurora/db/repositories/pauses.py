"""Pauses that a provider itself dated (a quota until midnight): a restart must not forget them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import provider_pauses as rows

_WHOLE = "*"
"""Stands for the whole provider: a key column cannot be null."""
_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent to `endpoint` of `provider` before `until`."""

    provider: str
    endpoint: str | None
    """The provider's own limit class; None: the whole provider."""
    until: datetime
    reason: str


async def save(connection: AsyncConnection, pause: Pause) -> None:
    """Keep the pause; the provider's latest date for an endpoint replaces the one before."""
    insert = _INSERT[connection.dialect.name](rows).values(
        asdict(pause) | {"endpoint": pause.endpoint or _WHOLE}
    )
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=["provider", "endpoint"],
            set_={"until": insert.excluded.until, "reason": insert.excluded.reason},
        )
    )


async def current(connection: AsyncConnection, now: datetime) -> list[Pause]:
    """The pauses that still hold at `now`."""
    query = select(rows).where(rows.c.until > now).order_by(rows.c.provider, rows.c.endpoint)
    return [
        Pause(row.provider, None if row.endpoint == _WHOLE else row.endpoint, row.until, row.reason)
        for row in await connection.execute(query)
    ]


async def drop_expired(connection: AsyncConnection, now: datetime) -> int:
    """Forget what no longer holds; answers how many."""
    return int((await connection.execute(delete(rows).where(rows.c.until <= now))).rowcount)
