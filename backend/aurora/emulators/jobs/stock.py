"""What a market of jobs has to sell, and how much of it is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Sku:
    """One line of the stock: `total` units of which each takes one job; `strangers` of them are rented by others.

    `usd_per_hour` is for all GPUs of a unit without disk. Sizes are GiB; `vram_gb` is per GPU, the others of the unit.
    """

    id: str
    gpu_model: str
    gpu_count: int
    vram_gb: int
    usd_per_hour: Decimal
    total: int
    strangers: int = 0
    cpu_cores: int | None = None
    memory_gb: int | None = None
    max_disk_gb: int | None = None
    region: str | None = None
    country: str | None = None
    disk_usd_per_gb_hour: Decimal = Decimal(0)
    spot: bool = False
    min_minutes: int = 0


class Stock:
    """Units go to jobs by their ids. Changed only by `hold` and `release`."""

    def __init__(self, skus: Sequence[Sku]) -> None:
        self._skus: Mapping[str, Sku] = {sku.id: sku for sku in skus}
        self._held: dict[str, set[str]] = {}

    def every(self) -> Sequence[Sku]:
        return list(self._skus.values())

    def find(self, sku_id: str) -> Sku | None:
        return self._skus.get(sku_id)

    def free(self, sku: Sku) -> int:
        return max(0, sku.total - sku.strangers - len(self._held.get(sku.id, ())))

    def hold(self, sku: Sku, job_id: str) -> None:
        self._held.setdefault(sku.id, set()).add(job_id)

    def release(self, sku: Sku, job_id: str) -> bool:
        """False if the job held nothing of it."""
        holders = self._held.get(sku.id, set())
        found = job_id in holders
        holders.discard(job_id)
        return found
