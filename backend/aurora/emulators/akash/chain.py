"""The chain's clock and its records: a block every six seconds of wall time, whatever `state_speed` is (contract, sections 11, 12)."""

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

BLOCK_S = 6
BLOCKS_PER_HOUR = 600
BLOCKS_PER_MONTH = Decimal("438292.8")
MICRO = 1_000_000  # uact in an ACT, which is a dollar
_FIRST_HEIGHT = 28_768_155  # of the captured prices

Action = Callable[[datetime], None]


@dataclass(frozen=True)
class Chain:
    """`started_at` is the instant of the first height."""

    seed: int
    started_at: datetime

    def height(self, at: datetime) -> int:
        return _FIRST_HEIGHT + (at - self.started_at) // timedelta(seconds=BLOCK_S)

    def time_of(self, height: int) -> datetime:
        return self.started_at + timedelta(seconds=BLOCK_S * (height - _FIRST_HEIGHT))

    def transaction(self, *what: object) -> str:
        """The hash of a transaction."""
        return hashlib.sha256(":".join(map(str, (self.seed, *what))).encode()).hexdigest().upper()


class Agenda:
    """What is going to happen, in order of time. Actions see to it themselves whether they still make sense."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, int, Action]] = []
        self._count = 0

    def add(self, at: datetime, action: Action) -> None:
        self._count += 1
        heapq.heappush(self._due, (at, self._count, action))

    def run(self, until: datetime) -> None:
        """Let everything happen that is due, each at its own instant."""
        while self._due and self._due[0][0] <= until:
            at, _, action = heapq.heappop(self._due)
            action(at)


def uact_per_block(usd_per_hour: Decimal) -> Decimal:
    """Rounded to six places, as providers bid."""
    return round(usd_per_hour * MICRO / BLOCKS_PER_HOUR, 6)


def usd_per_hour(uact: Decimal) -> Decimal:
    return uact * BLOCKS_PER_HOUR / MICRO


def amount(uact: Decimal) -> str:
    """A decimal of the chain: 18 places."""
    return f"{uact:.18f}"
