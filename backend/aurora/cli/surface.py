"""What the HTTP API sees of a running Aurora."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora.api.access import AccessPolicy
from aurora.bootstrap import Aurora
from aurora.bootstrap.access import Entrance
from aurora.domain.clock import Clock
from aurora.replicas.base import Syncs
from aurora.services.alerts import AlertBook
from aurora.services.catalogue import Catalogue
from aurora.services.g_score import GScores
from aurora.services.intake import RequestIntake
from aurora.services.policy_desk import PolicyDesk
from aurora.services.ports import Decisions, Deployments, Routing
from aurora.services.provider_desk import ProviderDesk
from aurora.services.reputation import Reputation
from aurora.services.whatif import WhatIfDesk
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.tracing import Tracer


@dataclass(frozen=True, slots=True)
class Surface:
    """Fits `api.ports.AuroraPort`."""

    aurora: Aurora
    access: AccessPolicy
    emulated: bool
    mode: str
    version: str
    started_at: datetime
    clock: Clock
    entrance: Entrance
    intake: RequestIntake
    routing: Routing
    deployments: Deployments
    decisions: Decisions
    catalogue: Catalogue
    reputation: Reputation
    g_scores: GScores
    policies: PolicyDesk
    whatif: WhatIfDesk
    sync: Syncs
    desk: ProviderDesk
    metrics: Metrics
    draining: asyncio.Event
    alerts: AlertBook
    tracer: Tracer

    @classmethod
    def of(cls, aurora: Aurora, access: AccessPolicy) -> "Surface":
        return cls(
            aurora=aurora,
            access=access,
            emulated=aurora.emulated,
            mode=aurora.mode,
            version=aurora.version,
            started_at=aurora.started_at,
            clock=aurora.clock,
            entrance=aurora.entrance,
            intake=aurora.intake,
            routing=aurora.routing,
            deployments=aurora.deployments,
            decisions=aurora.decisions,
            catalogue=aurora.catalogue,
            reputation=aurora.reputation,
            g_scores=aurora.g_scores,
            policies=aurora.policies,
            whatif=aurora.whatif,
            sync=aurora.replicas.sync,
            desk=aurora.desk,
            metrics=aurora.metrics,
            draining=aurora.draining,
            alerts=aurora.alert_book,
            tracer=aurora.tracer,
        )

    async def ready(self) -> tuple[bool, Mapping[str, Any]]:
        return await self.aurora.ready()
