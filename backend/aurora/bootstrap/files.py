"""What users edit in `config/`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aurora.services.provider_config import ProvidersConfig
from aurora.services.router_config import RouterConfig
from aurora.services.workload_templates import WorkloadTemplates


@dataclass(frozen=True, slots=True)
class Files:
    """What users edit in `config/`."""

    router: RouterConfig
    workloads: WorkloadTemplates
    providers: ProvidersConfig
    version: str
    """A digest of their texts: decisions name it."""

    @classmethod
    def load(cls, folder: Path) -> "Files":
        """Raises ConfigError with one line naming file and key."""
        digest = hashlib.sha256()
        for name in ("router.yaml", "workloads.yaml", "providers.yaml"):
            file = folder / name
            digest.update(file.read_bytes() if file.is_file() else b"")
        return cls(
            RouterConfig.load(folder / "router.yaml"),
            WorkloadTemplates.load(folder / "workloads.yaml"),
            ProvidersConfig.load(folder / "providers.yaml"),
            digest.hexdigest()[:12],
        )
