"""A request as plain data and back, so that a restart routes on exactly what was asked."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from aurora.domain.gpu import GpuQuery
from aurora.domain.request import ComputeRequest, OnInterruption, Weights, Workload, WorkloadType

_PLAIN = (
    "gpu_count", "max_latency_ms", "min_reputation", "region", "home_region", "min_vram_gb", "min_g_score",
    "spot", "allow_larger", "policy", "max_attempts", "tenant", "seed",
)  # fmt: skip
_WEIGHTS = tuple(weight.name for weight in fields(Weights))


def to_record(request: ComputeRequest) -> dict[str, Any]:
    """Plain JSON data without env and registry login (those are sealed)."""
    record: dict[str, Any] = {name: getattr(request, name) for name in _PLAIN}
    record["workload_type"] = request.workload_type.value
    record["gpu"] = {
        "family": request.gpu.family,
        "form": request.gpu.form,
        "vram_gb": request.gpu.vram_gb,
    }
    record["gpu_type"] = request.gpu.name
    record["gpu_hours"] = str(request.gpu_hours)
    record["max_price"] = str(request.max_price)
    record["max_total_cost"] = None if request.max_total_cost is None else str(request.max_total_cost)
    record["weights"] = {name: getattr(request.weights, name) for name in _WEIGHTS}
    record["providers"] = sorted(request.providers)
    record["exclude_providers"] = sorted(request.exclude_providers)
    record["on_interruption"] = request.on_interruption.value
    record["workload"] = {
        "image": request.workload.image,
        "command": list(request.workload.command),
        "ports": list(request.workload.ports),
        "disk_gb": request.workload.disk_gb,
        "env_names": sorted(request.workload.env),
    }
    return record


def from_record(record: Mapping[str, Any]) -> ComputeRequest:
    """The request again; its workload has no env and no registry login until it is unsealed."""
    workload = record["workload"]
    return ComputeRequest(
        **{name: record[name] for name in _PLAIN},
        workload_type=WorkloadType(record["workload_type"]),
        gpu=GpuQuery(**record["gpu"]),
        gpu_hours=Decimal(record["gpu_hours"]),
        max_price=Decimal(record["max_price"]),
        max_total_cost=None if record["max_total_cost"] is None else Decimal(record["max_total_cost"]),
        weights=Weights(**record["weights"]),
        providers=frozenset(record["providers"]),
        exclude_providers=frozenset(record["exclude_providers"]),
        on_interruption=OnInterruption(record["on_interruption"]),
        workload=Workload(
            image=workload["image"],
            command=tuple(workload["command"]),
            ports=tuple(workload["ports"]),
            disk_gb=workload["disk_gb"],
        ),
    )
