"""What the database counts and sums up of our deployments, on both databases."""

from decimal import Decimal

import pytest

from aurora.db.repositories import deployments, figures
from aurora.db.repositories.figures import LiveAttempts
from aurora.domain.deployment import AttemptState, DeploymentStatus
from tests.integration.db.deployment_rows import a_deployment, an_attempt, at, stored

_S = DeploymentStatus


async def live(database, *, asked_before: float = 0) -> dict[str, LiveAttempts]:
    async with database.read() as connection:
        return await figures.live_attempts(connection, asked_before=at(asked_before))


async def test_without_deployments_there_is_nothing_to_count(database):
    async with database.read() as connection:
        assert await figures.oldest_due(connection) is None
        assert await figures.active(connection) == {}
        assert await figures.held(connection, now=at(0)) == {}
    assert await live(database) == {}


async def test_an_attempt_is_live_until_it_has_ended_and_costs_once_it_was_sent(database):
    one = a_deployment(1, status=_S.RUNNING)
    await stored(database, one, attempts=0)
    async with database.write() as connection:
        for number, state in enumerate(AttemptState, start=1):
            attempt = an_attempt(one, number, state=state, provider=state.value)
            await deployments.add_attempt(connection, attempt)

    found = await live(database)

    assert set(found) == {state.value for state in AttemptState} - {"ended"}
    costing = {name for name, figure in found.items() if figure.spend_usd_per_hour is not None}
    assert costing == {state.value for state in AttemptState if state.may_cost}


@pytest.mark.parametrize(
    ("charged", "quoted", "spend", "dearest"),
    [("2.5", "2", "2.5", 2.0), (None, "2", "2", None), (None, None, "1.25", None), ("0", "2", "2", 0.0)],
)
async def test_the_best_known_price_is_what_is_spent(database, charged, quoted, spend, dearest):
    one = a_deployment(1, status=_S.RUNNING)
    await stored(database, one, attempts=0)
    async with database.write() as connection:
        plain = an_attempt(one, 3, state=AttemptState.INTENT)
        await deployments.add_attempt(connection, plain)
        for number in (1, 2):
            attempt = an_attempt(
                one,
                number,
                state=AttemptState.RUNNING,
                charged_usd_per_hour=None if charged is None else Decimal(charged),
                quoted_usd_per_hour=None if quoted is None else Decimal(quoted),
            )
            await deployments.add_attempt(connection, attempt)

    assert await live(database) == {"fake": LiveAttempts(2 * Decimal(spend), 0, dearest)}


async def test_an_end_that_was_asked_for_long_ago_is_unconfirmed(database):
    one = a_deployment(1, status=_S.TERMINATING)
    await stored(database, one, attempts=0)
    async with database.write() as connection:
        for number, asked in enumerate((None, 0, 10), start=1):
            attempt = an_attempt(
                one,
                number,
                state=AttemptState.ENDING,
                terminate_asked_at=None if asked is None else at(asked),
            )
            await deployments.add_attempt(connection, attempt)

    assert (await live(database, asked_before=10))["fake"].unconfirmed == 1


async def test_deployments_that_have_not_ended_are_counted_and_the_most_overdue_is_known(database):
    rows = [
        a_deployment(number, status=status, due_at=at(number)) for number, status in enumerate(_S, start=1)
    ]
    claimed = a_deployment(96, claim="mine", claimed_until=at(100), due_at=at(-5))
    await stored(
        database, *rows, claimed, a_deployment(97, provider="other"), a_deployment(98, provider=None)
    )

    async with database.read() as connection:
        assert await figures.active(connection) == {"fake": len(rows) - 2 + 1, "other": 1}
        assert await figures.oldest_due(connection) == at(0)
