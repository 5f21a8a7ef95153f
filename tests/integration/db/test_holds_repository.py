"""Capacity that is taken survives a restart, on both databases."""

from dataclasses import replace

from aurora.db.repositories import holds
from aurora.db.repositories.held_rows import HeldNow, HeldRows
from aurora.db.repositories.holds import Hold
from aurora.db.tables import capacity_holds
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


async def test_looked_at_again_only_what_is_new_or_launched_is_read(database):
    async def look(known: HeldRows, now: float = 0) -> HeldNow:
        async with database.read() as connection:
            return await known.read(connection, now=at(now))

    none = await look(HeldRows())
    assert (none.present, none.changed) == ((), ())
    await added(database, TAKEN, REFUSED)
    first = await look(none.known)
    assert set(first.present) == set(first.changed) == {TAKEN, REFUSED}

    async with database.write() as connection:
        await holds.launched(connection, "dep-1", attempt=1, at=at(9))
    launched = replace(TAKEN, launched_at=at(9))
    for _ in ("a look that came to nothing", "the next one"):
        second = await look(first.known)
        assert second.changed == (launched,)
        assert set(second.present) == {REFUSED, launched}

    third = await look(second.known, 62)
    assert (third.present, third.changed) == ((launched,), ())
    async with database.write() as connection:
        await holds.release(connection, "dep-1", attempt=1)
    assert (await look(third.known, 62)).present == ()


async def test_of_very_many_new_holds_none_is_left_out(database):
    many = [replace(TAKEN, deployment_id=f"dep-{number}") for number in range(501)]
    async with database.write() as connection:
        await connection.execute(capacity_holds.insert(), [holds.row_of(one) for one in many])
        found = await HeldRows().read(connection, now=at(0))
        assert set(found.present) == set(many)
        assert (await found.known.read(connection, now=at(0))).changed == ()
