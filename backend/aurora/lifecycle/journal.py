"""Commits: everything a step found, in one transaction, only while the claim holds.

Steps that end at the same time, and whoever then wants the next work, share a transaction.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.grouped import Grouped
from aurora.db.repositories import claims
from aurora.db.repositories.claims import Standing
from aurora.db.repositories.holds import Hold
from aurora.domain.records import Attempt, Deployment, DeploymentView
from aurora.lifecycle.pages import Ask, ClaimLost, Due, Entry, Page, Written, due_at, write
from aurora.lifecycle.work import Outcome, Work

__all__ = ["ClaimLost", "Journal", "Watchers"]

_LARGEST = 64
"""Pages in one transaction: on SQLite nobody else writes until its end."""


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
        self._pages: Grouped[Entry, Written] = Grouped(database, write, largest=_LARGEST)

    async def take_due(self, ask: Ask) -> Due:
        """Claim what is due. Raises DatabaseUnavailable."""
        return cast("Due", await self._pages.commit(ask))

    async def keep(self, work: Work) -> None:
        """Commit and keep the claim: called before anything irreversible. Raises ClaimLost."""
        await self._commit(Page(work))

    async def go_on(self, work: Work, *, claim_s: float) -> None:
        """Commit, and work on under the claim for another `claim_s` seconds; what was asked for meanwhile is in `work`.

        Raises as `finish`.
        """
        until = work.now + timedelta(seconds=claim_s)
        work.go_on(await self._commit(Page(work, final=True, claimed_until=until)))

    async def finish(self, work: Work) -> datetime | None:
        """Commit and give the claim back. When it is due again; None when it has ended.

        Raises ClaimLost, and CapacityTaken when the next attempt's offer is gone.
        """
        again = timedelta(seconds=work.look_again if work.look_again is not None else 5.0)
        page = Page(work, final=True, frees_until=work.now + again)
        return due_at(page, await self._commit(page))

    async def release(self, loaded: Deployment, *, due_at: datetime) -> None:
        """Give the claim back unwritten."""

        async def released(connection: AsyncConnection) -> None:
            await claims.release(connection, [loaded], due_at=due_at)

        await self._database.transact(released)

    def learn(self, unknown: Iterable[Hold]) -> None:
        """Other replicas hold this: the next decision knows it."""
        self._watchers.learned(unknown)

    def drop(self, work: Work) -> None:
        """The pass failed before its commit: what it had chosen is free again."""
        for number in work.gathered.added:
            self._watchers.dropped(work.attempts[number])

    async def _commit(self, page: Page) -> Standing:
        found = cast("Standing", await self._pages.commit(page))
        self._tell(page.work)
        return found

    def _tell(self, work: Work) -> None:
        outcomes, taken = work.gathered.outcomes, work.gathered.holds
        seen = work.visible
        work.committed()
        for hold in taken:
            self._watchers.held(hold)
        for one in outcomes:
            self._watchers.outcome(one)
        if seen:
            ordered = tuple(work.attempts[number] for number in sorted(work.attempts))
            self._watchers.deployment_changed(DeploymentView(work.deployment, ordered))
