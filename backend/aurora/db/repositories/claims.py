"""Who works on a deployment: claims are exclusive, run out, and guard what is written.

What several steps found is written together: one statement for all of them, not one for each.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, literal_column, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.repositories.deployment_rows import deployment_of
from aurora.db.repositories.deployments import attempts_of
from aurora.db.tables import attempts as attempt_rows
from aurora.db.tables import deployments as rows
from aurora.db.types import UtcDateTime
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.records import Deployment, DeploymentView

LIVE: list[ColumnElement[str]] = [
    literal_column(f"'{status.value}'") for status in DeploymentStatus if not status.ended
]
"""Named one by one, so that the index over status and time serves; those that have ended are by far the most."""
_NOW = bindparam("now", type_=UtcDateTime)
_FREE = or_(rows.c.claimed_until.is_(None), rows.c.claimed_until < _NOW)
_DUE = (
    select(rows.c.id)
    .where(rows.c.status.in_(LIVE), rows.c.due_at <= _NOW, _FREE)
    .order_by(rows.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKE = (
    update(rows)
    .where(rows.c.id.in_(_DUE), _FREE)
    .values(claim=bindparam("taken_as"), claimed_until=bindparam("until", type_=UtcDateTime))
    .returning(rows)
)
_EARLIEST = [
    select(rows.c.due_at)
    .where(rows.c.status == status, rows.c.due_at.is_not(None), _FREE)
    .order_by(rows.c.due_at)
    .limit(1)
    .subquery()
    for status in LIVE
]
_NEXT = select(func.min(union_all(*(select(one.c.due_at) for one in _EARLIEST)).subquery().c.due_at))
_STANDING = (
    select(
        rows.c.id,
        rows.c.claim,
        rows.c.wanted,
        rows.c.allowed_s,
        rows.c.max_total_cost,
        rows.c.warned_at,
    )
    .where(rows.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(rows.c.id)
    .with_for_update(key_share=True)
)
_WRITE = update(rows).where(rows.c.id == bindparam("own_id"), rows.c.claim == bindparam("own_claim"))
_WRITE_ATTEMPT = update(attempt_rows).where(
    attempt_rows.c.deployment_id == bindparam("own_id"), attempt_rows.c.number == bindparam("own_number")
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A deployment that is still claimed as it was, with what commands have made of it meanwhile."""

    claim: str
    wanted: str
    allowed_s: float
    max_total_cost: Decimal
    warned_at: datetime | None

    def extended(self, loaded: Deployment) -> bool:
        """Was time added since it was read?"""
        return self.allowed_s != loaded.allowed_s

    def commanded(self, loaded: Deployment) -> bool:
        """Was anything asked for since it was read?"""
        return self.wanted != loaded.wanted or self.extended(loaded)


async def take_due(
    connection: AsyncConnection, *, now: datetime, until: datetime, claim: str, limit: int
) -> tuple[DeploymentView, ...]:
    """Claim deployments whose time has come; another worker's live claim is respected."""
    asked = {"now": now, "until": until, "taken_as": claim, "most": limit}
    found = [deployment_of(row) for row in await connection.execute(_TAKE, asked)]
    attempts = await attempts_of(connection, [one.id for one in found])
    return tuple(DeploymentView(one, attempts[one.id]) for one in found)


async def next_due(connection: AsyncConnection, *, now: datetime) -> datetime | None:
    """When the next unclaimed deployment must be looked at; None when there is none."""
    found: datetime | None = (await connection.execute(_NEXT, {"now": now})).scalar_one()
    return found


async def standing(connection: AsyncConnection, claimed: Iterable[Deployment]) -> dict[str, Standing]:
    """Those whose claim is still theirs, by id. Until the transaction ends nobody else writes them."""
    claims = {one.id: one.claim for one in claimed}
    found = await connection.execute(_STANDING, {"ids": list(claims)})
    return {row[0]: Standing(*row[1:]) for row in found if row[1] == claims[row[0]]}


async def write(connection: AsyncConnection, changed: Iterable[tuple[Deployment, Mapping[str, Any]]]) -> None:
    """Columns of deployments, each named with the claim under which it was read. Ask `standing` before."""
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for one, values in changed:
        shapes[tuple(values)].append({**values, "own_id": one.id, "own_claim": one.claim})
    for columns, same in shapes.items():
        if columns:
            await connection.execute(_WRITE, same)


async def write_attempts(
    connection: AsyncConnection, changed: Iterable[tuple[tuple[str, int], Mapping[str, Any]]]
) -> None:
    """Columns of attempts, each named by deployment and number. Ask `standing` before."""
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for (deployment_id, number), values in changed:
        shapes[tuple(values)].append({**values, "own_id": deployment_id, "own_number": number})
    for columns, same in shapes.items():
        if columns:
            await connection.execute(_WRITE_ATTEMPT, same)


async def release(connection: AsyncConnection, given: Sequence[Deployment], *, due_at: datetime) -> None:
    """Give claims back without writing anything else."""
    await write(
        connection, [(one, {"claim": None, "claimed_until": None, "due_at": due_at}) for one in given]
    )
