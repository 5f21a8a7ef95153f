"""The last known health of every provider, and of our own loop: what other replicas see."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.health_tables import provider_health as rows
from aurora.domain.health import BreakerState, ProviderStatus

_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


@dataclass(frozen=True, slots=True)
class Observation:
    """One provider as it was seen at `observed_at`. `success_rate` 0..1 and times are None without data."""

    provider: str
    status: ProviderStatus
    breaker: BreakerState
    trips: int
    observed_at: datetime
    reason: str | None = None
    success_rate: float | None = None
    avg_response_ms: float | None = None


async def save(connection: AsyncConnection, observation: Observation) -> None:
    """Insert or replace the provider's row."""
    values = asdict(observation)
    insert = _INSERT[connection.dialect.name](rows).values(values)
    changed = {name: insert.excluded[name] for name in values if name != "provider"}
    await connection.execute(insert.on_conflict_do_update(index_elements=["provider"], set_=changed))


async def last(connection: AsyncConnection) -> dict[str, Observation]:
    """The last observation of every provider that ever had one."""
    found = await connection.execute(select(rows).order_by(rows.c.provider))
    return {
        row.provider: Observation(
            provider=row.provider,
            status=ProviderStatus(row.status),
            breaker=BreakerState(row.breaker),
            trips=row.trips,
            observed_at=row.observed_at,
            reason=row.reason,
            success_rate=row.success_rate,
            avg_response_ms=row.avg_response_ms,
        )
        for row in found
    }
