"""What `POST /route` answers when it is asked again, and those who wait for a deployment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.errors import NotFound
from aurora.domain.records import DeploymentView
from aurora.services.ports import Caller
from aurora.services.route_answer import stored_answer
from tests.fakes.clock import FakeClock
from tests.integration.db.deployment_rows import a_deployment, an_attempt, at
from tests.unit.lifecycle.world import offer, request, setting

RECORD = {
    "rationale": "the best of two",
    "counts": {"ranked": 2, "total": 5, "gpu": 3},
    "candidates": [
        {"offer": "fake:1", "gpu_type": "a100-sxm-80gb", "regions": ["us-west"], "terms": {"price": 0.4}}
    ],
}


def stored(status: DeploymentStatus = DeploymentStatus.RUNNING, **changes: object) -> DeploymentView:
    deployment = a_deployment(1, status=status, request={"gpu_type": "a100"}, **changes)
    attempt = an_attempt(
        deployment, gpu_count=4, charged_usd_per_hour=Decimal("5.00"), sent_at=at(10), latency_ms=12.5
    )
    return DeploymentView(deployment, (attempt,))


def test_a_stored_deployment_is_answered_with_its_present_attempt_and_the_first_reasons():
    clock = FakeClock(auto=False)
    clock.advance(70)

    answer = stored_answer(stored(), RECORD, clock=clock)

    assert (answer.status, answer.offer_id, answer.gpu_type) == ("running", "fake:1", "a100-sxm-80gb")
    assert (answer.price_usd_per_hour, answer.price_usd_per_gpu_hour) == (Decimal(5), Decimal("1.25"))
    assert (answer.price_age_s, answer.estimated_latency_ms, answer.region) == (60, 12.5, "us-west")
    assert (answer.candidates, answer.eliminated, answer.score) == (2, {"gpu": 3}, {"price": 0.4})


@pytest.mark.parametrize(
    ("status", "word", "reason"),
    [
        (DeploymentStatus.PENDING, "provisioning", None),
        (DeploymentStatus.LOST, "lost", None),
        (DeploymentStatus.FAILED, "failed", "no more attempts"),
    ],
)
def test_the_status_is_the_callers_word_and_a_reason_comes_with_an_end(status, word, reason):
    answer = stored_answer(stored(status, reason="no more attempts"), RECORD, clock=FakeClock())

    assert (answer.status, answer.reason) == (word, reason)


def test_a_decision_that_is_gone_or_names_another_offer_leaves_only_its_own_facts_out():
    answer = stored_answer(stored(), {}, clock=FakeClock())

    assert (answer.gpu_type, answer.region, answer.candidates, answer.rationale) == ("a100", None, 0, "")


def test_a_deployment_without_an_attempt_is_not_answered():
    with pytest.raises(NotFound):
        stored_answer(DeploymentView(a_deployment(1), ()), RECORD, clock=FakeClock())


class Hasty(Database):
    """Between a read and what follows it, something happens once."""

    happens = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with super().read() as connection:
            yield connection
        if self.happens is not None:
            step, self.happens = self.happens, None
            await step()


async def test_whoever_waits_hears_of_a_start_that_comes_just_after_looking(sqlite_database):
    database = Hasty(sqlite_database.engine)
    async with setting(database, offers=[offer("1")]) as stage:
        world = await stage.boot()
        deployments = []

        async def starts() -> None:
            (view,) = (await world.desk.page(caller=Caller())).items
            deployments.append(view.deployment.id)
            await world.until(view.deployment.id, "running")

        database.happens = starts

        async with asyncio.timeout(5):  # the clock stands still: nobody is woken by time
            answer = await world.routing.route(request(), caller=Caller(), wait_s=60)

    assert (answer.status, [answer.deployment_id]) == ("running", deployments)
