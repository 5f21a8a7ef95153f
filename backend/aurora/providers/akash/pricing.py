"""Akash's money: uact per block of one group, and what we guess a bid will be before anybody has bid.

One ACT is one USD, a price is per block, 600 blocks make an hour (Console's constants, August 2026 [seen]):
4262.041502 uact are 2.5572249012 USD per hour, which the Console shows as 2.56.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from aurora.domain.billing import BillingRule, BillingUnit
from aurora.domain.money import usd, usd_up

BLOCK_S = 6
"""Seconds per block on average; the real ones drift between 5.9 and 6.2 [guess]. The bill follows blocks."""
BLOCKS_PER_HOUR = 600
MICRO = Decimal(1_000_000)
DENOM = "uact"
USDC = "ibc/170C677610AC31DF0904FFE09CD3B5C657492170E7E52372E48756B71E56F2F1"
DOLLARS = frozenset({DENOM, USDC})
"""Denominations of which a million are one USD. `uakt` floats: it is no price for us."""

BILLING = BillingRule(unit=BillingUnit.BLOCK, quantum_s=Decimal(BLOCK_S), from_creation=True)
"""Per block, no minimum, from the lease on, before the image is pulled (akash-network/node [seen]). The deposit is
no price: the rest is given back at close.
"""

MIN_DEPOSIT_USD = Decimal("0.50")
"""500000 uact, the chain's minimum [seen]."""
_CENT = Decimal("0.01")

HOURS_PER_MONTH = Decimal("30.437") * 24
CPU_USD_MONTH = Decimal("1.60")
"""Per thread."""
MEMORY_USD_MONTH = Decimal("0.80")
"""Per GB."""
DISK_USD_MONTH = Decimal("0.02")
"""Per GB of ephemeral disk."""
ENDPOINT_USD_MONTH = Decimal("0.05")
"""These four are the defaults of the bid script that providers are given (akash-network helm-charts,
`price_script_generic.sh` [seen]). That a provider uses the defaults is a [guess].
"""

_VRAM_STEPS = ((16, 4, 16), (48, 8, 32))
_LARGEST = (8, 64)


@dataclass(frozen=True, slots=True)
class Shape:
    """CPU threads and GiB of memory that we ask for with the GPUs."""

    threads: int
    memory_gib: int

    @property
    def usd_per_hour(self) -> Decimal:
        """What they add to a price that is for the GPU alone."""
        month = CPU_USD_MONTH * self.threads + MEMORY_USD_MONTH * self.memory_gib + ENDPOINT_USD_MONTH
        return month / HOURS_PER_MONTH


def shape_for(vram_gib: int | None, *, gpu_count: int = 1) -> Shape:
    """What goes with GPUs of this size. Ours, and fixed: an SDL must say it, and the manifest is computed again.

    Per GPU 4 threads and 16 GiB up to 16 GiB of video memory, 8 and 32 up to 48 GiB, 8 and 64 beyond: what hosts with
    eight of them have at least [guess].
    """
    threads, memory = next(
        ((threads, memory) for most, threads, memory in _VRAM_STEPS if (vram_gib or 0) <= most), _LARGEST
    )
    return Shape(threads * gpu_count, memory * gpu_count)


def disk_usd_gb_hour() -> Decimal:
    """Estimate for each GB of disk."""
    return usd_up(DISK_USD_MONTH / HOURS_PER_MONTH)


def hourly(price: Mapping[str, Decimal]) -> Decimal | None:
    """USD per hour of prices per block by denomination, rounded up; None when one of them is no dollar."""
    if not price or any(denom not in DOLLARS for denom in price):
        return None
    return usd_up(sum(price.values(), Decimal(0)) * BLOCKS_PER_HOUR / MICRO)


def most_per_block(usd_per_hour: Decimal) -> int:
    """The SDL's price limit, whole uact per block, never above the ceiling; 0 for a ceiling below every price."""
    per_block = usd_per_hour * MICRO / BLOCKS_PER_HOUR
    return int(per_block.to_integral_value(rounding=ROUND_FLOOR))


def deposit_for(usd_per_hour: Decimal, *, seconds: float) -> Decimal:
    """USD, rounded up to cents, that last `seconds`."""
    wanted = usd(usd_per_hour) * Decimal(str(max(seconds, 0.0))) / 3600
    return wanted.quantize(_CENT, rounding=ROUND_CEILING)


def first_deposit(ceiling_usd_per_hour: Decimal, *, seconds: float) -> Decimal:
    """USD for a new deployment: `seconds` at the ceiling, at least the chain's minimum."""
    return max(MIN_DEPOSIT_USD, deposit_for(ceiling_usd_per_hour, seconds=seconds))
