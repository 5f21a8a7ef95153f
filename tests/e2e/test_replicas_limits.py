"""Two real processes share one key's rate limit, with the database and without it: measured by the market's own log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp

from aurora.emulators.journal import KEPT
from tests.e2e.installation import Installation, Process, installed
from tests.outages.servers import failing_postgres

RATE = 60
"""Requests per minute, and the burst."""
PER_SECOND = RATE / 60
RESERVE = RATE / 5
"""The last fifth is for what follows money; questions about health do not get it."""
_HELD_UP_S = 0.25
_CALLERS = 4
_FEW = 20
"""Offers, so that most of the burst is left when they have been read."""
_CHECK = "/api/v1/provider-health/providers/vastai/health-check"
_FALLBACK = 'aurora_limiter_fallback{provider="vastai"}'


class Market:
    """What it says that it was asked, and by whom it was answered."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.answered: dict[str, int] = {}

    async def asked(self) -> int:
        return sum((await self.installation.stack.calls()).values())

    async def has_been_asked(self, calls: float) -> bool:
        return await self.asked() >= calls

    async def has_answered(self, processes: Sequence[Process], calls: int) -> bool:
        """So often at each of them."""
        return all(self.answered.get(process.url, 0) >= calls for process in processes)

    @asynccontextmanager
    async def pressed(self, *processes: Process) -> AsyncIterator[None]:
        """Callers at every process who ask the market for as long as it takes, as fast as they may."""
        asking = [asyncio.create_task(self._ask(process)) for process in processes for _ in range(_CALLERS)]
        try:
            yield
        finally:
            for task in asking:
                task.cancel()
            for outcome in await asyncio.gather(*asking, return_exceptions=True):
                if not isinstance(outcome, asyncio.CancelledError):
                    raise outcome

    async def _ask(self, process: Process) -> None:
        patience = aiohttp.ClientTimeout(total=60)
        while True:
            async with process.stack.session.post(process.url + _CHECK, timeout=patience) as answer:
                found = await answer.json()
            if found["ok"]:
                self.answered[process.url] = self.answered.get(process.url, 0) + 1
            else:
                assert found["skipped"] in {"rate limited", "no time left"}, found


def assert_within(arrivals: Sequence[datetime], *, burst: float) -> None:
    """In no stretch of time there were more calls than the bucket gives, and one.

    Arrivals are what is measured: a call that is held up on its way comes nearer to the next one.
    """
    worst = 0.0
    for first, begun in enumerate(arrivals):
        for calls, ended in enumerate(arrivals[first:], start=1):
            worst = max(worst, calls - burst - PER_SECOND * (ended - begun).total_seconds())
    assert worst <= 1 + PER_SECOND * _HELD_UP_S, f"{worst:.2f} calls too many"


async def test_two_processes_stay_within_one_limit_also_while_the_database_is_away(tmp_path):
    server = failing_postgres()
    try:
        url = await server.database("aurora")
        settings = {"VASTAI_RATE_LIMIT": str(RATE), "VASTAI_SYNC_INTERVAL": "600"}
        async with installed(url, tmp_path, offers=_FEW, **settings) as installation:
            both = [await installation.boot(), await installation.boot()]
            market, until = Market(installation), installation.stack.until

            async def asked(more: int) -> None:
                enough = await market.asked() + more
                await until(lambda: market.has_been_asked(enough), f"{more} more calls")

            async def away(fallback: int) -> None:
                await until(lambda: _all(both, _FALLBACK, fallback), f"fallback {fallback}")

            await until(lambda: _all(both, "aurora_replicas", 2), "two replicas")
            async with market.pressed(*both):
                await until(lambda: market.has_been_asked(RATE - RESERVE + 3), "more than the burst")
                assert sum(market.answered.values()) > RATE / 2
                assert len(market.answered) == 2

                server.freeze()
                await away(1)
                market.answered.clear()
                alone_at = datetime.now(UTC)
                await until(lambda: market.has_answered(both, 3), "answers meanwhile", within=90)
                alone = [at for at in await installation.arrivals() if at > alone_at]

                server.thaw()
                await away(0)
                await asked(3)

            arrivals = await installation.arrivals()
            assert len(arrivals) < KEPT, "the log has them all"
            assert_within(arrivals, burst=RATE)
            assert_within(alone, burst=2)  # each begins with one
    finally:
        server.stop()


async def _all(processes: Sequence[Process], metric: str, value: int) -> bool:
    return [await process.metric(metric) for process in processes] == [value] * len(processes)
