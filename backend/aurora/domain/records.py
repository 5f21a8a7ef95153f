"""What is kept about deployments and decisions, as the rooms pass it to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from aurora.domain.deployment import AttemptState, DeploymentStatus
from aurora.domain.offer import PriceKind


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to satisfy a deployment on one offer. Money in USD, prices per hour for the whole instance."""

    deployment_id: str
    number: int
    provider: str
    offer_id: str
    offer_external_id: str
    name: str
    """The label at the market, committed before anything is sent."""
    state: AttemptState
    gpu_count: int
    decided_usd_per_hour: Decimal
    """The price the decision was made on, disk included."""
    ceiling_usd_per_hour: Decimal
    price_kind: PriceKind
    intent_at: datetime
    external_id: str | None = None
    host: str | None = None
    resources: frozenset[str] = frozenset()
    quoted_usd_per_hour: Decimal | None = None
    charged_usd_per_hour: Decimal | None = None
    latency_ms: float | None = None
    endpoints: tuple[Mapping[str, Any], ...] = ()
    raw_state: str | None = None
    detail: str | None = None
    end_reason: str | None = None
    sent_at: datetime | None = None
    launched_at: datetime | None = None
    running_at: datetime | None = None
    unseen_since: datetime | None = None
    absent_at: datetime | None = None
    """The first confirmed absence; the second, later one makes the end a fact."""
    terminate_asked_at: datetime | None = None
    ended_at: datetime | None = None
    billed_s: float = 0.0
    billed_until: datetime | None = None
    cost_usd: Decimal = Decimal(0)

    @property
    def usd_per_hour(self) -> Decimal:
        """The best known price: charged, else quoted, else decided."""
        return self.charged_usd_per_hour or self.quoted_usd_per_hour or self.decided_usd_per_hour


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a tenant wants to be running, and where it stands."""

    id: str
    tenant: str
    actor: str
    decision_id: str
    status: DeploymentStatus
    phase: str
    wanted: str
    """`running` or `terminated`: what the last command asked for."""
    request: Mapping[str, Any]
    """The request as it was resolved (env and registry login excepted: those are sealed)."""
    sealed_workload: str = field(repr=False)
    allowed_s: float
    """Running time that was asked for, over all attempts."""
    max_total_cost: Decimal
    created_at: datetime
    provider: str | None = None
    attempt: int = 1
    reason: str | None = None
    end_reason: str | None = None
    cost_usd: Decimal = Decimal(0)
    running_at: datetime | None = None
    ended_at: datetime | None = None
    warned_at: datetime | None = None
    running_s: float = 0.0
    due_at: datetime | None = None
    claim: str | None = None
    claimed_until: datetime | None = None
    emulated: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentEvent:
    """One thing that happened to a deployment, for people and for `GET /deployments/{id}/events`."""

    deployment_id: str
    at: datetime
    kind: str
    message: str
    attempt: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment with all its attempts, newest last."""

    deployment: Deployment
    attempts: tuple[Attempt, ...]

    @property
    def current(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """The answer of `POST /route`, HTTP 200."""

    status: str
    """provisioning, running, failed or no_capacity."""
    rationale: str
    decision_id: str | None
    """None for a dry run: it writes nothing."""
    deployment_id: str | None = None
    provider: str | None = None
    offer_id: str | None = None
    gpu_type: str | None = None
    gpu_count: int | None = None
    region: str | None = None
    price_usd_per_hour: Decimal | None = None
    price_usd_per_gpu_hour: Decimal | None = None
    price_kind: PriceKind | None = None
    price_age_s: float | None = None
    estimated_latency_ms: float | None = None
    reason: str | None = None
    relaxations: tuple[str, ...] = ()
    candidates: int = 0
    eliminated: Mapping[str, int] = field(default_factory=dict)
    emulated: bool = False
    score: Mapping[str, float] = field(default_factory=dict)


BEYOND_CAP = "beyond the row cap"
"""The reason under which rows are counted that a market lists and the cap keeps us from reading; 0: nobody knows how
many.
"""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """One sync of one provider. `completeness` is the share of the catalogue that has been read to its end."""

    provider: str
    started_at: datetime
    seconds: float
    outcome: str
    """ok, partial, failed or suspicious (a collapse that must repeat before it is believed)."""
    seen: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    completeness: float | None = None
    unknown_gpus: int = 0
    error: str | None = None

    @property
    def truncated(self) -> bool:
        """The market lists more than the row cap lets us read: what is not shown is neither read nor gone."""
        return BEYOND_CAP in self.rejected


@dataclass(frozen=True, slots=True)
class ProviderCatalogueState:
    """How far one provider's offers can be trusted now."""

    provider: str
    offers: int
    unknown_gpus: int
    completeness: float | None
    last_sync_at: datetime | None
    last_success_at: datetime | None
    data_age_s: float | None
    last_error: str | None
