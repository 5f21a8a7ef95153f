"""Intents are committed in groups: whoever comes while one group is being written goes into the next.

A commit costs as much for twenty intents as for one; under load it is the commits that are scarce. Alone nobody waits
for anybody.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.access_tables import audit_log
from aurora.db.bundle import Bundle
from aurora.db.database import Database
from aurora.db.grouped import Grouped
from aurora.db.repositories import audit, buying, holds, idempotency
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
from aurora.domain.errors import AuroraError
from aurora.domain.records import Attempt, Deployment, DeploymentEvent
from aurora.domain.tenant import Quotas
from aurora.services import quota

_LARGEST = 32
"""Intents in one transaction: their locks are held until its end."""


class Knows(Protocol):
    """See `capacity.Knowledge`."""

    def __call__(self, hold: Hold, /) -> bool: ...

    def beside(self, hold: Hold, /) -> Iterable[tuple[Hold, bool]]: ...


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is to be bought: the deployment, its first attempt, what it takes and who asked under which key."""

    deployment: Deployment
    attempt: Attempt
    hold: Hold
    knew: Knows
    """Of which holds the decision knew."""
    event: DeploymentEvent
    quotas: Quotas
    key: Binding | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One decision as it is kept, with what follows from it; without a purchase nothing was found to buy."""

    record: Mapping[str, Any]
    audit: AuditEntry
    purchase: Purchase | None = None


Outcomes = list[Exception | None]
_UNSEEN = timedelta(seconds=3)
"""What other replicas took is seen after a second (`replicas.follower`), or three when that is busy."""


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
        self._kept = kept
        self._dropped = dropped
        self._intents: Grouped[Intent, None] = Grouped(
            database, _written, largest=_LARGEST, urgent=True, lean=_lean, settled=self._settled
        )

    async def commit(self, intent: Intent) -> None:
        """Returns when it is committed.

        Raises CapacityTaken, QuotaExceeded, TenantDisabled or NotFound (nothing of it was written, the rest of its
        group was), IntegrityError for a key that another replica bound first, and DatabaseUnavailable.
        """
        await self._intents.commit(intent)

    async def drain(self) -> None:
        """Returns when nothing is being written."""
        await self._intents.drain()

    def _settled(self, intent: Intent, why_not: BaseException | None) -> None:
        if intent.purchase is not None:
            (self._kept if why_not is None else self._dropped)(intent.purchase)


async def _written(intents: Sequence[Intent], connection: AsyncConnection) -> Outcomes:
    """What became of each; those without an error are in the transaction."""
    bought = [one.purchase for one in intents if one.purchase is not None]
    if await _written_at_once(intents, bought, connection):
        return [None] * len(intents)
    found = await holds.rivals(connection, [one.hold for one in bought]) if bought else ()
    outcomes: Outcomes = [_too_late(one, found) for one in intents]
    if any(outcomes):
        outcomes = await _with_latest(connection, outcomes, bought)
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


async def _written_at_once(
    intents: Sequence[Intent], bought: Sequence[Purchase], connection: AsyncConnection
) -> bool:
    """In one journey, which is possible in the lane (where nothing is counted) and when nobody was faster."""
    bundle = Bundle()
    for one in intents:
        _put(bundle, one)
    wanted = [one.hold for one in bought]
    return await buying.at_once(connection, bundle, wanted=wanted, known=_known_to_all(bought))


def _known_to_all(bought: Iterable[Purchase]) -> set[str]:
    """The holds on their machines, without those that a decision which touches them did not know of."""
    known: set[str] = set()
    unknown: set[str] = set()
    for one in bought:
        for held, was_known in one.knew.beside(one.hold):
            (known if was_known else unknown).add(held.name)
    return known - unknown


async def _with_latest(
    connection: AsyncConnection, outcomes: Outcomes, bought: Sequence[Purchase]
) -> Outcomes:
    """Who was too late once would be so again at the next best offer: he is told of all that was taken lately."""
    since = max(one.hold.held_at for one in bought) - _UNSEEN
    latest = await holds.latest(connection, since=since)
    return [
        CapacityTaken(tuple(dict.fromkeys((*one.unknown, *latest))))
        if isinstance(one, CapacityTaken)
        else one
        for one in outcomes
    ]


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


def _lean(intent: Intent) -> bool:
    """Whether it takes few statements, the same each time: counting a quota does not."""
    return not _counted(intent)


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
