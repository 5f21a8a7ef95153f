"""The decision log: append only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.tables import decision_outcomes, decisions

_ADD = insert(decisions)
_ADD_OUTCOME = insert(decision_outcomes)


@dataclass(frozen=True, slots=True)
class LaunchOutcome:
    """What came of one launch."""

    provider: str
    kind: str
    at: datetime
    latency_ms: float | None
    ttr_s: float | None


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """One decision; `values` has the columns of the table."""
    await connection.execute(_ADD, dict(values))


async def find(connection: AsyncConnection, decision_id: str, *, tenant: str | None) -> dict[str, Any] | None:
    query = select(decisions).where(decisions.c.id == decision_id)
    if tenant is not None:
        query = query.where(decisions.c.tenant == tenant)
    row = (await connection.execute(query)).first()
    return None if row is None else dict(row._mapping)  # noqa: SLF001 - documented accessor


def outcome_row(  # noqa: PLR0913 - the columns of one row
    *,
    decision_id: str,
    attempt: int,
    kind: str,
    provider: str,
    host: str | None,
    t_known: datetime,
    ttr_s: float | None = None,
    latency_ms: float | None = None,
    cost_usd: Decimal | None = None,
) -> dict[str, Any]:
    """What came of it (ok, fail_fast, fail_slow, nocap or interrupted): the columns that the database does not count up."""
    return {
        "decision_id": decision_id,
        "attempt": attempt,
        "kind": kind,
        "provider": provider,
        "host": host,
        "t_known": t_known,
        "ttr_s": ttr_s,
        "latency_ms": latency_ms,
        "cost_usd": cost_usd,
        "censored": False,
    }


async def add_outcome(connection: AsyncConnection, **columns: Any) -> None:
    """One row of `outcome_row`."""
    await connection.execute(_ADD_OUTCOME, outcome_row(**columns))


async def outcomes_since(connection: AsyncConnection, start: datetime) -> list[LaunchOutcome]:
    """Outcomes that became known at `start` or later, oldest first."""
    rows = decision_outcomes.c
    query = (
        select(rows.provider, rows.kind, rows.t_known, rows.latency_ms, rows.ttr_s)
        .where(rows.t_known >= start, rows.censored.is_(False))
        .order_by(rows.t_known, rows.id)
    )
    return [LaunchOutcome(*row) for row in await connection.execute(query)]
