"""Two Auroras of one process on one Postgres, and a market that says what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aurora.bootstrap import Aurora
from aurora.domain.clock import SystemClock
from tests.settings.room import Emulator, booted, emulator


@dataclass
class Pair:
    one: Aurora
    other: Aurora
    market: Emulator
    url: str

    @property
    def both(self) -> tuple[Aurora, Aurora]:
        return self.one, self.other


@asynccontextmanager
async def replica(
    url: str, *, market: Emulator, follow: bool = True, **settings: Any
) -> AsyncIterator[Aurora]:
    """One more, which keeps up with the others unless told not to."""
    chosen = {"emulator_url": market.url, "vastai_rate_limit": 100_000, "provider_max_retries": 0, **settings}
    async with booted(url, clock=SystemClock(), **chosen) as aurora, AsyncExitStack() as stack:
        if follow:
            task = asyncio.create_task(aurora.replicas.run())
            stack.push_async_callback(_ended, task)
        yield aurora


@asynccontextmanager
async def pair(
    databases: Any, *, emulated: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Pair]:
    """Two replicas."""
    async with (
        databases.postgres_url() as url,
        emulator(**(emulated or {})) as market,
        replica(url, market=market, **settings) as one,
        replica(url, market=market, **settings) as other,
    ):
        yield Pair(one, other, market, url)


async def until(condition: Callable[[], object], *, within: float = 5.0) -> None:
    """Look often until it holds."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
