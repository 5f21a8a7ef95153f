"""An Aurora made of chosen settings, and an emulated market that says what it was asked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from aurora.bootstrap import Aurora, running
from aurora.domain.clock import Clock
from aurora.domain.gpu import GpuQuery
from aurora.domain.request import ComputeRequest
from aurora.emulators.options import EmulatorOptions
from aurora.emulators.server import running as emulating
from aurora.settings import PROVIDERS, load_settings
from tests.fakes.clock import FakeClock
from tests.unit.lifecycle.world import request

NOWHERE = "http://127.0.0.1:9"
"""An emulator that does not answer: nobody listens on the discard port."""


SECRET = "s"
"""One for all that do not ask for their own: what is derived from it takes a tenth of a second, once a process."""


@dataclass(frozen=True)
class Emulator:
    url: str
    _session: aiohttp.ClientSession

    async def asked(self, operation: str) -> int:
        """Calls of one operation so far."""
        return int((await self._get("calls")).get(operation, 0))

    async def instances(self) -> list[dict[str, Any]]:
        return list((await self._get("ledger"))["instances"])

    async def alive(self) -> list[dict[str, Any]]:
        return [one for one in await self.instances() if one["state"] != "destroyed"]

    async def heal(self) -> None:
        async with self._session.delete(f"{self.url}/_emulator/vastai/faults") as answer:
            assert answer.status == 204

    async def fault(self, **fault: Any) -> None:
        async with self._session.post(f"{self.url}/_emulator/vastai/faults", json=fault) as answer:
            assert answer.status == 201, await answer.text()

    async def _get(self, what: str) -> dict[str, Any]:
        async with self._session.get(f"{self.url}/_emulator/vastai/{what}") as answer:
            return dict(await answer.json())


@asynccontextmanager
async def emulator(**options: Any) -> AsyncIterator[Emulator]:
    """A small market whose instances start at once."""
    chosen = EmulatorOptions(**{"providers": ("vastai",), "offers": 100, "state_speed": 1000, **options})
    async with emulating(chosen) as url, aiohttp.ClientSession() as session:
        yield Emulator(url, session)


@asynccontextmanager
async def booted(
    database_url: str, *, emulator_url: str = NOWHERE, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[Aurora]:
    """Aurora as `aurora serve` builds it, without server and loops, with Vast.ai as its only market.

    Time stands still unless `clock` says otherwise.
    """
    others = {f"{name}_enabled": False for name in PROVIDERS if name != "vastai"}
    chosen = {"database_url": database_url, "emulator_url": emulator_url, "secret_key": SECRET, **others}
    chosen |= settings
    async with running(load_settings(None, **chosen), clock=clock or FakeClock()) as aurora:
        yield aurora


def anything_on_sale(aurora: Aurora) -> ComputeRequest:
    """A request that the catalogue can serve more than once."""
    kinds = Counter((offer.gpu.family, offer.gpu_count) for offer in aurora.catalogue.offers())
    ((family, count), _), *_ = kinds.most_common(1)
    return request(
        gpu=GpuQuery(family),
        gpu_count=count,
        region="global",
        max_price=Decimal(50),
        max_latency_ms=60_000,
        min_reputation=0,
    )


async def until(condition: Callable[[], Awaitable[bool]], *, within: float = 10.0) -> None:
    """Look often until it holds."""
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.005)
