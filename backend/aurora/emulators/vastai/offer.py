"""One ask of the market: a rentable slice of one machine, and how its price fields follow from the question."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

HOURS_PER_MONTH = 720  # storage is priced per GB and month of 30 days (contract, section 4.2)


def money(value: float) -> Decimal:
    """An amount from a wire number, without the noise of its binary form."""
    return Decimal(repr(float(value)))


@dataclass(frozen=True)
class Question:
    """What a search asks prices for: `storage_gb` assumed on disk, interruptible or not, at which instant."""

    now: datetime
    storage_gb: float = 8.0  # the server's default; the official client sends 5.0 (contract, section 4.1)
    bid: bool = False


@dataclass(frozen=True)
class Offer:
    """`fields` are the wire fields that do not depend on who asks, `ends_at` the epoch second at which the host withdraws it."""

    id: int
    machine_id: int
    gpu_ids: frozenset[int]
    ends_at: float
    fields: Mapping[str, Any]

    @cached_property
    def usd_per_hour(self) -> Decimal:
        """On-demand price of all its GPUs, without disk."""
        return money(self.fields["dph_base"])

    @cached_property
    def min_bid(self) -> Decimal:
        return money(self.fields["min_bid"])

    @cached_property
    def storage_usd_per_gb_hour(self) -> Decimal:
        return money(self.fields["storage_cost"]) / HOURS_PER_MONTH

    @property
    def reliability(self) -> float:
        return float(self.fields["reliability2"])

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Offer":
        return cls(
            fields["id"], fields["machine_id"], frozenset(fields["gpu_ids"]), fields["end_date"], fields
        )

    def answer(self, question: Question) -> dict[str, Any]:
        """The fields that follow from the question (section 4.2, price arithmetic)."""
        fields = self.fields
        base = fields["min_bid"] if question.bid else fields["dph_base"]
        disk = fields["storage_cost"] * question.storage_gb / HOURS_PER_MONTH
        total = base + disk
        return {
            "dph_base": base,
            "storage_total_cost": disk,
            "dph_total": total,
            "dph_total_adj": total + 1.25 * (fields["inet_down_cost"] or 0),
            "discounted_dph_total": total,
            "dlperf_per_dphtotal": fields["dlperf"] / total if total else None,
            "flops_per_dphtotal": fields["total_flops"] / total if total else None,
            "is_bid": question.bid,
            "duration": self.ends_at - question.now.timestamp(),
            "search": {**fields["search"], "gpuCostPerHour": base, **_disk(disk), **_total(total)},
            "instance": {**fields["instance"], "gpuCostPerHour": 0, **_disk(disk), **_total(disk)},
        }


def _disk(usd: float) -> dict[str, float]:
    return {"diskHour": usd}


def _total(usd: float) -> dict[str, float]:
    return {"totalHour": usd, "discountedTotalPerHour": usd}
