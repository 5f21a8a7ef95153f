"""Intents are committed in groups: whoever comes while one group is being written goes into the next.

A commit costs as much for twenty intents as for one; under load it is the commits that are scarce. Alone nobody waits
for anybody.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.access_tables import audit_log
from aurora.db.bundle import Bundle
from aurora.db.database import Database
from aurora.db.repositories import audit, holds, idempotency
from aurora.db.repositories.deployment_rows import attempt_row_of, event_row_of, row_of
from aurora.db.repositories.holds import CapacityTaken, Hold
from aurora.db.repositories.idempotency import Binding
from aurora.db.tables import attempts as attempt_rows
from aurora.db.tables import (
    capacity_holds,
    decisions,
    deployment_events,
    idempotency_keys,
)
from aurora.db.tables import deployments as deployment_rows
from aurora.domain.audit import AuditEntry
from aurora.domain.errors import AuroraError, DatabaseUnavailable
from aurora.domain.records import Attempt, Deployment, DeploymentEvent
from aurora.domain.tenant import Quotas
from aurora.services import quota

_LARGEST = 32
"""Intents in one transaction: their locks are held until its end."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is to be bought: the deployment, its first attempt, what it takes and who asked under which key."""

    deployment: Deployment
    attempt: Attempt
    hold: Hold
    knew: Callable[[Hold], bool]
    """Whether the decision knew of a hold."""
    event: DeploymentEvent
    quotas: Quotas
    key: Binding | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One decision as it is kept, with what follows from it; without a purchase nothing was found to buy."""

    record: Mapping[str, Any]
    audit: AuditEntry
    purchase: Purchase | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    intent: Intent
    told: asyncio.Future[None]
    context: Context


Outcomes = list[Exception | None]


class IntentBook:
    """Writes each intent whole or not at all, also when nobody waits for it any more.

    `kept` and `dropped` are told of each purchase what became of it, before its waiter is; they must not raise.
    """

    def __init__(
        self,
        database: Database,
        *,
        kept: Callable[[Purchase], None],
        dropped: Callable[[Purchase], None],
    ) -> None:
        self._database = database
        self._kept = kept
        self._dropped = dropped
        self._line: deque[_Entry] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def commit(self, intent: Intent) -> None:
        """Returns when it is committed.

        Raises CapacityTaken, QuotaExceeded, TenantDisabled or NotFound (nothing of it was written, the rest of its
        group was), IntegrityError for a key that another replica bound first, and DatabaseUnavailable.
        """
        told = asyncio.get_running_loop().create_future()
        entry = _Entry(intent, told, copy_context())
        self._line.append(entry)
        if self._writing is None:
            self._next()
        try:
            await told
        except asyncio.CancelledError:
            if entry in self._line:
                self._line.remove(entry)
                self._settle(entry, asyncio.CancelledError())
            raise

    async def drain(self) -> None:
        """Returns when nothing is being written."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    def _next(self) -> None:
        group = [self._line.popleft() for _ in range(min(len(self._line), _LARGEST))]
        if not group:
            self._writing = None
            return
        # In the context of the first: its request id and its trace are as good as any other's.
        self._writing = asyncio.get_running_loop().create_task(self._write(group), context=group[0].context)

    async def _write(self, group: Sequence[_Entry]) -> None:
        try:
            for entry, outcome in zip(group, await self._outcomes(group), strict=True):
                self._settle(entry, outcome)
        except BaseException as exc:
            for entry in group:
                self._settle(entry, exc)
            raise
        finally:
            self._next()

    async def _outcomes(self, group: Sequence[_Entry]) -> Outcomes:
        try:
            return await self._transaction(group)
        except DatabaseUnavailable as exc:
            return [exc] * len(group)
        except Exception as exc:  # noqa: BLE001 - whatever the rows of one broke must not fail the others
            if len(group) == 1:
                return [exc]
        return [outcome for entry in group for outcome in await self._outcomes([entry])]

    async def _transaction(self, group: Sequence[_Entry]) -> Outcomes:
        intents = [entry.intent for entry in group]
        return await self._database.transact(partial(_written, intents), urgent=True)

    def _settle(self, entry: _Entry, outcome: BaseException | None) -> None:
        purchase = entry.intent.purchase
        if purchase is not None:
            (self._kept if outcome is None else self._dropped)(purchase)
        if entry.told.done():
            return  # whoever asked is gone
        if outcome is None:
            entry.told.set_result(None)
        elif isinstance(outcome, asyncio.CancelledError):
            entry.told.cancel()
        else:
            entry.told.set_exception(outcome)


async def _written(intents: Sequence[Intent], connection: AsyncConnection) -> Outcomes:
    """What became of each; those without an error are in the transaction."""
    bought = [one.purchase for one in intents if one.purchase is not None]
    found = await holds.rivals(connection, [one.hold for one in bought]) if bought else ()
    outcomes: Outcomes = [_too_late(one, found) for one in intents]
    chosen = [place for place, outcome in enumerate(outcomes) if outcome is None]
    await idempotency.forget(connection, *_keys(intents[place] for place in chosen))
    free = Bundle()
    for place in chosen:
        if not _counted(intents[place]):
            _put(free, intents[place])
    await free.write(connection)
    for place in chosen:
        if _counted(intents[place]):
            outcomes[place] = await _within_quota(connection, intents[place])
    return outcomes


async def _within_quota(connection: AsyncConnection, intent: Intent) -> AuroraError | None:
    """Each is counted and written before the next is counted."""
    purchase = intent.purchase
    if purchase is not None:
        try:
            await quota.take(connection, purchase.deployment.tenant, gpus=purchase.attempt.gpu_count)
        except AuroraError as exc:
            return exc
    bundle = Bundle()
    _put(bundle, intent)
    await bundle.write(connection)
    return None


def _counted(intent: Intent) -> bool:
    return intent.purchase is not None and intent.purchase.quotas.counted


def _keys(intents: Iterable[Intent]) -> list[Binding]:
    return [one.purchase.key for one in intents if one.purchase is not None and one.purchase.key is not None]


def _too_late(intent: Intent, found: Sequence[Hold]) -> CapacityTaken | None:
    """Another replica holds the same machines, and the decision did not know."""
    purchase = intent.purchase
    if purchase is None:
        return None
    unknown = tuple(one for one in found if one.touches(purchase.hold) and not purchase.knew(one))
    return CapacityTaken(unknown) if unknown else None


def _put(bundle: Bundle, intent: Intent) -> None:
    bundle.add(decisions, intent.record)
    bundle.add(audit_log, audit.row_of(intent.audit))
    purchase = intent.purchase
    if purchase is None:
        return
    bundle.add(deployment_rows, row_of(purchase.deployment))
    bundle.add(attempt_rows, attempt_row_of(purchase.attempt))
    bundle.add(capacity_holds, holds.row_of(purchase.hold))
    bundle.add(deployment_events, event_row_of(purchase.event))
    if purchase.key is not None:
        bundle.add(idempotency_keys, idempotency.row_of(purchase.key))
