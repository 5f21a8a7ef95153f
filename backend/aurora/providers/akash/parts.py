"""What the parts of the adapter share: the way to the Console, time, and what is remembered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from aurora.domain.clock import Clock
from aurora.domain.errors import ProviderError
from aurora.domain.operation import Operation
from aurora.providers.akash.client import ConsoleClient
from aurora.providers.akash.lcd import Block, LcdClient
from aurora.providers.akash.memory import Known, Memory
from aurora.providers.base import CallGuard

T = TypeVar("T")

BLOCK_KEPT_S = 300.0


@dataclass(slots=True)
class Parts:
    """One account's. `lcd` is None where no second source is configured."""

    name: str
    client: ConsoleClient
    guard: CallGuard
    clock: Clock
    lcd: LcdClient | None = None
    memory: Memory = field(default_factory=Memory)
    _block: Block | None = None
    _block_until: float = float("-inf")

    async def call(
        self, operation: Operation, send: Callable[[], Awaitable[T]], *, endpoint: str | None = None
    ) -> T:
        """One request through the guard."""
        return await self.guard.call(operation, send, endpoint=endpoint)

    def known(self, dseq: str) -> Known:
        return self.memory.of(dseq, now=self.clock.monotonic())

    def since(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else self.clock.now() - moment

    async def latest_block(self) -> Block | None:
        """The chain's newest block, at most five minutes old; None where nobody says it."""
        if self.lcd is None or self.clock.monotonic() < self._block_until:
            return self._block
        self._block_until = self.clock.monotonic() + BLOCK_KEPT_S
        try:
            self._block = await self.lcd.latest_block()
        except ProviderError:
            self._block = None
        return self._block
