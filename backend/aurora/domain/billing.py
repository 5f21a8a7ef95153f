"""How a market turns running time into money."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from aurora.domain.money import usd


class BillingUnit(StrEnum):
    SECOND = "second"
    BLOCK = "block"
    HOUR_PREPAID = "hour_prepaid"


@dataclass(frozen=True, slots=True)
class BillingRule:
    """Money is reserved, settled and ranked by this.

    `quantum_s`: seconds of the smallest billed step. `minimum_s`: billed even when ended earlier.
    `from_creation`: the meter starts at the lease (True) or when the container runs (False).
    """

    unit: BillingUnit = BillingUnit.SECOND
    quantum_s: Decimal = Decimal(1)
    minimum_s: int = 0
    from_creation: bool = False

    def cost(self, usd_per_hour: Decimal, seconds: float) -> Decimal:
        """USD for `seconds` of billed time at `usd_per_hour`."""
        if seconds <= 0 and self.minimum_s == 0:
            return usd(0)
        billed = max(Decimal(str(max(seconds, 0.0))), Decimal(self.minimum_s))
        steps = (billed / self.quantum_s).to_integral_value(rounding=ROUND_CEILING)
        return usd(usd_per_hour * steps * self.quantum_s / 3600)
