"""Vast.ai's price arithmetic (verified on the captured rows of 2024 to 2026, see tests/fixtures/vastai).

`storage_total_cost = storage_cost x allocated GB / 720` and `dph_total = dph_base + storage_total_cost`: storage is
priced per GB and month of 30 days. What a running instance costs is `dph_base + storage_cost x disk GB / 720`.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from aurora.domain.money import ZERO
from aurora.providers.fields import Fields, Odd

HOURS_PER_MONTH = 720
MIN_DISK_GB = 8.0
"""Smaller disks are refused (create_instance.yaml, 2026-08-07); such a request gets, and pays, this much."""
ALLOCATED_GB = 8.0
"""Disk that our searches assume. Fixed, so that prices of different answers can be compared."""

HIGHEST_USD_PER_HOUR = Decimal(10_000)
HIGHEST_STORAGE = Decimal(1_000)
"""USD per GB and month."""
_TOLERANCE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per hour of an offer, and of each GB of its disk; not rounded."""

    base: Decimal
    storage_gb_month: Decimal

    @property
    def disk_gb_hour(self) -> Decimal:
        return self.storage_gb_month / HOURS_PER_MONTH

    def with_disk(self, disk_gb: float) -> Decimal:
        """USD per hour, all in, with the disk that would really be allocated."""
        return self.base + self.disk_gb_hour * _gigabytes(max(disk_gb, MIN_DISK_GB))

    @classmethod
    def of(cls, fields: Fields, *, allocated_gb: float) -> "Price":
        """Read a row's price. Raises Odd when it is missing or absurd.

        A total above base and storage holds something that we do not know: it counts, so that no price is too low.
        """
        base = fields.need_number("dph_base", low=ZERO, high=HIGHEST_USD_PER_HOUR)
        storage = fields.need_number("storage_cost", low=ZERO, high=HIGHEST_STORAGE)
        total = fields.need_number("dph_total", low=ZERO, high=HIGHEST_USD_PER_HOUR)
        unexplained = total - base - storage / HOURS_PER_MONTH * _gigabytes(allocated_gb)
        if unexplained > _TOLERANCE:
            base += unexplained
        if base <= 0:
            raise Odd("dph_base is zero")
        return cls(base, storage)


@lru_cache
def _gigabytes(size: float) -> Decimal:
    """As written: every row of a search has the same."""
    return Decimal(str(size))
