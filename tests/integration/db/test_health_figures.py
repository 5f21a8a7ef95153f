"""Our deployments from above, on both databases."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from aurora.db.repositories import decisions, deployments, holds
from aurora.db.repositories.holds import Hold
from aurora.db.tables import tenants
from aurora.domain.deployment import AttemptState, DeploymentStatus
from aurora.domain.offer import PriceKind
from aurora.domain.records import Attempt, Deployment
from aurora.services.attempt_figures import AttemptFigures, Figures
from tests.fakes.clock import START, FakeClock
from tests.integration.db.test_reputation_repository import DECISION

DEPLOYMENT = Deployment(
    id="dep-1",
    tenant="acme",
    actor="local",
    decision_id="dec-1",
    status=DeploymentStatus.RUNNING,
    phase="running",
    wanted="running",
    request={},
    sealed_workload="",
    allowed_s=3600.0,
    max_total_cost=Decimal(10),
    created_at=START,
    provider="vastai",
    due_at=START + timedelta(seconds=10),
)
ATTEMPT = Attempt(
    deployment_id="dep-1",
    number=1,
    provider="vastai",
    offer_id="vastai:1",
    offer_external_id="1",
    name="aurora-abc123-def456ghi789-1",
    state=AttemptState.ENDING,
    gpu_count=1,
    decided_usd_per_hour=Decimal("2.00"),
    ceiling_usd_per_hour=Decimal(3),
    charged_usd_per_hour=Decimal("2.50"),
    price_kind=PriceKind.FIRM,
    intent_at=START,
    terminate_asked_at=START,
)


@pytest.fixture
async def filled(database):
    async with database.write() as connection:
        await connection.execute(insert(tenants).values(id="acme", limits={}, created_at=START))
        await decisions.add(connection, DECISION)
        await deployments.add(connection, DEPLOYMENT)
        await deployments.add_attempt(connection, ATTEMPT)
        await deployments.add_attempt(
            connection,
            replace(ATTEMPT, number=2, name="aurora-abc123-def456ghi789-2", state=AttemptState.ENDED),
        )
        for expires in (None, START + timedelta(seconds=60)):
            await holds.add(
                connection,
                Hold("vastai", "vastai:1", frozenset(), "refused", START, expires_at=expires),
            )
    return database


async def test_figures_count_what_lives_and_what_it_costs(filled):
    clock = FakeClock(START + timedelta(seconds=310))
    figures = AttemptFigures(filled, clock=clock)
    before = figures.latest

    after = await figures.refresh()

    assert before == Figures()
    assert after is figures.latest
    assert after == Figures(
        active={"vastai": 1},
        spend_usd_per_hour={"vastai": 2.5},
        unconfirmed={"vastai": 1},
        price_drift={"vastai": 0.25},
        holds={"vastai": 1},
        lag_s=300.0,
    )
