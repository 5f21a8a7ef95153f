"""A compute provider of the network: who it is, where it stands, what it owns and what it asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

AUDITOR = "akash1365yvmc4s7awdyj3n2sav7xfx76adc6dnmlx63"


@dataclass(frozen=True)
class GpuKind:
    """A row of the hardware database: `sxm` is how an SDL names the interfaces SXM2 to SXM6."""

    model: str
    ram: str
    interface: str

    @property
    def sdl_interface(self) -> str:
        return "sxm" if self.interface.upper().startswith("SXM") else "pcie"

    @property
    def vendor(self) -> str:
        return "amd" if self.model.startswith("mi") else "nvidia"


@dataclass(frozen=True)
class Rig:
    """Cards of one kind: all, and those that strangers hold. `usd` per card and hour, None if never bid for."""

    kind: GpuKind
    cards: int
    strangers: int
    usd: Decimal | None
    captured: Mapping[str, Any] | None = None  # the best bid as captured, for providers of the capture


@dataclass(frozen=True)
class Site:
    macro: str
    region: str
    country: str
    country_code: str
    city: str
    state: str
    lat: str
    lon: str
    timezone: str


@dataclass(frozen=True)
class Capacity:
    """Milli-CPU and bytes."""

    cpu: int
    memory: int
    ephemeral: int
    persistent: int


@dataclass(frozen=True)
class Provider:
    owner: str
    host_uri: str
    site: Site
    organization: str
    tier: str
    online: bool
    audited: bool
    uptime: tuple[float, float, float]  # of the last day, week, month
    created_height: int
    created_at: datetime
    rigs: tuple[Rig, ...]
    capacity: Capacity
    busy: Capacity  # held by strangers
    dearness: Decimal  # factor on the usual prices of CPU, memory and disk
    leases: int  # of strangers

    @property
    def host(self) -> str:
        return urlsplit(self.host_uri).hostname or ""

    @property
    def attributes(self) -> Mapping[str, str]:
        """As on chain: what an SDL can ask for and auditors sign."""
        site, disk = self.site, self.capacity.persistent
        gpus = {
            f"capabilities/gpu/vendor/{r.kind.vendor}/model/{r.kind.model}{more}": "true"
            for r in self.rigs
            for more in ("", f"/ram/{r.kind.ram}", f"/ram/{r.kind.ram}/interface/{r.kind.sdl_interface}")
        }
        return {
            "host": "akash",
            "region": site.macro,
            "location-region": site.region,
            "country": site.country_code,
            "city": site.city[:3].upper(),
            "timezone": site.timezone,
            "tier": self.tier,
            "organization": self.organization,
            "feat-persistent-storage": "true" if disk else "false",
            **({"capabilities/storage/1/class": "beta3"} if disk else {}),
            **gpus,
        }
