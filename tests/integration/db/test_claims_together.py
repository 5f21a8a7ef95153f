"""Who may write a deployment while its step is being written, and who gets what was just given back."""

from decimal import Decimal

import pytest
from sqlalchemy import text

from aurora.db.database import Database
from aurora.db.repositories import claims, deployments
from aurora.domain.deployment import DeploymentStatus, EndReason
from aurora.domain.errors import DatabaseUnavailable
from aurora.lifecycle.journal import ClaimLost, Journal
from aurora.lifecycle.pages import Ask, Due, Page, write
from aurora.lifecycle.work import Work
from tests.fakes.watchers import Deaf
from tests.integration.db.deployment_rows import a_deployment, at, found, stored
from tests.integration.db.test_deployments_claims import claimed, settled


async def woken(database: Database, deployment: str) -> None:
    """By a command that waits for nobody."""
    async with database.write() as connection:
        await connection.execute(text("SET LOCAL lock_timeout = '20ms'"))
        await deployments.wake(connection, deployment, now=at(1))


async def test_until_a_step_is_written_no_command_comes_between(postgres_database):
    await stored(postgres_database, a_deployment(1))
    (view,) = await claimed(postgres_database)
    async with postgres_database.write() as writing:
        assert await claims.standing(writing, [view.deployment])

        with pytest.raises(DatabaseUnavailable, match="55P03"):
            await woken(postgres_database, view.deployment.id)


async def test_what_a_step_gives_back_can_be_taken_in_the_same_transaction(database):
    await stored(database, a_deployment(1))
    (view,) = await claimed(database)
    page = Page(Work(view, now=at(1)), final=True, frees_until=at(1))
    ask = Ask("next", at(1), at(100), 50)

    async with database.write() as connection:
        due, _ = await write([ask, page], connection)

    assert isinstance(due, Due)
    assert [one.deployment.claim for one in due.views] == ["next"]


@pytest.mark.parametrize("limit", [EndReason.DURATION_REACHED, EndReason.BUDGET_REACHED])
async def test_an_end_at_a_limit_that_was_raised_meanwhile_does_not_stand(database, limit):
    running = a_deployment(1, status=DeploymentStatus.RUNNING)
    await stored(database, running)
    (view,) = await claimed(database)
    async with database.write() as connection:
        assert await deployments.extend(connection, running.id, seconds=3600, cost=Decimal("4.5"), now=at(5))

    assert not await settled(database, view, now=6, end_reason=limit.value)

    after = await found(database, running)
    assert (after.end_reason, after.allowed_s) == (None, 10_800)


async def test_another_end_stands_although_time_was_added(database):
    running = a_deployment(1, status=DeploymentStatus.RUNNING)
    await stored(database, running)
    (view,) = await claimed(database)
    async with database.write() as connection:
        assert await deployments.extend(connection, running.id, seconds=3600, cost=Decimal("4.5"), now=at(5))

    assert await settled(database, view, now=6, end_reason=EndReason.COMPLETED.value)

    assert (await found(database, running)).end_reason == "completed"


async def test_whoever_was_warned_of_an_end_that_is_put_off_will_be_warned_again(database):
    running = a_deployment(1, status=DeploymentStatus.RUNNING)
    await stored(database, running)
    (view,) = await claimed(database)
    async with database.write() as connection:
        assert await deployments.extend(connection, running.id, seconds=3600, cost=Decimal("4.5"), now=at(5))

    assert await settled(database, view, now=6, warned_at=at(6))

    assert (await found(database, running)).warned_at is None


async def test_nobody_goes_on_to_an_end_that_is_put_off(database):
    running = a_deployment(1, status=DeploymentStatus.RUNNING)
    await stored(database, running)
    (view,) = await claimed(database)
    async with database.write() as connection:
        assert await deployments.extend(connection, running.id, seconds=3600, cost=Decimal("4.5"), now=at(5))
    work = Work(view, now=at(6))
    work.change(end_reason=EndReason.DURATION_REACHED.value)

    with pytest.raises(ClaimLost):
        await Journal(database, Deaf()).go_on(work, claim_s=150)

    assert (await found(database, running)).end_reason is None


async def test_whoever_goes_on_has_the_claim_for_longer(database):
    await stored(database, a_deployment(1))
    (view,) = await claimed(database, until=100)

    await Journal(database, Deaf()).go_on(Work(view, now=at(50)), claim_s=150)

    after = await found(database, view.deployment)
    assert (after.claim, after.claimed_until) == ("mine", at(200))
