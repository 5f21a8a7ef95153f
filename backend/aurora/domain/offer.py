"""An offer: what a market sells now."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter

from aurora.domain.gpu import GpuModel


class PriceKind(StrEnum):
    """How much a price promises: `firm` is charged as said, `estimate` may differ, `ceiling` is the most."""

    FIRM = "firm"
    ESTIMATE = "estimate"
    CEILING = "ceiling"


@dataclass(frozen=True, slots=True)
class Offer:
    """One rentable thing of one market, in the house's units.

    Money is USD per hour for the whole offer. Places are macro regions of the latency table: an empty `regions`
    means the place is unknown (fits all). Every optional field is None when the market does not say.
    """

    provider: str
    external_id: str
    gpu: GpuModel
    gpu_count: int
    price_per_hour: Decimal
    """Running cost per hour of the whole offer without disk beyond `disk_included_gb`."""
    price_kind: PriceKind
    seen_at: datetime
    slice_key: str = "all"
    """The part of the catalogue that this offer is listed in: absent from a complete read of it means gone."""
    gpu_raw: str = ""
    """The market's own name of the GPU."""
    vram_gb: float | None = None
    """Per GPU, in GB as sold (80, 40, 24)."""
    disk_included_gb: float = 0.0
    disk_price_gb_hour: Decimal = Decimal(0)
    """USD per GB and hour for disk beyond what is included."""
    disk_max_gb: float | None = None
    country: str | None = None
    regions: frozenset[str] = frozenset()
    region_raw: str | None = None
    spot: bool = False
    available: int | None = None
    """Launches of this size that are free; None when the market does not say."""
    total: int | None = None
    reliability: float | None = None
    """The market's own figure, 0..1."""
    host: str | None = None
    """Who owns the machine, where the market names hosts: reputation is kept per host."""
    resources: frozenset[str] = frozenset()
    """Ids of physical things (GPUs) that overlapping offers share: taking one takes the others."""
    max_ports: int | None = None
    max_duration_s: float | None = None
    """Seconds for which the offer may be kept."""
    min_rental_minutes: int = 0
    vcpus: float | None = None
    memory_gb: float | None = None
    inet_down_mbps: float | None = None
    inet_up_mbps: float | None = None
    verified: bool | None = None
    emulated: bool = False
    id: str = field(init=False, repr=False, compare=False)
    """Ours: unique over all markets."""

    def __post_init__(self) -> None:
        # Made once: everything that keeps offers asks for it, many times over.
        object.__setattr__(self, "id", f"{self.provider}:{self.external_id}")

    def price_with_disk(self, disk_gb: float | None) -> Decimal:
        """USD per hour for the whole offer, all in, with `disk_gb` GB of disk (None: the included disk)."""
        extra = (disk_gb or 0.0) - self.disk_included_gb
        if extra <= 0:
            return self.price_per_hour
        return self.price_per_hour + self.disk_price_gb_hour * Decimal(str(extra))

    def price_per_gpu_hour(self, disk_gb: float | None = None) -> Decimal:
        """USD per GPU and hour, all in."""
        return self.price_with_disk(disk_gb) / self.gpu_count


_WITH_TIME = frozenset({"seen_at", "max_duration_s"})
_FACTS = attrgetter(*(each.name for each in fields(Offer) if each.compare and each.name not in _WITH_TIME))


def seen_again(before: Offer, after: Offer) -> bool:
    """The market shows the same: but for when it was seen, and the time left for which it may be kept."""
    # Tuples compare what is the same object without looking into it: what nobody changed costs next to nothing.
    same: bool = _FACTS(before) == _FACTS(after)
    return same
