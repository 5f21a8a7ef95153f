"""One emulated market over real sockets, on a clock that the test moves."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from aurora.domain.errors import InstanceNotFound
from aurora.domain.instance import Instance, InstanceState
from aurora.emulators.options import EmulatorOptions
from aurora.emulators.server import running
from aurora.providers.base import Cursor
from tests.unit.providers.loopback import SkippingClock


@dataclass
class Emulated:
    """The adapter, the emulator behind it, and their common clock."""

    name: str
    url: str
    clock: SkippingClock
    session: aiohttp.ClientSession
    provider: Any = None

    async def set(self, **settings: Any) -> None:
        async with self.session.post(f"{self._control}/settings", json=settings) as answer:
            assert answer.status == 200, await answer.text()

    async def fault(self, **fault: Any) -> None:
        async with self.session.post(f"{self._control}/faults", json=fault) as answer:
            assert answer.status == 201, await answer.text()

    async def heal(self) -> None:
        async with self.session.delete(f"{self._control}/faults") as answer:
            assert answer.status == 204

    async def happens(self, event: str, external_id: str, **more: Any) -> None:
        body = {"event": event, "id": external_id, **more}
        async with self.session.post(f"{self._control}/events", json=body) as answer:
            assert answer.status == 204, await answer.text()

    async def row(self, name: str) -> dict[str, Any]:
        """The market's own ledger line of one instance."""
        async with self.session.get(f"{self._control}/ledger") as answer:
            rows = (await answer.json())["instances"]
        return next(row for row in rows if row["label"] == name)

    async def billed(self, name: str) -> Decimal:
        return Decimal(str((await self.row(name))["usd_billed"]))

    async def calls(self, operation: str) -> int:
        async with self.session.get(f"{self._control}/calls") as answer:
            return int((await answer.json()).get(operation, 0))

    @property
    def _control(self) -> str:
        return f"{self.url}/_emulator/{self.name}"

    async def offers(self) -> tuple[list[Any], list[Any]]:
        """The whole catalogue, and what was rejected."""
        found, rejected = [], []
        for key in await self.provider.catalogue_slices():
            cursor: Cursor | None = Cursor(key)
            while cursor is not None:
                page = await self.provider.offers_page(cursor)
                assert page.complete
                found += page.offers
                rejected += page.rejected
                cursor = page.next
        return found, rejected

    async def until(self, external_id: str, state: InstanceState, *, step_s: float = 10) -> Instance:
        """Look, and let time pass, until it is so."""
        for _ in range(200):
            seen: Instance = await self.provider.status(external_id)
            if seen.state is state:
                return seen
            self.clock.elapsed += step_s
        raise AssertionError(f"never {state}: {seen}")

    async def until_gone(self, external_id: str) -> InstanceNotFound:
        for _ in range(200):
            try:
                await self.provider.status(external_id)
            except InstanceNotFound as gone:
                return gone
            self.clock.elapsed += 5
        raise AssertionError("never gone")


@asynccontextmanager
async def emulated(
    name: str, connect: Callable[[str, SkippingClock], Any], **options: Any
) -> AsyncIterator[Emulated]:
    """`connect(url, clock)` makes the adapter."""
    clock = SkippingClock()
    chosen = EmulatorOptions(**{"providers": (name,), "offers": 200, **options})
    async with running(chosen, clock) as url, aiohttp.ClientSession() as session:
        market = Emulated(name, url, clock, session, connect(url, clock))
        try:
            yield market
        finally:
            await market.provider.aclose()
