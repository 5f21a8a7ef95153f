"""Those who wait for a deployment."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from aurora.domain.clock import Clock
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.records import DeploymentView

_LOOK_S = 1.0
"""Between two looks at the records."""


class Waiters:
    """Those who wait for a deployment to run or to fail."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[DeploymentView | None]]] = defaultdict(list)
        self._released = False

    def changed(self, view: DeploymentView) -> None:
        """Wake those who wait for this deployment, if it is worth it."""
        status = view.deployment.status
        if status is DeploymentStatus.RUNNING or status.ended:
            self.settled(view.deployment.id)

    def settled(self, deployment_id: str) -> None:
        """It runs or has ended, here or at another replica: wake those who wait for it."""
        for future in self._waiting.pop(deployment_id, []):
            if not future.done():
                future.set_result(None)

    def release(self) -> None:
        """The process stops: whoever waits, now or later, goes on with what is known."""
        self._released = True
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_result(None)

    async def wait(
        self, deployment_id: str, *, clock: Clock, seconds: float, settled: Callable[[], Awaitable[bool]]
    ) -> None:
        """Until it runs or has ended (`settled` looks it up), the time is over, or the process stops.

        It is looked up after the waiting has begun, so that no news falls between, and then again and again: another
        process' reconciler wakes nobody here.
        """
        future: asyncio.Future[DeploymentView | None] = asyncio.get_running_loop().create_future()
        self._waiting[deployment_id].append(future)
        ends_at = clock.monotonic() + seconds
        try:
            while not await settled():
                left = ends_at - clock.monotonic()
                if (
                    self._released
                    or left <= 0
                    or await _woken(future, clock=clock, seconds=min(left, _LOOK_S))
                ):
                    return
        finally:
            self._drop(deployment_id, future)

    def _drop(self, deployment_id: str, future: asyncio.Future[DeploymentView | None]) -> None:
        left = [one for one in self._waiting.get(deployment_id, []) if one is not future]
        if left:
            self._waiting[deployment_id] = left
        else:
            self._waiting.pop(deployment_id, None)


async def _woken(future: asyncio.Future[DeploymentView | None], *, clock: Clock, seconds: float) -> bool:
    """Whether news came within `seconds`."""
    timer = asyncio.ensure_future(clock.sleep(seconds))
    either: set[asyncio.Future[Any]] = {future, timer}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        await asyncio.gather(timer, return_exceptions=True)
    return future.done()
