"""Deployments, attempts and decisions with defaults: a test shows only what matters to it."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aurora.db.database import Database
from aurora.db.repositories import decisions, deployments
from aurora.domain.deployment import AttemptState, DeploymentStatus
from aurora.domain.offer import PriceKind
from aurora.domain.records import Attempt, Deployment, DeploymentEvent
from tests.fakes.clock import START

DECISION: dict[str, Any] = {
    "id": "dec-1", "request_id": None, "tenant": "default", "at": START, "config_version": "c1",
    "mode": "rule-based", "policy": "balanced", "policy_version": "1", "experiment": None, "arm": None,
    "unit": "default", "bucket": None, "market": "us-west/a100", "snapshot_version": "v1", "request": {},
    "candidates": [], "counts": {}, "holds": [], "relaxations": [], "chosen": "fake:1",
    "rationale": "the best of one", "propensity": 1.0, "propensities": None, "explore": False,
    "fallback_reason": None, "seed": 0, "attempt": 1, "parent_decision": None,
}  # fmt: skip


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def a_deployment(number: int | str = 1, **changes: Any) -> Deployment:
    plain = Deployment(
        id=f"dep-{number:0>12}",
        tenant="default",
        actor="local",
        decision_id="dec-1",
        status=DeploymentStatus.PENDING,
        phase="intent",
        wanted="running",
        request={"gpu_count": 1, "workload": {"image": "nginx"}},
        sealed_workload="sealed",
        allowed_s=7200.0,
        max_total_cost=Decimal("12.5"),
        created_at=START,
        provider="fake",
        due_at=START,
    )
    return replace(plain, **changes)


def an_attempt(deployment: Deployment, number: int = 1, **changes: Any) -> Attempt:
    plain = Attempt(
        deployment_id=deployment.id,
        number=number,
        provider="fake",
        offer_id="fake:1",
        offer_external_id="1",
        name=f"aurora-abc123-{deployment.id.removeprefix('dep-')}-{number}",
        state=AttemptState.INTENT,
        gpu_count=1,
        decided_usd_per_hour=Decimal("1.25"),
        ceiling_usd_per_hour=Decimal(3),
        price_kind=PriceKind.FIRM,
        intent_at=START,
    )
    return replace(plain, **changes)


def an_event(deployment: Deployment, kind: str, **changes: Any) -> DeploymentEvent:
    return replace(DeploymentEvent(deployment.id, START, kind, f"it was {kind}"), **changes)


async def stored(database: Database, *given: Deployment, attempts: int = 1) -> None:
    """The deployments with their attempts and the decision that they rest on."""
    async with database.write() as connection:
        if await decisions.find(connection, "dec-1", tenant=None) is None:
            await decisions.add(connection, DECISION)
        for one in given:
            await deployments.add(connection, one)
            for number in range(1, attempts + 1):
                await deployments.add_attempt(connection, an_attempt(one, number))


async def found(database: Database, deployment: Deployment) -> Deployment:
    """As the database has it."""
    async with database.read() as connection:
        view = await deployments.find(connection, deployment.id)
    assert view is not None
    return view.deployment
