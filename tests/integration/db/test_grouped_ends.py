"""How a row of groups ends: all of them awaited, those in need first, and nobody left without a word."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.grouped import Grouped
from aurora.db.repositories import holds
from aurora.domain import request_id
from tests.integration.db.deployment_rows import a_deployment, at
from tests.integration.db.test_intent_book import Desk, intent


class Slate:
    """A job that writes nothing, and what was told of it."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.told: list[tuple[int, type[BaseException] | None]] = []

    async def write(self, ones: Sequence[int], connection: AsyncConnection) -> list[str | None]:
        await connection.exec_driver_sql("SELECT 1")
        self.written.extend(ones)
        return [request_id.current()] * len(ones)

    def settled(self, one: int, why_not: BaseException | None) -> None:
        self.told.append((one, None if why_not is None else type(why_not)))


async def test_draining_waits_for_all_who_stand_in_line(sqlite_database):
    slate = Slate()
    grouped = Grouped(sqlite_database, slate.write, largest=1)
    asked = [asyncio.create_task(grouped.commit(number)) for number in range(3)]
    await asyncio.sleep(0)

    await grouped.drain()

    assert slate.written == [0, 1, 2]
    await asyncio.gather(*asked)


async def test_urgent_ones_go_before_the_work_in_the_background(sqlite_database: Database):
    slate = Slate()
    ordinary = Grouped(sqlite_database, slate.write, largest=9)
    urgent = Grouped(sqlite_database, slate.write, largest=9, urgent=True)
    async with sqlite_database.write():
        asked = [asyncio.create_task(ordinary.commit(1))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked.append(asyncio.create_task(urgent.commit(2)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.gather(*asked)

    assert slate.written == [2, 1]


async def test_a_transaction_belongs_to_the_request_of_the_first_in_it(sqlite_database):
    grouped = Grouped(sqlite_database, Slate().write, largest=1)

    async def ask(number: int) -> str | None:
        request_id.set_request_id(f"request-{number}")
        return await grouped.commit(number)

    assert await asyncio.gather(*(ask(number) for number in range(3))) == [
        "request-0",
        "request-1",
        "request-2",
    ]


async def test_whoever_is_being_written_when_everything_ends_is_told_so(sqlite_database):
    slate = Slate()
    grouped = Grouped(sqlite_database, slate.write, largest=1, settled=slate.settled)
    ours = {asyncio.current_task()}
    async with sqlite_database.write():
        asked = asyncio.create_task(grouped.commit(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writing = asyncio.all_tasks() - ours - {asked}
        assert len(writing) == 1

        for task in writing:
            task.cancel()
        await asyncio.wait([asked], timeout=1)

    assert asked.cancelled()
    assert slate.told == [(1, asyncio.CancelledError)]
    assert slate.written == []


async def test_a_key_whose_time_is_over_is_bound_anew(database):
    desk = Desk(database)
    old = intent(1, key="same")
    assert await desk.commit(old) == [None]
    later = intent(2, key="same")
    key = replace(later.purchase.key, created_at=at(100), expires_at=at(200))

    assert await desk.commit(replace(later, purchase=replace(later.purchase, key=key))) == [None]

    assert await desk.stored() == [a_deployment(1).id, a_deployment(2).id]
    async with database.read() as connection:
        assert len(await holds.present(connection, now=at(0))) == 2
