"""Commits: everything a step found, in one transaction, only while the claim holds."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.repositories import decisions, deployments, holds
from aurora.db.repositories.holds import Hold
from aurora.domain.errors import AuroraError
from aurora.domain.records import Attempt, DeploymentView
from aurora.lifecycle.work import Outcome, Work


class ClaimLost(AuroraError):
    """Another worker took the deployment over: what this step found is dropped."""

    code = "claim_lost"


class Watchers(Protocol):
    """Told after a commit; must not raise."""

    def deployment_changed(self, view: DeploymentView) -> None: ...

    def outcome(self, outcome: Outcome) -> None: ...

    def held(self, hold: Hold) -> None: ...

    def learned(self, unknown: Iterable[Hold]) -> None:
        """Holds of other replicas that nobody here knew of."""
        ...

    def dropped(self, attempt: Attempt) -> None:
        """An attempt that was chosen but never committed: nothing holds its offer."""
        ...


class Journal:
    """Writes `Work`. Nothing is told to anybody before it is committed."""

    def __init__(self, database: Database, watchers: Watchers) -> None:
        self._database = database
        self._watchers = watchers

    async def keep(self, work: Work) -> None:
        """Commit and keep the claim: called before anything irreversible. Raises ClaimLost."""

        async def kept(connection: AsyncConnection) -> None:
            if not await deployments.progress(connection, work.deployment, loaded=work.loaded):
                raise ClaimLost(work.deployment.id)
            await self._write(connection, work)

        await self._database.transact(kept)
        self._tell(work)

    async def finish(self, work: Work) -> None:
        """Commit and give the claim back. Raises ClaimLost, and CapacityTaken when the next attempt's offer is gone."""
        again = timedelta(seconds=work.look_again if work.look_again is not None else 5.0)

        async def finished(connection: AsyncConnection) -> None:
            written = await deployments.settle(
                connection, work.deployment, loaded=work.loaded, due_at=work.now + again, now=work.now
            )
            if not written:
                raise ClaimLost(work.deployment.id)
            await self._write(connection, work)

        await self._database.transact(finished)
        self._tell(work)

    def learn(self, unknown: Iterable[Hold]) -> None:
        """Other replicas hold this: the next decision knows it."""
        self._watchers.learned(unknown)

    def drop(self, work: Work) -> None:
        """The pass failed before its commit: what it had chosen is free again."""
        for number in work.gathered.added:
            self._watchers.dropped(work.attempts[number])

    async def _write(self, connection: AsyncConnection, work: Work) -> None:
        found = work.gathered
        for values in found.decisions:
            await decisions.add(connection, values)
        for number in sorted(found.added):
            await deployments.add_attempt(connection, work.attempts[number])
        for number in sorted(found.attempts - found.added):
            await deployments.save_attempt(connection, work.attempts[number])
        await deployments.add_events(connection, found.events)
        await self._write_holds(connection, work)
        for one in found.outcomes:
            await decisions.add_outcome(
                connection,
                decision_id=one.decision_id,
                attempt=one.attempt,
                kind=one.kind,
                provider=one.provider,
                host=one.host,
                t_known=work.now,
                ttr_s=one.ttr_s,
                latency_ms=one.latency_ms,
                cost_usd=one.cost_usd,
            )
        for attempt, text in found.logs.items():
            await deployments.archive_logs(
                connection, work.deployment.id, attempt=attempt, at=work.now, text=text
            )

    async def _write_holds(self, connection: AsyncConnection, work: Work) -> None:
        for hold in work.gathered.holds:
            knew = None if hold.attempt is None else work.gathered.knew.get(hold.attempt)
            if knew is None:
                await holds.add(connection, hold)
            else:
                await holds.claim(connection, hold, known=knew)
        for attempt, at in work.gathered.launched:
            await holds.launched(connection, work.deployment.id, attempt=attempt, at=at)
        for attempt in work.gathered.released:
            await holds.release(connection, work.deployment.id, attempt=attempt)

    def _tell(self, work: Work) -> None:
        outcomes, taken = work.gathered.outcomes, work.gathered.holds
        work.committed()
        for hold in taken:
            self._watchers.held(hold)
        for one in outcomes:
            self._watchers.outcome(one)
        ordered = tuple(work.attempts[number] for number in sorted(work.attempts))
        self._watchers.deployment_changed(DeploymentView(work.deployment, ordered))
