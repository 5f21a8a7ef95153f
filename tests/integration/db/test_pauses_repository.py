"""Dated pauses survive a restart, on both databases."""

from datetime import timedelta

from aurora.db.repositories import pauses
from aurora.db.repositories.pauses import Pause
from tests.fakes.clock import START

SEARCH = Pause("vastai", "search", START + timedelta(hours=6), "daily quota")
WHOLE = Pause("vastai", None, START + timedelta(minutes=5), "maintenance")


async def test_pauses_that_still_hold_come_back_the_whole_provider_included(database):
    async with database.write() as connection:
        for pause in (SEARCH, WHOLE):
            await pauses.save(connection, pause)

    async with database.read() as connection:
        assert await pauses.current(connection, START) == [WHOLE, SEARCH]
        assert await pauses.current(connection, WHOLE.until) == [SEARCH]


async def test_a_new_date_replaces_the_old_one(database):
    longer = Pause("vastai", "search", START + timedelta(hours=30), "daily quota again")

    async with database.write() as connection:
        await pauses.save(connection, SEARCH)
        await pauses.save(connection, longer)
        assert await pauses.current(connection, START) == [longer]


async def test_only_expired_pauses_are_dropped(database):
    async with database.write() as connection:
        for pause in (SEARCH, WHOLE):
            await pauses.save(connection, pause)
        dropped = await pauses.drop_expired(connection, WHOLE.until)

        assert dropped == 1
        assert await pauses.current(connection, START) == [SEARCH]
