"""Capacity that is taken survives a restart, on both databases."""

from dataclasses import replace

from aurora.db.repositories import holds
from aurora.db.repositories.holds import Hold
from tests.integration.db.deployment_rows import at

TAKEN = Hold(
    provider="fake",
    offer_id="fake:1",
    resources=frozenset({"gpu-2", "gpu-1"}),
    reason="attempt",
    held_at=at(0.5),
    deployment_id="dep-1",
    attempt=1,
    size=4.0,
)
REFUSED = Hold("fake", "fake:2", frozenset(), "refused", at(1), expires_at=at(61))


async def present(database, *, now: float = 0) -> set[Hold]:
    async with database.read() as connection:
        return set(await holds.present(connection, now=at(now)))


async def added(database, *given: Hold) -> None:
    async with database.write() as connection:
        for hold in given:
            await holds.add(connection, hold)


async def test_holds_come_back_as_they_were_taken(database):
    await added(database, TAKEN, REFUSED)

    assert await present(database) == {TAKEN, REFUSED}


async def test_a_confirmed_launch_is_noted_on_its_own_hold_only(database):
    other = replace(TAKEN, attempt=2)
    await added(database, TAKEN, other)

    async with database.write() as connection:
        await holds.launched(connection, "dep-1", attempt=1, at=at(9))

    assert await present(database) == {replace(TAKEN, launched_at=at(9)), other}


async def test_a_release_takes_away_the_attempts_hold_and_leaves_its_refusal(database):
    refusal = replace(REFUSED, deployment_id="dep-1", attempt=1)
    await added(database, TAKEN, replace(TAKEN, attempt=2), refusal)

    async with database.write() as connection:
        await holds.release(connection, "dep-1", attempt=1)
        await holds.release(connection, "dep-1", attempt=1)

    assert await present(database) == {replace(TAKEN, attempt=2), refusal}


async def test_a_refusal_counts_until_its_time_is_over(database):
    await added(database, TAKEN, REFUSED)

    assert await present(database, now=60.999) == {TAKEN, REFUSED}
    assert await present(database, now=61) == {TAKEN}


async def test_only_refusals_whose_time_is_over_are_forgotten(database):
    later = replace(REFUSED, offer_id="fake:3", expires_at=at(100))
    await added(database, TAKEN, REFUSED, later)

    async with database.write() as connection:
        await holds.drop_expired(connection, now=at(61))

    assert await present(database) == {TAKEN, later}
