"""One provider's shared part, as one replica has it."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.replicas.circuits import Circuits
from aurora.replicas.limits import SharedTokens
from aurora.replicas.look import Look
from aurora.replicas.silence import SharedCredential, SharedPauses
from aurora.resilience.guard import Guard


@dataclass(frozen=True, slots=True)
class Member:
    """Guard and what connects it with the other replicas' guards of the same provider."""

    guard: Guard
    circuits: Circuits
    tokens: SharedTokens
    pauses: SharedPauses
    credential: SharedCredential

    @property
    def name(self) -> str:
        return self.guard.provider

    async def follow(self, look: Look, database: Database) -> None:
        """Be as the others are, and tell them what they cannot know. Raises DatabaseUnavailable."""
        self.pauses.follow(look.pauses, looked_at=look.began)
        level = look.levels.get(self.name)
        if level is not None:
            self.guard.limiter.learn(max(0.0, level))
        ours = self.circuits.follow(look.breakers)
        new, over = self.credential.follow(look.refused.get(self.name, set()))
        if ours or new or over:

            async def told(connection: AsyncConnection) -> None:
                await self.circuits.give(connection, ours)
                await self.credential.write(connection, new, over)

            await database.transact(told)
        await self.pauses.send()
        await self.tokens.flush()
