"""What the HTTP API needs from the rest of Aurora, by shape. Bootstrap builds an object that fits `AuroraPort`."""

from asyncio import Event
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from aurora.api.access import AccessPolicy
from aurora.db.repositories.audit import AuditFilter
from aurora.db.repositories.tenants import InUse, StoredTenant
from aurora.domain.api_key import ApiKey
from aurora.domain.audit import AuditAction, AuditEntry
from aurora.domain.clock import Clock
from aurora.domain.offer import Offer
from aurora.domain.records import ProviderCatalogueState, SyncReport
from aurora.domain.request import ComputeRequest
from aurora.domain.tenant import Tenant
from aurora.routing.g_score import GScore
from aurora.routing.whatif import WhatIf
from aurora.services.intake import RequestIntake
from aurora.services.keys import KeyWish, NewKey
from aurora.services.policy_desk import PolicyLine
from aurora.services.ports import Caller, Decisions, Deployments, Routing
from aurora.services.tenants import TenantChange
from aurora.telemetry.tracing import Tracer

Json = dict[str, Any]
"""A JSON object. Decimal, datetime, StrEnum and frozenset are allowed in it: the answer writes them."""


class CatalogueView(Protocol):
    """The offers in memory."""

    def offers(self) -> Iterable[Offer]:
        """Every offer that is on sale as far as we know. No I/O."""
        ...

    def state(self, provider: str) -> ProviderCatalogueState:
        """How far one provider's offers can be trusted; a provider that never synced has no figures."""
        ...


class SyncRuns(Protocol):
    """Reading the markets."""

    async def run_all(self) -> Mapping[str, SyncReport]:
        """Sync every provider now, past the cache; callers that come meanwhile share the run."""
        ...

    def latest_all(self) -> Mapping[str, SyncReport]:
        """The last report of each provider; empty before the first run."""
        ...


class ProviderDesk(Protocol):
    """The health endpoints' figures as plain data. An unknown provider raises NotFound."""

    def providers(self) -> list[Json]: ...

    def health(self) -> Json: ...

    def provider_health(self, name: str) -> Json: ...

    async def check(self, name: str, *, force: bool, caller: Caller) -> Json:
        """Ask the provider now: one call, no cache, no retry."""
        ...

    def breakers(self) -> Json: ...

    async def reset(self, name: str, *, operation_class: str | None, actor: str) -> Json: ...

    def limiters(self) -> Json: ...

    def cache_stats(self) -> Json: ...

    def invalidate(self, provider: str | None) -> Json: ...

    def summary(self) -> Json: ...


class Reputations(Protocol):
    """How far a provider, or one host of it, keeps what it sells."""

    def of(self, provider: str, host: str | None) -> float:
        """0 to 100."""
        ...


class GScores(Protocol):
    """How good offers are by themselves."""

    def of(self, offer_id: str) -> GScore | None:
        """None: nothing is known of it."""
        ...


class Policies(Protocol):
    """`GET /policies`."""

    @property
    def default(self) -> str: ...

    def lines(self) -> Sequence[PolicyLine]: ...


class WhatIfs(Protocol):
    """`POST /route/whatif`."""

    def ask(self, request: ComputeRequest) -> WhatIf:
        """What other limits would give; writes nothing. Raises InvalidRequest."""
        ...


class MetricsPage(Protocol):
    """The Prometheus page."""

    @property
    def content_type(self) -> str: ...

    def portions(self) -> Iterator[bytes]: ...


class ActiveAlerts(Protocol):
    """`GET /api/v1/alerts`."""

    def active(self) -> Sequence[Json]:
        """What holds now; the gravest and oldest first."""
        ...


class Doors(Protocol):
    """Who comes in, and how often."""

    async def holder(self, secret: str, *, address: str) -> ApiKey | None:
        """The key of this secret, ended ones too. Raises InboundLimit, DatabaseUnavailable."""
        ...

    def pass_one(self, tenant_id: str) -> None:
        """Count one request. Raises InboundLimit."""
        ...

    @property
    def refused(self) -> Callable[[str], None]:
        """Told the code of every refusal."""
        ...


class TenantLookup(Protocol):
    """The tenants in memory."""

    async def get(self, tenant_id: str) -> Tenant:
        """Raises NotFound, DatabaseUnavailable."""
        ...


class Tenants(Protocol):
    """`/api/v1/tenants`. An unknown id raises NotFound."""

    async def create(self, tenant_id: str, change: TenantChange, *, caller: Caller) -> StoredTenant: ...

    async def change(
        self, tenant_id: str, change: TenantChange, *, caller: Caller, action: AuditAction
    ) -> StoredTenant: ...

    async def disable(self, tenant_id: str, *, caller: Caller) -> StoredTenant: ...

    async def get(self, tenant_id: str) -> StoredTenant: ...

    async def in_use(self, tenant_id: str) -> InUse: ...

    async def page(self, *, after: str | None, limit: int) -> tuple[Sequence[StoredTenant], str | None]: ...


class Keys(Protocol):
    """`/api/v1/keys`. An unknown id raises NotFound."""

    async def create(self, tenant: str, wish: KeyWish, *, caller: Caller) -> NewKey: ...

    async def of_tenant(self, tenant: str) -> Sequence[ApiKey]: ...

    async def get(self, key_id: str) -> ApiKey: ...

    async def revoke(self, key_id: str, *, caller: Caller) -> ApiKey: ...

    async def rotate(self, key_id: str, *, overlap_s: float, caller: Caller) -> NewKey: ...


class AuditLog(Protocol):
    """The audit log."""

    async def note(
        self, caller: Caller, action: AuditAction, *, target: str | None, status: int, refused: bool = False
    ) -> None:
        """Write one row; never raises."""
        ...

    async def page(
        self, wanted: AuditFilter, *, before: int | None, limit: int
    ) -> tuple[Sequence[AuditEntry], int | None]: ...


class Entrance(Protocol):
    """Keys, tenants and the record of what they did."""

    @property
    def doors(self) -> Doors: ...

    @property
    def book(self) -> TenantLookup: ...

    @property
    def tenants(self) -> Tenants: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def audit(self) -> AuditLog: ...


class AuroraPort(Protocol):
    """A running Aurora."""

    @property
    def emulated(self) -> bool: ...

    @property
    def mode(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def started_at(self) -> datetime: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def access(self) -> AccessPolicy: ...

    @property
    def entrance(self) -> Entrance: ...

    @property
    def intake(self) -> RequestIntake: ...

    @property
    def routing(self) -> Routing: ...

    @property
    def deployments(self) -> Deployments: ...

    @property
    def decisions(self) -> Decisions: ...

    @property
    def catalogue(self) -> CatalogueView: ...

    @property
    def reputation(self) -> Reputations: ...

    @property
    def g_scores(self) -> GScores: ...

    @property
    def policies(self) -> Policies: ...

    @property
    def whatif(self) -> WhatIfs: ...

    @property
    def sync(self) -> SyncRuns: ...

    @property
    def desk(self) -> ProviderDesk: ...

    @property
    def draining(self) -> Event:
        """Set when the process has been told to stop."""
        ...

    @property
    def metrics(self) -> MetricsPage: ...

    @property
    def alerts(self) -> ActiveAlerts: ...

    @property
    def tracer(self) -> Tracer: ...

    async def ready(self) -> tuple[bool, Mapping[str, Any]]:
        """Can requests be served (database reachable, schema at head, a snapshot loaded)? With each check's result."""
        ...
