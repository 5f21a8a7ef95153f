"""The transactions of one sync run: whole, repeated after a deadlock, and only as long as the duty is ours."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.repositories import sync_runs as run_rows
from aurora.domain.clock import Clock
from aurora.domain.errors import AuroraError

T = TypeVar("T")


class DutyLost(AuroraError):
    """Another replica reads this market now: what we have read is dropped."""

    code = "duty_lost"


class SyncDuty(Protocol):
    """Whose turn it is to read a market."""

    def fence(self, provider: str) -> int | None:
        """What our writes carry; None where nobody else could write. Raises DutyLost when it is not our turn."""
        ...

    def ours(self, provider: str) -> bool:
        """Is it still our turn? No I/O."""
        ...


class Unshared:
    """One process, which does everything."""

    def fence(self, provider: str) -> int | None:
        """None for every provider."""
        del provider
        return None

    def ours(self, provider: str) -> bool:
        """Always."""
        del provider
        return True


@dataclass(frozen=True, slots=True)
class SyncWriter:
    """Made at the beginning of a run, with the fence of that moment."""

    provider: str
    database: Database
    clock: Clock
    fence: int | None = None

    async def write(self, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `job` in one transaction. Raises DutyLost, DatabaseUnavailable; then nothing was written."""
        fence = self.fence
        if fence is None:
            return await self.database.transact(job, bulk=True)

        async def fenced(connection: AsyncConnection) -> T:
            at = self.clock.now()
            if not await run_rows.raise_fence(connection, self.provider, fence=fence, at=at):
                raise DutyLost(f"another replica reads {self.provider} now")
            return await job(connection)

        return await self.database.transact(fenced, bulk=True)
