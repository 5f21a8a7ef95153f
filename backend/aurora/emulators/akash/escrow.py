"""The account that a deployment is paid from: so much per block, settled now and then (contract, sections 5.4 and 11)."""

from dataclasses import dataclass, field
from decimal import Decimal

ZERO = Decimal(0)


@dataclass
class Payment:
    """What one lease is paid per block since it was made, in uact."""

    rate: Decimal
    since: int  # height
    paid: Decimal = ZERO
    open: bool = True


@dataclass
class Escrow:
    """`funds` are as of `settled_at`, as on chain: what is really left is `left(height)`. Heights never go backwards."""

    settled_at: int
    funds: Decimal
    deposits: list[Decimal] = field(default_factory=list)
    transferred: Decimal = ZERO
    state: str = "open"
    payments: list[Payment] = field(default_factory=list)

    @property
    def rate(self) -> Decimal:
        return sum((payment.rate for payment in self.payments if payment.open), ZERO)

    def left(self, height: int) -> Decimal:
        return max(ZERO, self.funds - self.rate * max(0, height - self.settled_at))

    def paid(self, payment: Payment, height: int) -> Decimal:
        """What this payment came to until now; never more than there was to pay it from."""
        if not payment.open:
            return payment.paid
        return payment.paid + self._share(payment) * (self.funds - self.left(height))

    def settle(self, height: int) -> None:
        """Pay what is due. Does nothing to an account that is closed or overdrawn."""
        if self.state != "open" or height <= self.settled_at:
            return
        due = self.funds - self.left(height)
        for payment in self.payments:
            if payment.open:
                payment.paid += self._share(payment) * due
        self.funds -= due
        self.transferred += due
        self.settled_at = height

    def open_payment(self, rate: Decimal, height: int) -> Payment:
        self.settle(height)
        self.settled_at = max(height, self.settled_at)
        payment = Payment(rate, height)
        self.payments.append(payment)
        return payment

    def close_payment(self, payment: Payment, height: int) -> None:
        self.settle(height)
        payment.open = False

    def deposit(self, uact: Decimal) -> None:
        self.funds += uact
        self.deposits.append(uact)

    def dry_at(self) -> int | None:
        """The height at which a block can no longer be paid in full; None if nothing is charged."""
        rate = self.rate
        return None if not rate else self.settled_at + int(self.funds // rate) + 1

    def close(self, height: int, *, state: str = "closed") -> Decimal:
        """Settle and close; what was left goes back to the owner."""
        self.settle(height)
        for payment in self.payments:
            payment.open = False
        left, self.funds = self.funds, ZERO
        self.state = state
        return left

    def _share(self, payment: Payment) -> Decimal:
        rate = self.rate
        return payment.rate / rate if rate else ZERO
