"""Postgres stops, stands still, restarts, has no connection left: refused in time and clearly, recovered without a
restart of ours, and nothing accepted that is not stored.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.engine import MOST_CONNECTIONS
from tests.outages.house import BOUND_S, House, house
from tests.outages.servers import FailingPostgres, failing_postgres


async def is_refused(made: House) -> None:
    """Reads, writes and readiness say so in time; health goes on."""
    replies = await asyncio.gather(
        *(made.buy() for _ in range(4)),
        made.ask("GET", "/deployments"),
        made.ask("GET", "/decisions/dec-unknown"),
    )
    for reply in replies:
        reply.refused()
    unready, healthy = await asyncio.gather(made.ask("GET", "/ready"), made.ask("GET", "/health"))
    assert (unready.status, unready.body["code"], unready.body["checks"]["database"]) == (
        503,
        "not_ready",
        False,
    )
    assert "database" in unready.body["detail"]
    assert unready.seconds < BOUND_S
    assert (healthy.status, healthy.body["status"]) == (200, "healthy")


async def stopped(server: FailingPostgres, made: House) -> None:
    server.halt()
    try:
        await is_refused(made)
    finally:
        server.resume()


async def standing_still(server: FailingPostgres, made: House) -> None:
    server.freeze()
    try:
        await is_refused(made)
        # the second time the connections are gone, and new ones are not answered
        await is_refused(made)
    finally:
        server.thaw()


async def without_a_free_connection(_server: FailingPostgres, made: House) -> None:
    """The pool is held by others for longer than anybody waits. One connection is the purchases' own."""
    engine = made.aurora.database.engine
    held: list[AsyncConnection] = []
    assert (await made.buy()).status in {200, 503}
    try:
        while len(held) < MOST_CONNECTIONS - 1:  # the loops give theirs back one after the other
            with suppress(TimeoutError, PoolTimeout):
                async with asyncio.timeout(1):
                    held.append(await engine.connect())
        await is_refused(made)
    finally:
        for each in held:
            await each.close()


async def restarted_in_the_middle_of_the_work(server: FailingPostgres, made: House) -> None:
    work = busy(made)
    await asyncio.sleep(0.05)
    await asyncio.to_thread(server.halt)
    server.resume()
    await work


async def standing_still_in_the_middle_of_the_work(server: FailingPostgres, made: House) -> None:
    work = busy(made)
    await asyncio.sleep(0.05)
    server.freeze()
    await asyncio.sleep(0.5)
    server.thaw()
    await work


def busy(made: House) -> asyncio.Future[Any]:
    """Three buyers who are refused at worst."""

    async def buying() -> None:
        for _ in range(4):
            reply = await made.buy()
            assert reply.status in {200, 503}, reply

    return asyncio.gather(*(buying() for _ in range(3)))


OUTAGES: tuple[Callable[[FailingPostgres, House], Any], ...] = (
    stopped,
    standing_still,
    without_a_free_connection,
    restarted_in_the_middle_of_the_work,
    standing_still_in_the_middle_of_the_work,
)


async def test_one_outage_after_the_other_is_told_of_survived_and_costs_nothing():
    server = failing_postgres()
    try:
        async with house(await server.database("aurora")) as made:
            for outage in OUTAGES:
                await outage(server, made)
                await made.books_agree()
    finally:
        server.stop()
