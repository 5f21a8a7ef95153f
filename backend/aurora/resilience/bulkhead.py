"""How many calls to one provider may be under way at once, with a bounded line behind them."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import NoReturn

from aurora.domain.errors import RateLimitExceeded
from aurora.domain.operation import RESERVED, Operation
from aurora.resilience.events import Hooks, RateLimitedLocally
from aurora.resilience.policy import BulkheadPolicy

RETRY_AFTER_S = 1.0
"""What a call is told for which there is no room: a slot is freed by the next answer, whenever that comes."""


@dataclass(frozen=True, slots=True)
class BulkheadView:
    slots: int
    in_use: int
    waiting: int
    rejected: int


class Bulkhead:
    """Slots handed over in order of arrival; the last `reserved` ones only to RESERVED operations."""

    def __init__(self, provider: str, policy: BulkheadPolicy, *, hooks: Hooks) -> None:
        self._provider = provider
        self._policy = policy
        self._hooks = hooks
        self._in_use = 0
        self._rejected = 0
        self._first: deque[asyncio.Future[None]] = deque()  # RESERVED operations
        self._others: deque[asyncio.Future[None]] = deque()

    async def enter(self, operation: Operation, *, remaining: float) -> None:
        """Take a slot; `leave` gives it back. Raises RateLimitExceeded without room in line or in time."""
        if operation in RESERVED:
            line, room = self._first, self._policy.slots
        else:
            line, room = self._others, self._open_slots
        if self._in_use < room:  # then nobody waits: a freed slot is handed over at once
            self._in_use += 1
            return
        if len(line) >= self._policy.queue:
            self._refuse(operation, "too many calls wait already")
        await self._wait(operation, line, remaining)

    def leave(self) -> None:
        self._in_use -= 1
        self._hand_over()

    def view(self) -> BulkheadView:
        return BulkheadView(
            slots=self._policy.slots,
            in_use=self._in_use,
            waiting=len(self._first) + len(self._others),
            rejected=self._rejected,
        )

    @property
    def _open_slots(self) -> int:
        return self._policy.slots - self._policy.reserved

    async def _wait(self, operation: Operation, line: deque[asyncio.Future[None]], remaining: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            async with asyncio.timeout(remaining):
                await turn
        except BaseException as error:
            if turn in line:
                line.remove(turn)
            elif not turn.cancelled():  # the slot came in the same moment: it must not be lost
                self.leave()
            if isinstance(error, TimeoutError):
                self._refuse(operation, "no free slot within the deadline")
            raise

    def _hand_over(self) -> None:
        """Give what is free to whoever is next; a turn already cancelled takes itself out of the line."""
        for line, room in ((self._first, self._policy.slots), (self._others, self._open_slots)):
            while line and self._in_use < room:
                turn = line.popleft()
                if not turn.done():
                    self._in_use += 1
                    turn.set_result(None)

    def _refuse(self, operation: Operation, why: str) -> NoReturn:
        self._rejected += 1
        if self._hooks:
            self._hooks.emit(RateLimitedLocally(self._provider, operation, operation.value, RETRY_AFTER_S))
        raise RateLimitExceeded(self._provider, why, retry_after=RETRY_AFTER_S)
