"""The loop that keeps keys and tenants fresh, and goes on over an outage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aurora.db.repositories import api_keys
from aurora.services.keys import digest_of
from tests.databases import Unreachable
from tests.integration.access.house import House, house
from tests.settings.room import until


@asynccontextmanager
async def kept_fresh(place: House) -> AsyncIterator[None]:
    """The loop runs; the clock jumps to whoever sleeps next."""
    loop = asyncio.create_task(place.aurora.entrance.run(place.aurora.outages))
    try:
        yield
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop


async def test_what_others_changed_is_noticed_and_use_is_written_by_itself(url):
    async with house(url) as place:
        await place.tenant("research")
        made = await place.key("research")
        assert (await place.ask("GET /api/v1/me", key=made["secret"])).status == 200
        book = place.aurora.entrance.key_book

        async def revoked() -> bool:
            key = book.known(digest_of(made["secret"]) or "")
            return key is not None and key.revoked_at is not None

        async def used() -> bool:
            return (await place.aurora.entrance.keys.get(made["key"]["id"])).last_used_at is not None

        async with kept_fresh(place):
            async with place.aurora.database.write() as connection:
                await api_keys.revoke(connection, made["key"]["id"], at=place.aurora.clock.now())
            await until(revoked)
            await until(used)


async def test_an_outage_is_said_once_and_the_loop_goes_on(url, quiet):
    async with house(url) as place:
        await place.tenant("research")
        made = await place.key("research")
        await place.ask("GET /api/v1/me", key=made["secret"])
        database = place.aurora.database
        there = database._engine
        outages = place.aurora.outages

        async def failing() -> bool:
            return "refresh keys and tenants" in outages._open

        async def well() -> bool:
            return not await failing()

        async with kept_fresh(place):
            database._engine = Unreachable(there)
            await until(failing)
            database._engine = there
            await until(well)
