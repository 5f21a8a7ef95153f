"""Deployments, their attempts and events. Everything takes and gives domain values."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import attempts as attempt_rows
from aurora.db.tables import deployment_events, deployment_logs
from aurora.db.tables import deployments as rows
from aurora.db.types import UtcDateTime
from aurora.domain.deployment import AttemptState, DeploymentStatus, EndReason
from aurora.domain.offer import PriceKind
from aurora.domain.records import Attempt, Deployment, DeploymentEvent, DeploymentView

_ENDED = (DeploymentStatus.TERMINATED.value, DeploymentStatus.FAILED.value)
_LIVE = tuple(state.value for state in AttemptState if state is not AttemptState.ENDED)
_LIMITS = (EndReason.DURATION_REACHED.value, EndReason.BUDGET_REACHED.value)
_RECONCILED = (
    "status", "phase", "reason", "end_reason", "provider", "attempt", "cost_usd", "running_at",
    "ended_at", "warned_at", "running_s",
)  # fmt: skip
"""What only the reconciler writes; `wanted`, `allowed_s` and `max_total_cost` belong to commands."""


def row_of(value: Deployment) -> dict[str, Any]:
    """The columns of `deployments`."""
    return {column.name: _plain(getattr(value, column.name)) for column in rows.columns}


def attempt_row_of(value: Attempt) -> dict[str, Any]:
    """The columns of `attempts`."""
    values = {column.name: _plain(getattr(value, column.name)) for column in attempt_rows.columns}
    values["resources"] = sorted(value.resources)
    values["endpoints"] = [dict(endpoint) for endpoint in value.endpoints]
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, DeploymentStatus | AttemptState | PriceKind):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value


def _deployment(row: Row[Any]) -> Deployment:
    values = {**row._mapping}  # noqa: SLF001 - SQLAlchemy's documented accessor
    values["status"] = DeploymentStatus(values["status"])
    return Deployment(**values)


def _attempt(row: Row[Any]) -> Attempt:
    values = {**row._mapping}  # noqa: SLF001 - SQLAlchemy's documented accessor
    values["state"] = AttemptState(values["state"])
    values["price_kind"] = PriceKind(values["price_kind"])
    values["resources"] = frozenset(values["resources"])
    values["endpoints"] = tuple(values["endpoints"])
    return Attempt(**values)


async def add(connection: AsyncConnection, deployment: Deployment) -> None:
    await connection.execute(insert(rows), row_of(deployment))


async def add_attempt(connection: AsyncConnection, attempt: Attempt) -> None:
    await connection.execute(insert(attempt_rows), attempt_row_of(attempt))


async def save_attempt(connection: AsyncConnection, attempt: Attempt) -> None:
    values = attempt_row_of(attempt)
    key = and_(
        attempt_rows.c.deployment_id == values.pop("deployment_id"),
        attempt_rows.c.number == values.pop("number"),
    )
    await connection.execute(update(attempt_rows).where(key).values(values))


async def find(connection: AsyncConnection, deployment_id: str) -> DeploymentView | None:
    """The deployment with its attempts, oldest first."""
    found = (await connection.execute(select(rows).where(rows.c.id == deployment_id))).first()
    if found is None:
        return None
    return DeploymentView(
        _deployment(found), (await _attempts_of(connection, [deployment_id]))[deployment_id]
    )


async def _attempts_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, tuple[Attempt, ...]]:
    if not ids:
        return {}
    query = select(attempt_rows).where(attempt_rows.c.deployment_id.in_(ids)).order_by(attempt_rows.c.number)
    found: dict[str, list[Attempt]] = {one: [] for one in ids}
    for row in await connection.execute(query):
        found[row.deployment_id].append(_attempt(row))
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
    found = [_deployment(row) for row in await connection.execute(query)]
    attempts = await _attempts_of(connection, [one.id for one in found])
    return tuple(DeploymentView(one, attempts[one.id]) for one in found)


async def claim_due(
    connection: AsyncConnection, *, now: datetime, until: datetime, claim: str, limit: int
) -> tuple[DeploymentView, ...]:
    """Take deployments whose time has come; another worker's live claim is respected."""
    free = or_(rows.c.claimed_until.is_(None), rows.c.claimed_until < now)
    due = (
        select(rows.c.id)
        .where(rows.c.status.not_in(_ENDED), rows.c.due_at <= now, free)
        .order_by(rows.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(rows).where(rows.c.id.in_(due), free).values(claim=claim, claimed_until=until).returning(rows)
    )
    found = [_deployment(row) for row in await connection.execute(taken)]
    attempts = await _attempts_of(connection, [one.id for one in found])
    return tuple(DeploymentView(one, attempts[one.id]) for one in found)


async def next_due(connection: AsyncConnection, *, now: datetime) -> datetime | None:
    """When the next unclaimed deployment must be looked at; None when there is none."""
    free = or_(rows.c.claimed_until.is_(None), rows.c.claimed_until < now)
    query = select(func.min(rows.c.due_at)).where(rows.c.status.not_in(_ENDED), free)
    found: datetime | None = (await connection.execute(query)).scalar_one()
    return found


async def settle(
    connection: AsyncConnection,
    deployment: Deployment,
    *,
    loaded: Deployment,
    due_at: datetime | None,
    now: datetime,
) -> bool:
    """Write what a step found and release the claim. False: the claim had run out, nothing was written.

    A command that came in meanwhile (another `wanted`, more time) makes the deployment due at once; more time also
    means another warning before its end.
    """
    values = {name: _plain(getattr(deployment, name)) for name in _RECONCILED}
    extended = rows.c.allowed_s != loaded.allowed_s
    commanded = or_(rows.c.wanted != loaded.wanted, extended)
    values["due_at"] = None if deployment.status.ended else case((commanded, now), else_=due_at)
    values["warned_at"] = case((extended, None), else_=literal(deployment.warned_at, UtcDateTime))
    query = update(rows).where(rows.c.id == deployment.id, rows.c.claim == loaded.claim)
    if deployment.end_reason in _LIMITS and loaded.end_reason is None:
        # The limit that this step found reached may have been raised meanwhile: then nothing of it stands.
        query = query.where(rows.c.allowed_s == loaded.allowed_s)
    written = await connection.execute(
        query.values(**values, claim=None, claimed_until=None).returning(rows.c.id)
    )
    return written.first() is not None


async def progress(connection: AsyncConnection, deployment: Deployment, *, loaded: Deployment) -> bool:
    """Write an intermediate state and keep the claim. False: the claim had run out; stop."""
    values = {name: _plain(getattr(deployment, name)) for name in _RECONCILED}
    written = await connection.execute(
        update(rows)
        .where(rows.c.id == deployment.id, rows.c.claim == loaded.claim)
        .values(**values)
        .returning(rows.c.id)
    )
    return written.first() is not None


async def release_claim(connection: AsyncConnection, loaded: Deployment, *, due_at: datetime) -> None:
    """Give a claim back without writing anything else."""
    await connection.execute(
        update(rows)
        .where(rows.c.id == loaded.id, rows.c.claim == loaded.claim)
        .values(claim=None, claimed_until=None, due_at=due_at)
    )


async def want_terminated(connection: AsyncConnection, deployment_id: str, *, now: datetime) -> bool:
    """Ask for the end. False when it was asked before, or has ended."""
    written = await connection.execute(
        update(rows)
        .where(rows.c.id == deployment_id, rows.c.wanted == "running", rows.c.status.not_in(_ENDED))
        .values(wanted="terminated", due_at=now)
        .returning(rows.c.id)
    )
    return written.first() is not None


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
    return {row.name: _attempt(row) for row in await connection.execute(query)}


async def live_attempts(connection: AsyncConnection) -> tuple[Attempt, ...]:
    """Every attempt that has not ended."""
    query = select(attempt_rows).where(attempt_rows.c.state.in_(_LIVE))
    return tuple(_attempt(row) for row in await connection.execute(query))


async def active_counts(connection: AsyncConnection) -> dict[str, int]:
    """Deployments that have not ended, by provider."""
    query = (
        select(rows.c.provider, func.count())
        .where(rows.c.status.not_in(_ENDED), rows.c.provider.is_not(None))
        .group_by(rows.c.provider)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}


async def open_in_mode(connection: AsyncConnection, *, emulated: bool) -> int:
    """How many deployments of emulated, or of live, markets have not ended."""
    query = select(func.count()).where(rows.c.status.not_in(_ENDED), rows.c.emulated.is_(emulated))
    return int((await connection.execute(query)).scalar_one())


async def add_events(connection: AsyncConnection, events: Sequence[DeploymentEvent]) -> None:
    if events:
        await connection.execute(insert(deployment_events), [event_row_of(one) for one in events])


def event_row_of(one: DeploymentEvent) -> dict[str, Any]:
    """The columns of `deployment_events` that the database does not count up."""
    return {
        "deployment_id": one.deployment_id,
        "at": one.at,
        "kind": one.kind,
        "attempt": one.attempt,
        "message": one.message,
        "data": dict(one.data),
    }


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
    key = (deployment_id, attempt)
    present = select(deployment_logs.c.at).where(
        tuple_(deployment_logs.c.deployment_id, deployment_logs.c.attempt) == tuple_(*key)
    )
    if (await connection.execute(present)).first() is None:
        values = {"deployment_id": deployment_id, "attempt": attempt, "at": at, "text": text}
        await connection.execute(insert(deployment_logs).values(values))
        return
    await connection.execute(
        update(deployment_logs)
        .where(deployment_logs.c.deployment_id == deployment_id, deployment_logs.c.attempt == attempt)
        .values(at=at, text=text)
    )


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
