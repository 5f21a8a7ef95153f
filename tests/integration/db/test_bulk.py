"""Many rows at once: new ones, known ones and those that come back, in one call, all or nothing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db import tables
from aurora.db.bulk import BulkInsert
from aurora.db.database import Database
from aurora.db.repositories import offers as offer_rows
from aurora.domain.errors import AuroraError
from aurora.domain.offer import Offer
from tests.fakes.clock import START
from tests.markets import offers

LATER = START + timedelta(hours=1)


async def save(database: Database, found: Iterable[Offer], *, sync_id: int = 1) -> None:
    found = list(found)
    async with database.write() as connection:
        await offer_rows.save(connection, found, sync_id=sync_id)
        await offer_rows.save_prices(connection, found)


async def rows(database: Database, table=tables.offers) -> list:
    async with database.read() as connection:
        return list(await connection.execute(select(table)))


async def test_one_call_adds_new_offers_changes_known_ones_and_brings_back_those_that_were_gone(database):
    await save(database, offers(100))
    async with database.write() as connection:
        gone = [offer.id for offer in offers(40)]
        await offer_rows.mark_gone(connection, gone, at=LATER, sync_id=2)

    await save(database, (replace(each, seen_at=LATER) for each in offers(300, usd=2)), sync_id=3)

    found = await rows(database)
    assert len(found) == 300
    assert {(row.gone_at, row.last_sync_id, row.price_per_hour) for row in found} == {(None, 3, Decimal(2))}
    first_seen = {row.external_id: row.first_seen_at for row in found}
    assert {first_seen[str(number)] for number in range(1, 101)} == {START}
    assert {first_seen[str(number)] for number in range(101, 301)} == {LATER}
    assert len(await rows(database, tables.offer_prices)) == 400


async def test_rows_of_a_transaction_that_fails_are_not_there(database):
    async def broken(connection: AsyncConnection) -> None:
        await offer_rows.save(connection, offers(300), sync_id=1)
        await offer_rows.save_prices(connection, offers(300))
        raise AuroraError("no more")

    with pytest.raises(AuroraError, match="no more"):
        await database.transact(broken)

    assert await rows(database) == []
    assert await rows(database, tables.offer_prices) == []


async def test_a_row_that_cannot_be_kept_says_so_as_the_database_does(postgres_database):
    prices = BulkInsert(tables.offer_prices, tuple(each.name for each in tables.offer_prices.c))
    row = (1, "market:1", START, "a100", Decimal(1), Decimal(1), "firm")

    with pytest.raises(DBAPIError) as caught:
        async with postgres_database.write() as connection:
            await prices.write(connection, [row] * 100)

    assert caught.value.orig.sqlstate == "23505"


async def test_nothing_is_written_for_no_rows(database):
    await save(database, [])

    assert await rows(database) == []
