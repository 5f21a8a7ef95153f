"""`config/workloads.yaml`: what runs when a request names no image, and which GPUs suit which work."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from aurora.domain.errors import InvalidRequest
from aurora.domain.request import WorkloadType
from aurora.services import intake_workload as container
from aurora.services.config_section import ConfigSection


@dataclass(frozen=True, slots=True)
class WorkloadTemplate:
    """One workload type. `min_vram_gb` per GPU is a hint for the task fit, never a filter by itself."""

    image: str
    command: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    disk_gb: float = 20.0
    preferred_gpus: tuple[str, ...] = ()
    """Families, best first; empty: any."""
    min_vram_gb: float | None = None


_STAY = ("sleep", "infinity")
"""Keeps a container up that has no work of its own."""


def _built_in() -> dict[WorkloadType, WorkloadTemplate]:
    return {
        WorkloadType.LLM_INFERENCE: WorkloadTemplate(
            image="vllm/vllm-openai:v0.9.2",
            # Half precision: the T4 (compute capability 7.5) has no bfloat16.
            command=("--model", "Qwen/Qwen2.5-1.5B-Instruct", "--dtype", "half", "--port", "8000"),
            ports=("8000",),
            disk_gb=40.0,
            preferred_gpus=("h100", "a100", "h200", "l40s", "rtx4090"),
            min_vram_gb=16.0,
        ),
        WorkloadType.LLM_TRAINING: WorkloadTemplate(
            image="pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime",
            command=_STAY,
            disk_gb=64.0,
            preferred_gpus=("h100", "h200", "a100", "b200"),
            min_vram_gb=40.0,
        ),
        WorkloadType.RENDERING: WorkloadTemplate(
            image="nytimes/blender:3.3.1-gpu-ubuntu18.04",
            command=_STAY,
            disk_gb=32.0,
            preferred_gpus=("rtx4090", "rtx5090", "rtx3090", "l40s", "rtxa6000"),
            min_vram_gb=12.0,
        ),
        WorkloadType.GENERAL: WorkloadTemplate(
            image="nvidia/cuda:12.4.1-runtime-ubuntu22.04", command=_STAY, disk_gb=20.0
        ),
    }


@dataclass(frozen=True, slots=True)
class WorkloadTemplates:
    """All templates, one for every workload type."""

    by_type: Mapping[WorkloadType, WorkloadTemplate] = field(default_factory=_built_in)

    def of(self, workload_type: WorkloadType) -> WorkloadTemplate:
        return self.by_type[workload_type]

    @classmethod
    def load(cls, path: Path) -> "WorkloadTemplates":
        """Read the file; a type or key that it leaves out keeps the built-in value. Raises ConfigError."""
        top = ConfigSection.load(path)
        plain = _built_in()
        top.only({kind.value for kind in WorkloadType})
        return cls({kind: _template(top.section(kind.value), plain[kind]) for kind in WorkloadType})


def _template(section: ConfigSection, plain: WorkloadTemplate) -> WorkloadTemplate:
    section.only({name.name for name in fields(WorkloadTemplate)})
    vram = section.number("min_vram_gb", plain.min_vram_gb or 0.0, high=10_000)
    try:
        return WorkloadTemplate(
            image=container.image(section.text("image", plain.image)),
            command=container.command(section.texts("command", plain.command)),
            ports=container.ports(section.texts("ports", plain.ports)),
            disk_gb=section.number("disk_gb", plain.disk_gb, low=1, high=1e6),
            preferred_gpus=tuple(
                name.lower() for name in section.texts("preferred_gpus", plain.preferred_gpus)
            ),
            min_vram_gb=vram or None,
        )
    except InvalidRequest as exc:
        raise section.error(exc.field, exc.detail) from None
