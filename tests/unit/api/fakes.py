"""A running Aurora without anything behind it: what the HTTP layer is given in these tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aurora.api.access import AccessPolicy
from aurora.domain.api_key import ApiKey
from aurora.domain.deployment import AttemptState, DeploymentStatus
from aurora.domain.errors import AuroraError, Conflict, InvalidRequest, NotFound
from aurora.domain.gpu import GpuModel
from aurora.domain.gpu_table import GpuTable
from aurora.domain.instance import LogLine
from aurora.domain.offer import Offer, PriceKind
from aurora.domain.records import (
    Attempt,
    Deployment,
    DeploymentEvent,
    DeploymentView,
    ProviderCatalogueState,
    RouteAnswer,
    SyncReport,
)
from aurora.domain.region import RegionTable
from aurora.domain.request import ComputeRequest
from aurora.domain.tenant import Tenant
from aurora.routing.g_score import GScore
from aurora.routing.snapshot import MarketSnapshot
from aurora.routing.whatif import WhatIf, what_if
from aurora.services.intake import IntakeRules, RequestIntake
from aurora.services.policy_desk import PolicyDesk
from aurora.services.ports import Caller, Idempotency, Page
from aurora.services.router_config import RouterConfig
from aurora.services.workload_templates import WorkloadTemplates
from aurora.telemetry.tracing import NullTracer, Tracer
from tests.fakes.clock import START, FakeClock

ADMIN_KEY = "adm-0123456789abcdef"
PROVIDERS = frozenset({"vastai", "akash"})
KNOWN_ID = "dep-7f3k2m9q4x1z"

ANSWER = RouteAnswer(
    status="provisioning",
    rationale="akash: best of 2",
    decision_id="dec-2b8c5n0r6t4w",
    deployment_id=KNOWN_ID,
    provider="akash",
    offer_id="akash:42",
    gpu_type="a100-sxm-80gb",
    gpu_count=1,
    region="us-west",
    price_usd_per_hour=Decimal("2.50"),
    price_usd_per_gpu_hour=Decimal("2.50"),
    price_kind=PriceKind.ESTIMATE,
    price_age_s=12.34,
    estimated_latency_ms=120.0,
    candidates=2,
    eliminated={"gpu": 7},
    emulated=True,
    score={"price": 0.4},
)
NO_CAPACITY = RouteAnswer(
    status="no_capacity",
    rationale="No viable providers",
    decision_id="dec-2b8c5n0r6t4w",
    reason="No viable providers: price removed 3",
    relaxations=("max_price 2.10 instead of 1.50 would give 3 offers",),
    eliminated={"price": 3},
    emulated=True,
)


def attempt(**changes: Any) -> Attempt:
    plain: dict[str, Any] = {
        "deployment_id": KNOWN_ID,
        "number": 1,
        "provider": "vastai",
        "offer_id": "vastai:1",
        "offer_external_id": "1",
        "name": "aurora-k3v9p2-7f3k2m9q4x1z-1",
        "state": AttemptState.RUNNING,
        "gpu_count": 3,
        "decided_usd_per_hour": Decimal(1),
        "ceiling_usd_per_hour": Decimal(9),
        "price_kind": PriceKind.ESTIMATE,
        "intent_at": START - timedelta(seconds=60),
        "endpoints": ({"port": "8000", "host": "203.0.113.9", "url_port": 41022},),
    }
    return Attempt(**{**plain, **changes})


def view(*attempts: Attempt, **changes: Any) -> DeploymentView:
    plain: dict[str, Any] = {
        "id": KNOWN_ID,
        "tenant": "default",
        "actor": "local",
        "decision_id": "dec-2b8c5n0r6t4w",
        "status": DeploymentStatus.RUNNING,
        "phase": "running",
        "wanted": "running",
        "request": {"gpu_type": "a100", "gpu_count": 3, "region": "us-west", "workload_type": "general"},
        "sealed_workload": "gAAAA-sealed",
        "allowed_s": 2400.0,
        "max_total_cost": Decimal("7.2"),
        "created_at": START - timedelta(seconds=60),
        "provider": "vastai",
        "cost_usd": Decimal("0.100000000"),
        "emulated": True,
    }
    return DeploymentView(Deployment(**{**plain, **changes}), attempts or (attempt(),))


def offer(external_id: str = "1", **changes: Any) -> Offer:
    plain: dict[str, Any] = {
        "provider": "vastai",
        "external_id": external_id,
        "gpu": GpuModel("a100", "sxm", 80),
        "gpu_count": 1,
        "price_per_hour": Decimal("1.50"),
        "price_kind": PriceKind.FIRM,
        "seen_at": START - timedelta(seconds=30),
        "gpu_raw": "A100 SXM4",
        "vram_gb": 80.0,
        "country": "US",
        "regions": frozenset({"us-west"}),
        "available": 1,
        "emulated": True,
    }
    return Offer(**{**plain, **changes})


@dataclass
class FakeRouting:
    answer: RouteAnswer = ANSWER
    error: Exception | None = None
    asked: list[tuple[ComputeRequest, Caller, dict[str, Any]]] = field(default_factory=list)

    async def route(
        self,
        request: ComputeRequest,
        *,
        caller: Caller,
        dry_run: bool = False,
        wait_s: float = 0.0,
        idempotency: Idempotency | None = None,
        request_id: str | None = None,
    ) -> RouteAnswer:
        how = {"dry_run": dry_run, "wait_s": wait_s, "idempotency": idempotency, "request_id": request_id}
        self.asked.append((request, caller, how))
        if self.error is not None:
            raise self.error
        return self.answer


@dataclass
class FakeDeployments:
    known: dict[str, DeploymentView] = field(default_factory=lambda: {KNOWN_ID: view()})
    lines: list[LogLine | AuroraError] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    log_closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self, deployment_id: str, *, caller: Caller) -> DeploymentView:
        self.looked_up.append(deployment_id)
        if deployment_id not in self.known or self.known[deployment_id].deployment.tenant != caller.tenant:
            raise NotFound(f"no deployment {deployment_id}")
        return self.known[deployment_id]

    async def page(
        self,
        *,
        caller: Caller,
        status: str | None = None,
        provider: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        self.asked.append({"tenant": caller.tenant, "status": status, "provider": provider, "limit": limit})
        if cursor == "broken":
            raise InvalidRequest("cursor", "is not a cursor of this list")
        return Page(tuple(self.known.values()), "next")

    async def terminate(self, deployment_id: str, *, caller: Caller) -> DeploymentView:
        return await self.get(deployment_id, caller=caller)

    async def extend(self, deployment_id: str, *, gpu_hours: Any, caller: Caller) -> DeploymentView:
        self.asked.append({"gpu_hours": gpu_hours})
        return await self.get(deployment_id, caller=caller)

    async def events(self, deployment_id: str, *, caller: Caller) -> Sequence[DeploymentEvent]:
        await self.get(deployment_id, caller=caller)
        return [DeploymentEvent(deployment_id, START, "running", "it runs", attempt=1, data={"x": 1}, id=7)]

    async def logs(
        self, deployment_id: str, *, caller: Caller, tail: int = 1000, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        await self.get(deployment_id, caller=caller)
        self.asked.append({"tail": tail, "follow": follow})
        try:
            for line in self.lines:
                if isinstance(line, AuroraError):
                    raise line
                yield line
            if follow:
                await asyncio.Event().wait()
        finally:
            self.log_closed.set()


class FakeDecisions:
    async def get(self, decision_id: str, *, caller: Caller) -> Mapping[str, Any]:
        if decision_id != "dec-1":
            raise NotFound(f"no decision {decision_id}")
        return {"id": decision_id, "counts": {"price": 3}, "at": START, "tenant": caller.tenant}


@dataclass
class FakeCatalogue:
    on_sale: list[Offer] = field(default_factory=lambda: [offer()])

    def offers(self) -> Sequence[Offer]:
        return self.on_sale

    def state(self, provider: str) -> ProviderCatalogueState:
        if provider != "vastai":
            return ProviderCatalogueState(provider, 0, 0, None, None, None, None, "never answered")
        return ProviderCatalogueState(provider, len(self.on_sale), 1, 0.97, START, START, 41.23, None)


class FakeReputation:
    def of(self, provider: str, host: str | None) -> float:
        return 86.04 if host is None else 50.0


@dataclass
class FakeGScores:
    by_offer: dict[str, GScore] = field(default_factory=dict)

    def of(self, offer_id: str) -> GScore | None:
        return self.by_offer.get(offer_id)


@dataclass
class FakeWhatIfs:
    """Decides on this market, at the fakes' own time."""

    market: MarketSnapshot = field(
        default_factory=lambda: MarketSnapshot.of((), regions=RegionTable.load(), taken_at=START)
    )
    asked: list[ComputeRequest] = field(default_factory=list)

    def ask(self, request: ComputeRequest) -> WhatIf:
        self.asked.append(request)
        return what_if(self.market, request, now=START)


@dataclass
class FakeSync:
    latest: dict[str, SyncReport] = field(default_factory=dict)
    runs: int = 0

    async def run_all(self) -> Mapping[str, SyncReport]:
        self.runs += 1
        self.latest = {
            "vastai": SyncReport("vastai", START, 1.23456, "ok", seen=5, new=1, rejected={"no price": 2})
        }
        return self.latest

    def latest_all(self) -> Mapping[str, SyncReport]:
        return self.latest


BREAKER = {
    "state": "CLOSED",
    "failure_count": 0,
    "success_count": 3,
    "last_failure_time": None,
    "trip_count": 0,
    "classes": {},
}
HEALTH = {
    "status": "HEALTHY",
    "success_rate": None,
    "avg_response_time": None,
    "circuit_breaker": "CLOSED",
    "rate_limit_utilization": 0.1,
}


@dataclass
class FakeDesk:
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    error: AuroraError | None = None

    def _known(self, name: str | None) -> None:
        if self.error is not None:
            raise self.error
        if name not in {"vastai", None}:
            raise NotFound(f"unknown provider {name}")

    def providers(self) -> list[dict[str, Any]]:
        return [
            {
                "name": "vastai",
                "status": "HEALTHY",
                "reason": None,
                "offers": 5,
                "unknown_gpus": 0,
                "last_sync": START,
                "capabilities": {"logs": True},
            }
        ]

    def health(self) -> dict[str, Any]:
        summary = {"total_providers": 1, "healthy": 1, "degraded": 0, "unavailable": 0}
        return {"status": "healthy", "providers": {"vastai": HEALTH}, "summary": summary}

    def provider_health(self, name: str) -> dict[str, Any]:
        self._known(name)
        return {**HEALTH, "p95": 300}

    async def check(self, name: str, *, force: bool, caller: Caller) -> dict[str, Any]:
        self._known(name)
        self.asked.append(("check", name, force, caller.actor))
        return {"ok": True}

    def breakers(self) -> dict[str, Any]:
        return {"vastai": BREAKER}

    async def reset(self, name: str, *, operation_class: str | None, actor: str) -> dict[str, Any]:
        self._known(name)
        self.asked.append(("reset", name, operation_class, actor))
        return BREAKER

    def limiters(self) -> dict[str, Any]:
        row = {
            "rate": 100,
            "capacity": 100,
            "available_tokens": 87,
            "utilization": 0.13,
            "requests_blocked": 0,
        }
        return {"vastai": {**row, "classes": {}}}

    def cache_stats(self) -> dict[str, Any]:
        row = {"hits": 0, "misses": 0, "hit_ratio": 0.0, "current_ttl": 300}
        return {"total_hits": 0, "total_misses": 0, "hit_ratio": 0.0, "providers": {"vastai": row}}

    def invalidate(self, provider: str | None) -> dict[str, Any]:
        self._known(provider)
        return {"invalidated": 4}

    def summary(self) -> dict[str, Any]:
        return {"health": self.health(), "uptime": {"vastai": None}}


class FakeMetrics:
    content_type = "text/plain; version=1.0.0; charset=utf-8"

    def portions(self) -> Iterator[bytes]:
        yield b'aurora_provider_health{provider="vastai"} 1.0\n'


@dataclass
class FakeAlerts:
    holding: list[dict[str, Any]] = field(default_factory=list)

    def active(self) -> Sequence[dict[str, Any]]:
        return self.holding


def real_intake() -> RequestIntake:
    """The intake as shipped, with the real tables."""
    rules = IntakeRules(PROVIDERS, RouterConfig(), WorkloadTemplates())
    return RequestIntake(rules, gpus=GpuTable.load(), regions=RegionTable.load())


@dataclass
class FakeDoors:
    """Knows no key, counts nobody."""

    keys: dict[str, ApiKey] = field(default_factory=dict)
    error: AuroraError | None = None
    passed: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    async def holder(self, secret: str, *, address: str) -> ApiKey | None:
        if self.error is not None:
            raise self.error
        return self.keys.get(secret)

    def pass_one(self, tenant_id: str) -> None:
        self.passed.append(tenant_id)

    def refused(self, code: str) -> None:
        self.refusals.append(code)


@dataclass
class FakeTenantBook:
    known: dict[str, Tenant] = field(default_factory=lambda: {"default": Tenant("default")})

    async def get(self, tenant_id: str) -> Tenant:
        if tenant_id not in self.known:
            raise NotFound(f"no tenant {tenant_id}")
        return self.known[tenant_id]


@dataclass
class FakeAuditLog:
    rows: list[tuple[str, str, str, str | None, int]] = field(default_factory=list)

    async def note(self, caller, action, *, target, status, refused=False) -> None:
        self.rows.append((caller.tenant, caller.actor, str(action), target, status))


@dataclass
class FakeEntrance:
    doors: FakeDoors = field(default_factory=FakeDoors)
    book: FakeTenantBook = field(default_factory=FakeTenantBook)
    audit: FakeAuditLog = field(default_factory=FakeAuditLog)


@dataclass
class FakeAurora:
    intake: RequestIntake
    emulated: bool = True
    mode: str = "emulated"
    version: str = "0.1.0"
    started_at: datetime = START - timedelta(seconds=90)
    clock: FakeClock = field(default_factory=lambda: FakeClock(auto=False))
    access: AccessPolicy = field(default_factory=lambda: AccessPolicy(live=False, host="127.0.0.1"))
    entrance: FakeEntrance = field(default_factory=FakeEntrance)
    routing: FakeRouting = field(default_factory=FakeRouting)
    deployments: FakeDeployments = field(default_factory=FakeDeployments)
    decisions: FakeDecisions = field(default_factory=FakeDecisions)
    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)
    reputation: FakeReputation = field(default_factory=FakeReputation)
    g_scores: FakeGScores = field(default_factory=FakeGScores)
    policies: PolicyDesk = field(default_factory=PolicyDesk)
    whatif: FakeWhatIfs = field(default_factory=FakeWhatIfs)
    sync: FakeSync = field(default_factory=FakeSync)
    desk: FakeDesk = field(default_factory=FakeDesk)
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    alerts: FakeAlerts = field(default_factory=FakeAlerts)
    tracer: Tracer = field(default_factory=NullTracer)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    is_ready: bool = True

    async def ready(self) -> tuple[bool, Mapping[str, Any]]:
        return self.is_ready, {"database": True, "schema": True, "snapshot": self.is_ready}


LOGS_UNSUPPORTED = Conflict("akash has no logs", code="logs_unsupported")
