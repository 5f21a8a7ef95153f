"""The audit log: rows that are committed with their change, rows that are written after it, and reading them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from aurora.db.database import Database
from aurora.db.repositories import audit as rows
from aurora.db.repositories.audit import AuditFilter
from aurora.domain import request_id
from aurora.domain.audit import AuditAction, AuditEntry
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.records import Attempt
from aurora.resilience.meter import Bucket
from aurora.services.ports import Caller

REFUSALS_PER_MINUTE = 60.0
"""More rows than this about refused calls are not written: a flood of them must not fill the disk."""
_PATIENCE_S = 2.0
"""For so long an answer waits for its row; an operator's reset in an outage is not held up by its record."""


class AuditWatch(Protocol):
    """Told of rows that were not written: `database` or `bound`."""

    def __call__(self, reason: str) -> None: ...


def entry(
    caller: Caller,
    action: AuditAction,
    *,
    at: datetime,
    target: str | None,
    status: int,
    data: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """The row of what `caller` does in the present request."""
    return AuditEntry(
        at=at,
        tenant=caller.tenant,
        actor=caller.actor,
        action=action,
        status=status,
        target=target,
        request_id=request_id.current(),
        data=data or {},
    )


def routed(caller: Caller, decision_id: str, attempt: Attempt | None, *, at: datetime) -> AuditEntry:
    """The row of a `POST /route`; without an attempt nothing was found to buy."""
    data: dict[str, Any] = {"decision": decision_id}
    if attempt is not None:
        data |= {"offer": attempt.offer_id, "gpus": attempt.gpu_count}
    target = None if attempt is None else attempt.deployment_id
    return entry(caller, AuditAction.ROUTE, at=at, target=target, status=200, data=data)


class AuditDesk:
    """`note` never raises: what it cannot write is counted and logged."""

    def __init__(self, database: Database, *, clock: Clock, unwritten: AuditWatch) -> None:
        self._database = database
        self._clock = clock
        self._unwritten = unwritten
        self._refusals = Bucket(REFUSALS_PER_MINUTE, REFUSALS_PER_MINUTE / 60, clock)
        self._log = structlog.get_logger("aurora.audit")

    async def note(
        self,
        caller: Caller,
        action: AuditAction,
        *,
        target: str | None,
        status: int,
        refused: bool = False,
    ) -> None:
        """Write what was done, or refused, in a transaction of its own. Refusals are bounded in number."""
        row = entry(caller, action, at=self._clock.now(), target=target, status=status)
        if refused:
            if self._refusals.wait_for(1) > 0:
                self._unwritten("bound")
                return
            self._refusals.charge(1)
        try:
            async with asyncio.timeout(_PATIENCE_S), self._database.write() as connection:
                await rows.add(connection, row)
        except (DatabaseUnavailable, TimeoutError) as exc:
            self._unwritten("database")
            self._log.error(
                "audit_unwritten",
                action=str(action),
                actor=row.actor,
                tenant=row.tenant,
                target=target,
                status=status,
                error=str(exc) or type(exc).__name__,
            )

    async def page(
        self, wanted: AuditFilter, *, before: int | None, limit: int
    ) -> tuple[Sequence[AuditEntry], int | None]:
        """Newest first; with the id to go on before."""
        async with self._database.read() as connection:
            found = await rows.page(connection, wanted, before=before, limit=limit + 1)
        return found[:limit], found[limit - 1].id if len(found) > limit else None
