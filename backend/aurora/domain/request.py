"""What a tenant wants to run, limits included."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from aurora.domain.gpu import GpuQuery


class WorkloadType(StrEnum):
    LLM_INFERENCE = "llm_inference"
    LLM_TRAINING = "llm_training"
    RENDERING = "rendering"
    GENERAL = "general"


WORKLOAD_ALIASES: Mapping[str, WorkloadType] = {
    "3d_rendering": WorkloadType.RENDERING,
    "cloud_gaming": WorkloadType.LLM_INFERENCE,
    "general_compute": WorkloadType.GENERAL,
}
"""The simulator's names."""


class OnInterruption(StrEnum):
    REPLACE = "replace"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Weights:
    """What matters to the tenant; all >= 0, at least one > 0."""

    price: float = 0.35
    latency: float = 0.30
    reputation: float = 0.20
    availability: float = 0.15
    time_to_running: float = 0.0

    @property
    def total(self) -> float:
        return self.price + self.latency + self.reputation + self.availability + self.time_to_running


@dataclass(frozen=True, slots=True)
class Workload:
    """The container to run. `command` replaces the image's CMD. Ports are `8080` or `53/udp`."""

    image: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ports: tuple[str, ...] = ()
    disk_gb: float = 16.0
    registry_login: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ComputeRequest:
    """One request after defaults were filled in: nothing here is absent by accident."""

    workload_type: WorkloadType
    gpu: GpuQuery
    gpu_count: int
    gpu_hours: Decimal
    max_price: Decimal
    """USD per GPU and hour, all in."""
    max_latency_ms: float
    min_reputation: float
    region: str = "global"
    """A macro region, or `global`."""
    home_region: str = "us-east"
    """Where latency is measured from when `region` is global."""
    weights: Weights = field(default_factory=Weights)
    workload: Workload = field(default_factory=lambda: Workload(image=""))
    max_total_cost: Decimal | None = None
    min_vram_gb: float | None = None
    min_g_score: float | None = None
    providers: frozenset[str] = frozenset()
    """Only these, when not empty."""
    exclude_providers: frozenset[str] = frozenset()
    spot: bool = True
    """False: nothing that may be taken away."""
    allow_larger: bool = False
    policy: str = "balanced"
    max_attempts: int = 3
    on_interruption: OnInterruption = OnInterruption.REPLACE
    tenant: str = "default"
    seed: int = 0

    @property
    def latency_origin(self) -> str:
        return self.home_region if self.region == "global" else self.region

    @property
    def allowed_seconds(self) -> float:
        """Running time that was asked for: gpu_hours / gpu_count."""
        return float(self.gpu_hours / self.gpu_count * 3600)
