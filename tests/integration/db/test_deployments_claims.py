"""Who works on a deployment: claims are exclusive, run out, and guard what is written, on both databases."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from aurora.db.database import Database
from aurora.db.repositories import claims, deployments
from aurora.domain.deployment import DeploymentStatus
from aurora.domain.records import DeploymentView
from aurora.lifecycle.journal import ClaimLost, Journal
from aurora.lifecycle.work import Work
from tests.fakes.watchers import Deaf
from tests.integration.db.deployment_rows import a_deployment, at, found, stored

RUNNING = DeploymentStatus.RUNNING


async def claimed(
    database: Database, claim: str = "mine", *, now: float = 0, until: float = 100, limit: int = 50
) -> tuple[DeploymentView, ...]:
    async with database.write() as connection:
        return await claims.take_due(connection, now=at(now), until=at(until), claim=claim, limit=limit)


async def settled(
    database: Database, view: DeploymentView, *, due: float = 60, now: float = 1, **changes: object
) -> bool:
    """A step that found `changes` gives its claim back. False: it had been taken over."""
    work = changed(view, now=now, **changes)
    work.again_in(due - now)
    try:
        await Journal(database, Deaf()).finish(work)
    except ClaimLost:
        return False
    return True


async def kept(database: Database, view: DeploymentView, **changes: object) -> bool:
    """A step that found `changes` goes on. False: it had been taken over."""
    try:
        await Journal(database, Deaf()).keep(changed(view, **changes))
    except ClaimLost:
        return False
    return True


def changed(view: DeploymentView, *, now: float = 1, **changes: object) -> Work:
    work = Work(view, now=at(now))
    work.change(**changes)
    return work


async def test_only_what_is_due_unclaimed_and_alive_is_claimed(database):
    due = a_deployment(1)
    await stored(
        database,
        due,
        a_deployment(2, due_at=at(10)),
        a_deployment(3, claim="other", claimed_until=at(50)),
        a_deployment(4, status=DeploymentStatus.TERMINATED),
        a_deployment(5, status=DeploymentStatus.FAILED),
        a_deployment(6, due_at=None),
    )

    views = await claimed(database)

    assert [view.deployment.id for view in views] == [due.id]
    assert views[0].deployment.claim == "mine"
    assert views[0].deployment.claimed_until == at(100)
    assert [attempt.number for attempt in views[0].attempts] == [1]


async def test_what_has_waited_longest_is_claimed_first(database):
    waiting = [a_deployment(number, due_at=at(-number)) for number in range(1, 5)]
    await stored(database, *waiting)

    views = await claimed(database, limit=2)

    assert {view.deployment.id for view in views} == {waiting[3].id, waiting[2].id}


async def test_a_claim_that_has_run_out_is_taken_over(database):
    await stored(database, a_deployment(1))
    await claimed(database, "dead", until=100)

    assert await claimed(database, "next", now=100) == ()
    (view,) = await claimed(database, "next", now=100.001, until=200)

    assert view.deployment.claim == "next"


async def test_ten_workers_at_once_claim_each_deployment_exactly_once(database):
    await stored(database, *(a_deployment(number) for number in range(60)))

    async def worker(name: str) -> list[str]:
        mine: list[str] = []
        while views := await claimed(database, name, limit=3):
            mine.extend(view.deployment.id for view in views)
        return mine

    lists = await asyncio.gather(*(worker(f"worker {number}") for number in range(10)))

    claims = [one for mine in lists for one in mine]
    assert len(claims) == 60
    assert len(set(claims)) == 60


async def test_on_postgres_a_worker_passes_by_what_another_one_is_just_claiming(postgres_database):
    await stored(postgres_database, a_deployment(1), a_deployment(2))

    async with postgres_database.write() as busy:
        held = await claims.take_due(busy, now=at(0), until=at(100), claim="busy", limit=1)

        async with asyncio.timeout(3):  # below the lock time-out: nobody waits
            passing = await claimed(postgres_database, "passing")

    assert {view.deployment.id for view in (*held, *passing)} == {a_deployment(1).id, a_deployment(2).id}


async def test_settling_writes_what_the_step_found_and_gives_the_claim_back(database):
    await stored(database, a_deployment(1))
    (view,) = await claimed(database)

    written = await settled(
        database,
        view,
        due=60,
        status=RUNNING,
        phase="running",
        cost_usd=Decimal("0.000000001"),
        running_at=at(3.5),
        running_s=1.25,
    )

    after = await found(database, view.deployment)
    assert written
    assert (after.status, after.phase, after.cost_usd) == (RUNNING, "running", Decimal("0.000000001"))
    assert (after.running_at, after.running_s, after.due_at) == (at(3.5), 1.25, at(60))
    assert (after.claim, after.claimed_until) == (None, None)


async def test_whoever_lost_the_claim_writes_nothing(database):
    await stored(database, a_deployment(1))
    (slow,) = await claimed(database, "slow", until=10)
    (fast,) = await claimed(database, "fast", now=11, until=100)

    assert not await settled(database, slow, status=RUNNING)
    assert not await kept(database, slow, phase="creating")
    async with database.write() as connection:
        await claims.release(connection, [slow.deployment], due_at=at(500))

    assert await found(database, fast.deployment) == fast.deployment


async def test_a_settled_step_cannot_be_settled_twice(database):
    await stored(database, a_deployment(1))
    (view,) = await claimed(database)

    assert await settled(database, view, status=RUNNING)
    assert not await settled(database, view, status=DeploymentStatus.FAILED)
    assert (await found(database, view.deployment)).status is RUNNING


async def test_a_command_during_a_step_makes_the_deployment_due_at_once(database):
    await stored(database, a_deployment(1))
    (view,) = await claimed(database)
    async with database.write() as connection:
        assert await deployments.want_terminated(connection, view.deployment.id, now=at(5))

    assert await settled(database, view, due=600, now=6, status=RUNNING)

    after = await found(database, view.deployment)
    assert (after.wanted, after.due_at) == ("terminated", at(6))


async def test_an_extension_during_a_step_is_kept_and_makes_the_deployment_due_at_once(database):
    warned = a_deployment(1, status=RUNNING, warned_at=at(-5))
    await stored(database, warned)
    (view,) = await claimed(database)
    async with database.write() as connection:
        assert await deployments.extend(connection, warned.id, seconds=3600, cost=Decimal("4.5"), now=at(5))

    assert await settled(database, view, due=600, now=6, running_s=10)

    after = await found(database, warned)
    assert (after.allowed_s, after.max_total_cost) == (10_800, Decimal(17))
    assert (after.due_at, after.warned_at) == (at(6), None)


async def test_progress_writes_and_keeps_the_claim(database):
    await stored(database, a_deployment(1))
    (view,) = await claimed(database)

    assert await kept(database, view, status=DeploymentStatus.PROVISIONING, phase="creating")

    after = await found(database, view.deployment)
    assert (after.status, after.phase, after.claim) == (DeploymentStatus.PROVISIONING, "creating", "mine")
    assert await claimed(database, "other") == ()


async def test_a_claim_given_back_unwritten_changes_only_when_to_look_again(database):
    await stored(database, a_deployment(1))
    (view,) = await claimed(database)

    async with database.write() as connection:
        await claims.release(connection, [view.deployment], due_at=at(10))

    expected = replace(view.deployment, claim=None, claimed_until=None, due_at=at(10))
    assert await found(database, view.deployment) == expected


async def test_an_ended_deployment_is_never_due_again(database):
    await stored(database, a_deployment(1))
    (view,) = await claimed(database)

    await settled(database, view, status=DeploymentStatus.TERMINATED, ended_at=at(1))
    async with database.write() as connection:
        await deployments.wake(connection, view.deployment.id, now=at(2))

    assert (await found(database, view.deployment)).due_at is None


async def test_waking_makes_a_deployment_due_at_once(database):
    sleeping = a_deployment(1, due_at=at(500))
    await stored(database, sleeping)

    async with database.write() as connection:
        await deployments.wake(connection, sleeping.id, now=at(2))

    assert (await found(database, sleeping)).due_at == at(2)


async def test_a_process_that_is_alone_frees_every_claim_at_its_start(database):
    left = a_deployment(1, claim="dead", claimed_until=at(10_000), due_at=at(9000))
    over = a_deployment(2, status=DeploymentStatus.TERMINATED, due_at=None)
    await stored(database, left, over)

    async with database.write() as connection:
        await deployments.clear_claims(connection, now=at(3))

    assert await found(database, left) == replace(left, claim=None, claimed_until=None, due_at=at(3))
    assert await found(database, over) == over


@pytest.mark.parametrize(
    ("due", "claim_s", "expected"), [((50, 20), None, 20), ((50, 20), 100, 50), ((50,), 100, None)]
)
async def test_the_next_due_time_is_that_of_an_unclaimed_deployment(database, due, claim_s, expected):
    rows = [a_deployment(number, due_at=at(seconds)) for number, seconds in enumerate(due)]
    if claim_s is not None:
        rows[-1] = replace(rows[-1], claim="other", claimed_until=at(claim_s))
    await stored(database, *rows)

    async with database.read() as connection:
        found_at = await claims.next_due(connection, now=at(0))

    assert found_at == (None if expected is None else at(expected))
