"""Deployments, their attempts and events. Everything takes and gives domain values."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.repositories.deployment_rows import (
    attempt_of,
    attempt_row_of,
    deployment_of,
    event_row_of,
    row_of,
)
from aurora.db.tables import attempts as attempt_rows
from aurora.db.tables import deployment_events, deployment_logs
from aurora.db.tables import deployments as rows
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.records import Attempt, Deployment, DeploymentEvent, DeploymentView

_ENDED = (DeploymentStatus.TERMINATED.value, DeploymentStatus.FAILED.value)
_ADD = insert(rows)
_ADD_ATTEMPT = insert(attempt_rows)
_ADD_EVENT = insert(deployment_events)
_FIND = select(rows).where(rows.c.id == bindparam("id"))
_ATTEMPTS_OF = (
    select(attempt_rows)
    .where(attempt_rows.c.deployment_id.in_(bindparam("ids", expanding=True)))
    .order_by(attempt_rows.c.number)
)
_WANT_TERMINATED = (
    update(rows)
    .where(rows.c.id == bindparam("own_id"), rows.c.wanted == "running", rows.c.status.not_in(_ENDED))
    .values(wanted="terminated", due_at=bindparam("now", type_=rows.c.due_at.type))
    .returning(rows)
)
_INSERT_LOG: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


async def add(connection: AsyncConnection, deployment: Deployment) -> None:
    await connection.execute(_ADD, row_of(deployment))


async def add_attempt(connection: AsyncConnection, attempt: Attempt) -> None:
    await connection.execute(_ADD_ATTEMPT, attempt_row_of(attempt))


async def save_attempt(connection: AsyncConnection, attempt: Attempt) -> None:
    values = attempt_row_of(attempt)
    key = and_(
        attempt_rows.c.deployment_id == values.pop("deployment_id"),
        attempt_rows.c.number == values.pop("number"),
    )
    await connection.execute(update(attempt_rows).where(key).values(values))


async def find(connection: AsyncConnection, deployment_id: str) -> DeploymentView | None:
    """The deployment with its attempts, oldest first."""
    found = (await connection.execute(_FIND, {"id": deployment_id})).first()
    if found is None:
        return None
    return DeploymentView(
        deployment_of(found), (await attempts_of(connection, [deployment_id]))[deployment_id]
    )


async def attempts_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, tuple[Attempt, ...]]:
    """The attempts of each of these deployments, oldest first."""
    if not ids:
        return {}
    found: dict[str, list[Attempt]] = {one: [] for one in ids}
    for row in await connection.execute(_ATTEMPTS_OF, {"ids": ids}):
        attempt = attempt_of(row)
        found[attempt.deployment_id].append(attempt)
    return {key: tuple(values) for key, values in found.items()}


async def page(
    connection: AsyncConnection,
    *,
    tenant: str | None,
    status: str | None,
    provider: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> tuple[DeploymentView, ...]:
    """Newest first, at most `limit`, older than `before` (created_at, id)."""
    query = select(rows).order_by(rows.c.created_at.desc(), rows.c.id.desc()).limit(limit)
    if tenant is not None:
        query = query.where(rows.c.tenant == tenant)
    if status == DeploymentStatus.TERMINATING.value:
        asked = and_(rows.c.wanted == "terminated", rows.c.status.not_in(_ENDED))
        query = query.where(or_(rows.c.status == status, asked))
    elif status is not None:
        query = query.where(rows.c.status == status)
        if status not in _ENDED:
            query = query.where(rows.c.wanted == "running")
    if provider is not None:
        query = query.where(rows.c.provider == provider)
    if before is not None:
        older = or_(
            rows.c.created_at < before[0], and_(rows.c.created_at == before[0], rows.c.id < before[1])
        )
        query = query.where(older)
    found = [deployment_of(row) for row in await connection.execute(query)]
    attempts = await attempts_of(connection, [one.id for one in found])
    return tuple(DeploymentView(one, attempts[one.id]) for one in found)


async def want_terminated(
    connection: AsyncConnection, deployment_id: str, *, now: datetime
) -> Deployment | None:
    """Ask for the end. None when it was asked before, or has ended."""
    written = (await connection.execute(_WANT_TERMINATED, {"own_id": deployment_id, "now": now})).first()
    return None if written is None else deployment_of(written)


async def extend(
    connection: AsyncConnection, deployment_id: str, *, seconds: float, cost: Any, now: datetime
) -> bool:
    """Add running time and money to a deployment that nobody has ended."""
    written = await connection.execute(
        update(rows)
        .where(rows.c.id == deployment_id, rows.c.wanted == "running", rows.c.status.not_in(_ENDED))
        .where(rows.c.end_reason.is_(None))
        .values(
            allowed_s=rows.c.allowed_s + seconds,
            max_total_cost=rows.c.max_total_cost + cost,
            warned_at=None,
            due_at=now,
        )
        .returning(rows.c.id)
    )
    return written.first() is not None


async def wake(connection: AsyncConnection, deployment_id: str, *, now: datetime) -> None:
    """Make one deployment due at once."""
    await connection.execute(
        update(rows).where(rows.c.id == deployment_id, rows.c.status.not_in(_ENDED)).values(due_at=now)
    )


async def reopen(connection: AsyncConnection, attempt: Attempt, *, now: datetime) -> None:
    """An instance of an attempt that had been closed was seen: its deployment goes back to terminating."""
    await save_attempt(connection, attempt)
    await connection.execute(
        update(rows)
        .where(rows.c.id == attempt.deployment_id)
        .values(
            status=case((rows.c.status.in_(_ENDED), DeploymentStatus.TERMINATING.value), else_=rows.c.status),
            ended_at=None,
            due_at=now,
        )
    )


async def find_attempts(connection: AsyncConnection, names: Iterable[str]) -> dict[str, Attempt]:
    """Attempts by the name they have at the market."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    query = select(attempt_rows).where(attempt_rows.c.name.in_(wanted))
    return {row.name: attempt_of(row) for row in await connection.execute(query)}


async def open_in_mode(connection: AsyncConnection, *, emulated: bool) -> int:
    """How many deployments of emulated, or of live, markets have not ended."""
    query = select(func.count()).where(rows.c.status.not_in(_ENDED), rows.c.emulated.is_(emulated))
    return int((await connection.execute(query)).scalar_one())


async def add_events(connection: AsyncConnection, events: Sequence[DeploymentEvent]) -> None:
    if events:
        await connection.execute(_ADD_EVENT, [event_row_of(one) for one in events])


async def events_of(connection: AsyncConnection, deployment_id: str) -> tuple[DeploymentEvent, ...]:
    query = (
        select(deployment_events)
        .where(deployment_events.c.deployment_id == deployment_id)
        .order_by(deployment_events.c.id)
    )
    return tuple(DeploymentEvent(**row._mapping) for row in await connection.execute(query))  # noqa: SLF001 - documented accessor


async def archive_logs(
    connection: AsyncConnection, deployment_id: str, *, attempt: int, at: datetime, text: str
) -> None:
    """Keep the last lines of one attempt; a newer archive replaces an older one."""
    key = {"deployment_id": deployment_id, "attempt": attempt}
    statement = _INSERT_LOG[connection.dialect.name](deployment_logs).values(**key, at=at, text=text)
    kept = {"at": statement.excluded.at, "text": statement.excluded.text}
    await connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=kept))


async def archived_logs(connection: AsyncConnection, deployment_id: str) -> str | None:
    """The newest attempt's archived lines, None when nothing was archived."""
    query = (
        select(deployment_logs.c.text)
        .where(deployment_logs.c.deployment_id == deployment_id)
        .order_by(deployment_logs.c.attempt.desc())
        .limit(1)
    )
    found = (await connection.execute(query)).first()
    return None if found is None else str(found[0])


async def clear_claims(connection: AsyncConnection, *, now: datetime) -> None:
    """Free every deployment: only for a process that is certain to be the only one (the embedded database)."""
    await connection.execute(
        update(rows).where(rows.c.status.not_in(_ENDED)).values(claim=None, claimed_until=None, due_at=now)
    )
