"""Who pays us, and what they have set for themselves."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from aurora.domain.request import Weights

DEFAULT_TENANT = "default"
"""Made by the first migration; whoever calls without a key acts for it."""
DEFAULT_HOME = "us-east"
"""Where latency is measured from for a tenant without a home region."""


class Scope(StrEnum):
    """What a key may do beyond reading what belongs to its tenant."""

    ROUTE = "route"
    """Buy, extend and end deployments of its own tenant."""
    OPERATE = "operate"
    """Change how Aurora treats its providers."""
    ADMIN = "admin"
    """Tenants, keys and the audit log, of all tenants; implies the others."""


def granted(scopes: Iterable[str]) -> frozenset[str]:
    """The scopes that these give: admin gives all."""
    found = frozenset(scopes)
    return frozenset(Scope) if Scope.ADMIN in found else found


@dataclass(frozen=True, slots=True)
class Quotas:
    """None: no limit of the tenant's own."""

    max_deployments: int | None = None
    """Deployments that have not ended."""
    max_gpus: int | None = None
    """GPUs of those deployments, together."""
    requests_per_minute: float | None = None
    """Instead of INBOUND_RATE_LIMIT."""

    @property
    def counted(self) -> bool:
        """Must deployments be counted before another one is taken?"""
        return self.max_deployments is not None or self.max_gpus is not None


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """Defaults for what a request does not say, bounds for what it may say. None: `config/router.yaml` decides."""

    max_price: Decimal | None = None
    """USD per GPU and hour."""
    max_latency_ms: float | None = None
    min_reputation: float | None = None
    weights: Weights | None = None
    policy: str | None = None
    reputation_floor: float | None = None
    """No request of the tenant may ask for less."""
    providers: frozenset[str] = frozenset()
    """Only these, when not empty."""
    exclude_providers: frozenset[str] = frozenset()
    quotas: Quotas = field(default_factory=Quotas)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One who pays us. `broken` says why the stored limits cannot be used: then nothing may be bought."""

    id: str
    limits: TenantLimits = field(default_factory=TenantLimits)
    name: str | None = None
    home_region: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    disabled_at: datetime | None = None
    broken: str | None = None
