"""The wallet, and how escrow accounts are kept filled and run dry (contract, sections 5.7 and 11)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from aurora.emulators.akash.chain import BLOCKS_PER_HOUR, MICRO
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.network import Network

LEAST_DEPOSIT = Decimal(500_000)  # uact
TARGET_HOURS, LOOK_AHEAD_HOURS = 48, 24
HEADROOM = Decimal(5 * MICRO)


class InsufficientFunds(Exception):
    """The wallet has less than is needed, both in uact."""

    def __init__(self, needed: Decimal, available: Decimal) -> None:
        super().__init__(f"needs {needed} uact, has {available}")
        self.needed = needed
        self.available = available


class Funding:
    def __init__(self, network: Network, *, granted_usd: Decimal) -> None:
        self._network = network
        self.balance = granted_usd * MICRO  # uact that are not in any escrow

    def pay(self, uact: Decimal) -> None:
        """Take money for a deposit. Raises InsufficientFunds."""
        if uact > self.balance:
            raise InsufficientFunds(uact, self.balance)
        self.balance -= uact

    def deposit(self, deployment: Deployment, uact: Decimal) -> None:
        self.pay(uact)
        deployment.escrow.deposit(uact)

    def refund(self, uact: Decimal) -> None:
        self.balance += uact

    def keep_filled(self, deployment: Deployment, at: datetime) -> None:
        """Top up to 48 hours, leaving some money in the wallet, and look again when 24 of them are left."""
        escrow, height = deployment.escrow, self._network.height(at)
        hour = escrow.rate * BLOCKS_PER_HOUR
        if not (deployment.auto_top_up and deployment.active and hour):
            return
        left = escrow.left(height)
        if left <= hour * (LOOK_AHEAD_HOURS + 1):
            missing = hour * TARGET_HOURS - left
            given = min(missing, max(Decimal(0), self.balance - HEADROOM)).quantize(Decimal(1))
            if given > 0:
                self.deposit(deployment, given)
        hours = max(Decimal(1), escrow.left(height) / hour - LOOK_AHEAD_HOURS)
        again = at + timedelta(hours=float(hours))
        self._network.agenda.add(again, lambda then: self.keep_filled(deployment, then))

    def watch(self, deployment: Deployment, run_out: Callable[[Deployment, datetime], None]) -> None:
        """Call `run_out` at the block that the escrow cannot pay any more, however often it is filled up until then."""

        def check(at: datetime) -> None:
            dry = deployment.escrow.dry_at()
            if not deployment.active or dry is None:
                return
            if dry <= self._network.height(at):
                run_out(deployment, at)
            else:
                self._network.agenda.add(self._network.chain.time_of(dry), check)

        dry = deployment.escrow.dry_at()
        if dry is not None:
            self._network.agenda.add(self._network.chain.time_of(dry), check)
