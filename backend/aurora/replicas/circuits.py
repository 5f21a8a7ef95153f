"""One provider's breakers, the same on all replicas: rows rule, local breakers follow, and go on alone if they must."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.repositories import breakers as rows
from aurora.db.repositories.breakers import BreakerKey, TripRule
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.health import BreakerState
from aurora.domain.operation import OperationClass
from aurora.resilience.breaker import Breaker
from aurora.resilience.policy import GuardPolicy
from aurora.resilience.shared import SharedState
from aurora.resilience.verdict import Verdict

_PATIENCE_S = 1.0
"""A database that takes longer to answer is away."""
_TOO_EARLY_S = 0.05
"""The database's clock decides; a probe that it finds too early is tried again after this."""

Job = Callable[[AsyncConnection, BreakerKey], Awaitable[SharedState | None]]


class Circuits:
    """Fits `resilience.shared.SharedCircuits`, for one provider."""

    def __init__(
        self,
        provider: str,
        breakers: Mapping[OperationClass, Breaker],
        policy: GuardPolicy,
        *,
        database: Database,
        rng: random.Random,
        tell: Callable[[str], None],
    ) -> None:
        """`tell` other replicas that something changed, by a word; they also look by themselves."""
        self._provider = provider
        self._breakers = breakers
        self._policy = policy
        self._database = database
        self._rng = rng
        self._tell_others = tell
        self._reachable = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._order = asyncio.Lock()

    @property
    def reachable(self) -> bool:
        """Do the rows rule?"""
        return self._reachable

    def rules(self, operation_class: OperationClass) -> bool:
        """See `SharedCircuits.rules`: all classes of a provider go together."""
        del operation_class
        return self._reachable

    def away(self) -> None:
        """The database does not answer: until the next `follow` our own breakers rule."""
        self._reachable = False

    async def probe(self, operation_class: OperationClass, *, force: bool) -> bool:
        """See `SharedCircuits.probe`."""
        breaker, policy = self._breakers[operation_class], self._policy

        async def asked(connection: AsyncConnection, key: BreakerKey) -> SharedState | None:
            return await rows.probe(
                connection,
                key,
                need=policy.breaker.half_open_max,
                deadline_s=2 * policy.attempt_timeout_s,
                force=force,
            )

        before = breaker.generation
        try:
            granted = await self._asked(operation_class, asked)
            if granted is not None:
                breaker.adopt(granted)
                if granted.generation != before:
                    self._tell_others(f"breaker:{self._provider}")
                return True
            await self._refused(operation_class, breaker)
        except (DatabaseUnavailable, TimeoutError):
            self.away()
        return False

    def tell(
        self, operation_class: OperationClass, generation: int, verdict: Verdict
    ) -> "asyncio.Future[None]":
        """See `SharedCircuits.tell`."""
        task = asyncio.create_task(self._told(operation_class, generation, verdict))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def reset(self, operation_class: OperationClass | None, *, actor: str) -> bool:
        """Close for all replicas what was closed here by hand. False: it could not be told; it will be."""
        chosen = OperationClass if operation_class is None else (operation_class,)
        try:
            for each in chosen:
                await self._reset(each, actor)
        except (DatabaseUnavailable, TimeoutError):
            self.away()
            return False
        self._tell_others(f"breaker:{self._provider}")
        return True

    def follow(self, known: Mapping[BreakerKey, SharedState]) -> dict[BreakerKey, SharedState]:
        """Adopt what is newer. What is ours alone, because it came about while the database was away, is returned."""
        ours: dict[BreakerKey, SharedState] = {}
        for operation_class, breaker in self._breakers.items():
            key = BreakerKey(self._provider, operation_class)
            shared = known.get(key)
            newer_here = shared is None or shared.generation < breaker.generation
            if newer_here and (shared is None or not self._reachable):
                ours[key] = breaker.to_share()
            elif shared is not None:
                breaker.adopt(shared)  # one that was read before our last outcome is ignored
        self._reachable = not ours
        return ours

    async def give(self, connection: AsyncConnection, ours: Mapping[BreakerKey, SharedState]) -> None:
        """Write what `follow` found to be ours alone; the next look finds out what the rows made of it."""
        for key, state in ours.items():
            await rows.ensure(connection, key)
            await rows.push(connection, key, state)

    async def aclose(self) -> None:
        """Let outcomes under way arrive."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_PATIENCE_S)

    async def _told(self, operation_class: OperationClass, generation: int, verdict: Verdict) -> None:
        breaker = self._breakers[operation_class]
        jobs: Mapping[Verdict, Job] = {
            Verdict.FAIL: lambda c, key: rows.fail(c, key, generation=generation, rule=self._trip_rule()),
            Verdict.OK: lambda c, key: rows.succeed(
                c, key, generation=generation, need=self._policy.breaker.half_open_max
            ),
            Verdict.NEUTRAL: lambda c, key: rows.give_back(c, key, generation=generation),
        }
        async with self._order:  # in the order in which they happened
            try:
                state = await self._asked_if_there(operation_class, jobs[verdict])
            except (DatabaseUnavailable, TimeoutError):
                self.away()
                breaker.judge_alone(generation, verdict)
                return
        if state is not None:
            breaker.adopt(state)
            if state.generation != generation:
                self._tell_others(f"breaker:{self._provider}")

    async def _asked_if_there(self, operation_class: OperationClass, job: Job) -> SharedState | None:
        """A row of outcomes must not wait for a database, one after the other."""
        if not self._reachable:
            raise DatabaseUnavailable("the database is away")
        return await self._asked(operation_class, job)

    async def _asked(self, operation_class: OperationClass, job: Job) -> SharedState | None:
        key = BreakerKey(self._provider, operation_class)
        async with asyncio.timeout(_PATIENCE_S), self._database.write() as connection:
            return await job(connection, key)

    async def _refused(self, operation_class: OperationClass, breaker: Breaker) -> None:
        """Somebody else was faster, or it is too early by the database's clock: know why."""
        state = await self._asked(operation_class, rows.find)
        if state is None:  # the row is gone: the next look makes it anew
            self.away()
            return
        if state.state is BreakerState.OPEN and state.open_left_s < _TOO_EARLY_S:
            state = replace(state, open_left_s=_TOO_EARLY_S)
        breaker.adopt(state)
        if state.state is BreakerState.HALF_OPEN:
            breaker.busy()

    async def _reset(self, operation_class: OperationClass, actor: str) -> None:
        breaker = self._breakers[operation_class]

        async def closed(connection: AsyncConnection, key: BreakerKey) -> SharedState | None:
            await rows.ensure(connection, key)
            return await rows.reset(connection, key, generation=breaker.generation, actor=actor)

        state = await self._asked(operation_class, closed)
        if state is not None:
            breaker.adopt(state)

    def _trip_rule(self) -> TripRule:
        policy = self._policy.breaker
        return TripRule(
            threshold=policy.threshold,
            open_s=policy.open_s,
            longest_s=policy.longest_open_s,
            stretch=1 + policy.jitter * self._rng.random(),
        )
