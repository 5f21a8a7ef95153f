"""Our deployments counted and summed up by the database: they may be thousands, and are asked for every few seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Float, and_, bindparam, case, cast, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.repositories.claims import LIVE
from aurora.db.tables import attempts, capacity_holds, deployments
from aurora.db.types import Money, UtcDateTime
from aurora.domain.deployment import AttemptState

_BEFORE = bindparam("before", type_=UtcDateTime)
_PRICE = func.coalesce(
    func.nullif(attempts.c.charged_usd_per_hour, literal_column("0")),
    func.nullif(attempts.c.quoted_usd_per_hour, literal_column("0")),
    attempts.c.decided_usd_per_hour,
)
"""As `Attempt.usd_per_hour`."""
_MAY_COST = attempts.c.state.in_([literal_column(f"'{one.value}'") for one in AttemptState if one.may_cost])
_UNCONFIRMED = and_(attempts.c.state == AttemptState.ENDING.value, attempts.c.terminate_asked_at < _BEFORE)
_ATTEMPTS = (
    select(
        attempts.c.provider,
        func.sum(case((_MAY_COST, _PRICE)), type_=Money),
        func.count(case((_UNCONFIRMED, 1))),
        func.max(
            cast(attempts.c.charged_usd_per_hour, Float)
            / func.nullif(cast(attempts.c.decided_usd_per_hour, Float), 0.0)
        ),
    )
    .join(deployments, deployments.c.id == attempts.c.deployment_id)
    .where(deployments.c.status.in_(LIVE), attempts.c.state != AttemptState.ENDED.value)
    .group_by(attempts.c.provider)
)
_ACTIVE = (
    select(deployments.c.provider, func.count())
    .where(deployments.c.status.in_(LIVE), deployments.c.provider.is_not(None))
    .group_by(deployments.c.provider)
)
_HOLDS = (
    select(capacity_holds.c.provider, func.count())
    .where(
        or_(
            capacity_holds.c.expires_at.is_(None),
            capacity_holds.c.expires_at > bindparam("now", type_=UtcDateTime),
        )
    )
    .group_by(capacity_holds.c.provider)
)
_OLDEST_DUE = select(func.min(deployments.c.due_at)).where(
    deployments.c.status.in_(LIVE), deployments.c.claim.is_(None)
)


@dataclass(frozen=True, slots=True)
class LiveAttempts:
    """Of one provider: those that have not ended."""

    spend_usd_per_hour: Decimal | None
    """Of those that may cost money now; None without any."""
    unconfirmed: int
    """Whose end was asked for long ago."""
    dearest: float | None
    """The highest of charged / decided; None where nothing is charged yet."""


async def live_attempts(connection: AsyncConnection, *, asked_before: datetime) -> dict[str, LiveAttempts]:
    """By provider; `unconfirmed` are those whose end was asked for before then."""
    found = await connection.execute(_ATTEMPTS, {"before": asked_before})
    return {row[0]: LiveAttempts(*row[1:]) for row in found}


async def active(connection: AsyncConnection) -> Mapping[str, int]:
    """Deployments that have not ended, by provider."""
    return {row[0]: row[1] for row in await connection.execute(_ACTIVE)}


async def held(connection: AsyncConnection, *, now: datetime) -> Mapping[str, int]:
    """Holds that have not expired, by provider."""
    return {row[0]: row[1] for row in await connection.execute(_HOLDS, {"now": now})}


async def oldest_due(connection: AsyncConnection) -> datetime | None:
    """Since when the most overdue unclaimed deployment waits; None when nothing is scheduled."""
    found: datetime | None = (await connection.execute(_OLDEST_DUE)).scalar_one()
    return found
