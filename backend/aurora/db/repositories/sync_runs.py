"""What each sync of each provider did, and the line that people see of a provider."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db import tables
from aurora.domain.health import ProviderStatus
from aurora.domain.records import SyncReport

RUNNING = "running"
"""The outcome of a run that has not ended."""
_RECENT = 100


@dataclass(frozen=True, slots=True)
class SyncedProvider:
    """A provider's line: when it was last asked, when that last went well, what went wrong."""

    name: str
    last_sync_at: datetime | None
    last_success_at: datetime | None
    last_error: str | None
    completeness: float | None


@dataclass(frozen=True, slots=True)
class EndedRun:
    id: int
    report: SyncReport


async def begin(connection: AsyncConnection, provider: str, *, at: datetime) -> int:
    """A new run's id. Runs of this provider left open by a process that ended count as failed."""
    runs = tables.sync_runs
    await connection.execute(
        update(runs)
        .where(runs.c.provider == provider, runs.c.outcome == RUNNING)
        .values(outcome="failed", error="interrupted: the process ended during this run")
    )
    made = await connection.execute(
        insert(runs)
        .values(provider=provider, started_at=at, outcome=RUNNING, rejected={})
        .returning(runs.c.id)
    )
    return int(made.scalar_one())


async def finish(connection: AsyncConnection, run_id: int, report: SyncReport) -> None:
    runs = tables.sync_runs
    await connection.execute(
        update(runs)
        .where(runs.c.id == run_id)
        .values(
            seconds=report.seconds,
            outcome=report.outcome,
            seen=report.seen,
            new=report.new,
            changed=report.changed,
            gone=report.gone,
            rejected=dict(report.rejected),
            unknown_gpus=report.unknown_gpus,
            completeness=report.completeness,
            error=report.error,
        )
    )


async def last_ids(connection: AsyncConnection, provider: str | None = None) -> dict[str, int]:
    """The newest run of each provider, running ones included."""
    runs = tables.sync_runs
    query = select(runs.c.provider, func.max(runs.c.id)).group_by(runs.c.provider)
    if provider is not None:
        query = query.where(runs.c.provider == provider)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def latest(connection: AsyncConnection, provider: str) -> SyncReport | None:
    """The newest run that has ended."""
    runs = tables.sync_runs
    query = _ended().where(runs.c.provider == provider).order_by(runs.c.id.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return None if row is None else _report(row)


async def recent(connection: AsyncConnection) -> tuple[dict[str, EndedRun], dict[str, int]]:
    """By provider, the newest run that has ended, and the newest run's id, running ones included.

    Of the last runs only, whatever the table has grown to: for those who look again and again. A provider without a
    run among them has nothing new.
    """
    runs = tables.sync_runs
    newest = select(func.max(runs.c.id)).scalar_subquery()
    found = await connection.execute(select(runs).where(runs.c.id > newest - _RECENT).order_by(runs.c.id))
    ended: dict[str, Row[Any]] = {}
    last: dict[str, int] = {}
    for row in found:
        last[row.provider] = row.id
        if row.outcome != RUNNING:
            ended[row.provider] = row
    return {name: EndedRun(row.id, _report(row)) for name, row in ended.items()}, last


async def raise_fence(connection: AsyncConnection, provider: str, *, fence: int, at: datetime) -> bool:
    """Write as the holder of `fence`. False: a later holder has written already, so nothing of ours may follow.

    The provider's line stays locked until the transaction ends: two holders' writes never mix.
    """
    row = {"name": provider, "status": ProviderStatus.HEALTHY, "updated_at": at, "sync_fence": fence}
    written = await connection.execute(_raised_fence(connection.dialect.name), row)
    return written.first() is not None


@lru_cache
def _raised_fence(dialect: str) -> Any:
    """Made once: it begins every transaction of a sync."""
    table = tables.providers
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    new = statement.excluded.sync_fence
    return statement.on_conflict_do_update(
        index_elements=["name"], set_={"sync_fence": new}, where=table.c.sync_fence <= new
    ).returning(table.c.name)


async def latest_all(connection: AsyncConnection) -> dict[str, SyncReport]:
    """The newest ended run of each provider."""
    runs = tables.sync_runs
    newest = select(func.max(runs.c.id)).where(runs.c.outcome != RUNNING).group_by(runs.c.provider)
    rows = await connection.execute(_ended().where(runs.c.id.in_(newest)))
    return {row.provider: _report(row) for row in rows}


async def save_provider(connection: AsyncConnection, line: SyncedProvider, *, at: datetime) -> None:
    """Sync figures only: `status` and `reason` belong to whoever judges health, and are set on the first line."""
    well = line.last_error is None
    row = {
        "name": line.name,
        "status": ProviderStatus.HEALTHY if well else ProviderStatus.DEGRADED,
        "last_sync_at": line.last_sync_at,
        "last_success_at": line.last_success_at,
        "last_error": line.last_error,
        "completeness": line.completeness,
        "updated_at": at,
    }
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(tables.providers)
    own = [name for name in row if name not in {"name", "status"}]
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={name: statement.excluded[name] for name in own}
        ),
        row,
    )


async def providers(connection: AsyncConnection, provider: str | None = None) -> dict[str, SyncedProvider]:
    table = tables.providers
    query = select(table)
    if provider is not None:
        query = query.where(table.c.name == provider)
    return {
        row.name: SyncedProvider(
            row.name, row.last_sync_at, row.last_success_at, row.last_error, row.completeness
        )
        for row in await connection.execute(query)
    }


def _ended() -> Select[Any]:
    return select(tables.sync_runs).where(tables.sync_runs.c.outcome != RUNNING)


def _report(row: Row[Any]) -> SyncReport:
    return SyncReport(
        provider=row.provider,
        started_at=row.started_at,
        seconds=row.seconds or 0.0,
        outcome=row.outcome,
        seen=row.seen,
        new=row.new,
        changed=row.changed,
        gone=row.gone,
        rejected=row.rejected,
        completeness=row.completeness,
        error=row.error,
        unknown_gpus=row.unknown_gpus or 0,
    )
