"""The loop: claim what is due, step it with no transaction open, write the result only while the claim holds."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from aurora.db.repositories.holds import CapacityTaken
from aurora.domain.errors import AuroraError, DatabaseUnavailable
from aurora.domain.records import Deployment, DeploymentView
from aurora.lifecycle.context import Context
from aurora.lifecycle.pages import Ask, ClaimLost
from aurora.lifecycle.step import step
from aurora.lifecycle.steps.fail_over import choose_again
from aurora.lifecycle.work import Work

T = TypeVar("T")
_RACES = 20
_IN_A_ROW = 4
"""Steps of one deployment before others have their turn."""


class Report(Protocol):
    """Told about passes; must not raise."""

    def stepped(self, deployment_id: str, *, seconds: float) -> None: ...

    def step_failed(self, deployment_id: str, error: BaseException) -> None: ...

    def pass_failed(self, error: BaseException) -> None: ...

    def pass_recovered(self) -> None: ...


class Reconciler:
    """Runs until cancelled. `kick()` makes it look at once; `deadline` bounds one step's provider calls.

    While `pressed()`, requests wait to be answered: fewer steps at a time, but never none.
    """

    def __init__(
        self,
        context: Context,
        *,
        report: Report,
        deadline: Callable[[float], AbstractContextManager[object]],
        pressed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._context = context
        self._report = report
        self._deadline = deadline
        self._pressed = pressed
        self._kicked = self._full = False
        self._woken = asyncio.Event()
        self._owner = secrets.token_hex(8)
        self._running: set[asyncio.Task[None]] = set()
        self._next_due: datetime | None = None
        self._unreleased: dict[str, Deployment] = {}
        """Claimed by us and worked on no more: the database was away when the claim should have been given back."""

    def kick(self) -> None:
        """Something is due now."""
        self._kicked = True
        self._woken.set()

    async def run(self) -> None:
        """Look for due work at least every `interval` seconds, for ever."""
        failing = False
        try:
            while True:
                try:
                    await self._start_due()
                    if failing:
                        self._report.pass_recovered()
                    failing = False
                except DatabaseUnavailable as exc:
                    if not failing:
                        self._report.pass_failed(exc)
                    failing = True
                await self._wait()
                if self._pressed():
                    # each request kicks; under load one look for many of them is enough
                    await self._context.clock.sleep(self._context.policy.breath)
        finally:
            await self._drain()

    async def run_once(self) -> int:
        """Claim what is due, step it all, wait for it. The number of deployments stepped."""
        started = await self._start_due()
        await asyncio.gather(*self._running)
        return started

    async def _start_due(self) -> int:
        policy = self._context.policy
        most = policy.concurrent_pressed if self._pressed() else policy.concurrent
        free = most - len(self._running)
        self._full = free <= 0
        self._next_due = None
        if self._full:
            return 0  # the first step that ends kicks us
        await self._release_left()
        now = self._context.clock.now()
        found = await self._context.journal.take_due(
            Ask(
                claim=f"{self._owner}-{secrets.token_hex(8)}",
                now=now,
                until=now + timedelta(seconds=policy.claim_s),
                limit=min(free, policy.batch),
            )
        )
        self._next_due = found.next_due
        for view in found.views:
            task = asyncio.create_task(self._work(view), name=f"reconcile {view.deployment.id}")
            self._running.add(task)
            task.add_done_callback(self._done)
        self._full = len(self._running) >= most
        return len(found.views)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._full:
            self.kick()

    def _look_at(self, due_at: datetime | None) -> None:
        """What we gave back is due then: no need to ask the database before."""
        if due_at is not None and (self._next_due is None or due_at < self._next_due):
            self._next_due = due_at
            self._woken.set()

    async def _wait(self) -> None:
        """Until kicked, until something is due, or the interval has passed."""
        clock = self._context.clock
        ends_at = clock.monotonic() + self._context.policy.interval
        while not self._kicked:
            self._woken.clear()
            pause = min(self._pause(), ends_at - clock.monotonic())
            if pause <= 0:
                break
            await self._woken_within(pause)
        self._kicked = False

    async def _woken_within(self, seconds: float) -> None:
        woken = asyncio.ensure_future(self._woken.wait())
        timer = asyncio.ensure_future(self._context.clock.sleep(seconds))
        try:
            await asyncio.wait({woken, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            timer.cancel()
            await asyncio.gather(woken, timer, return_exceptions=True)

    def _pause(self) -> float:
        """Until the next deployment is due, at most the interval (others may write what is due)."""
        interval = self._context.policy.interval
        if self._next_due is None or self._full:
            return interval
        return min(interval, max(0.0, (self._next_due - self._context.clock.now()).total_seconds()))

    async def _work(self, view: DeploymentView) -> None:
        clock = self._context.clock
        began = clock.monotonic()
        work = Work(view, now=clock.now())
        try:
            await self._passes(work)
        except ClaimLost as exc:
            self._report.step_failed(view.deployment.id, exc)
            await self._release(work, again_s=0.0)
        except AuroraError as exc:
            self._report.step_failed(view.deployment.id, exc)
            await self._release(work)
        except Exception as exc:  # noqa: BLE001 - a bug in one deployment's step must not stop the others; it is reported
            self._report.step_failed(view.deployment.id, exc)
            await self._release(work)
        else:
            self._report.stepped(view.deployment.id, seconds=clock.monotonic() - began)

    async def _passes(self, work: Work) -> None:
        """A step, and those that are due at once after it, under one claim."""
        clock, policy, journal = self._context.clock, self._context.policy, self._context.journal
        for left in range(_IN_A_ROW, 0, -1):
            with self._deadline(policy.step_s):
                await step(self._context, work)
            work.now = clock.now()
            if not work.goes_on or left == 1:
                break
            await self._finish(work, lambda: journal.go_on(work, claim_s=policy.claim_s))
        self._look_at(await self._finish(work, lambda: journal.finish(work)))

    async def _finish(self, work: Work, commit: Callable[[], Awaitable[T]]) -> T:
        """What another replica took meanwhile is chosen anew: what else the step found must not be lost."""
        journal = self._context.journal
        for _ in range(_RACES):
            try:
                return await commit()
            except CapacityTaken as exc:
                journal.drop(work)
                journal.learn(exc.unknown)
                if not choose_again(self._context, work):
                    raise
        return await commit()

    async def _release(self, work: Work, *, again_s: float = 10.0) -> None:
        """Nothing of this pass is written; the deployment is looked at again soon."""
        self._context.journal.drop(work)
        due_at = self._context.clock.now() + timedelta(seconds=again_s)
        try:
            await self._context.journal.release(work.loaded, due_at=due_at)
            self._look_at(due_at)
        except AuroraError as exc:
            # Given back as soon as the database answers; if we die before, the claim runs out by itself.
            self._unreleased[work.loaded.id] = work.loaded
            self._report.step_failed(work.loaded.id, exc)

    async def _release_left(self) -> None:
        """Raises DatabaseUnavailable while it is away still."""
        for deployment_id, loaded in tuple(self._unreleased.items()):
            await self._context.journal.release(loaded, due_at=self._context.clock.now())
            del self._unreleased[deployment_id]

    async def _drain(self) -> None:
        """On shutdown: a create that is under way is finished or left settled as sent."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=self._context.policy.drain_s)
        for task in set(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
