"""The first sync of a market writes without asking what is there; every later one asks."""

import gc
from collections import Counter

import pytest
from sqlalchemy import event, select

from aurora.db import tables
from aurora.db.repositories import offers as offer_rows
from aurora.domain.errors import Unavailable
from aurora.services.catalogue import Catalogue
from aurora.services.offer_sync import OfferSync
from aurora.services.sync_findings import SyncPolicy
from tests.fakes.clock import START, FakeClock
from tests.markets import Market, Markets, an_offer, offers, provider_error

MANY = 120
"""Enough for COPY on Postgres."""
POLICIES = {"market": SyncPolicy(interval_s=300)}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def market(clock):
    return Market(clock=clock)


def a_sync(database, market, clock) -> OfferSync:
    """Of a process that has just begun."""
    catalogue = Catalogue(clock=clock)
    return OfferSync(Markets(market), database=database, catalogue=catalogue, clock=clock, policies=POLICIES)


async def stored(database, table=tables.offers) -> list:
    async with database.read() as connection:
        return list(await connection.execute(select(table)))


async def test_offers_that_a_first_sync_meets_in_two_slices_are_written_once(database, market, clock):
    market.put("a", offers(MANY))
    market.put("b", offers(MANY + 10, usd=2))

    report = await a_sync(database, market, clock).run("market")

    assert (report.outcome, report.seen, report.error) == ("ok", MANY + 10, None)
    rows = await stored(database)
    assert Counter(row.slice_key for row in rows) == {"b": MANY + 10}
    assert len(await stored(database, tables.offer_prices)) == 2 * MANY + 10


async def test_what_a_former_process_wrote_and_marked_gone_comes_back(database, market, clock):
    market.put("a", offers(MANY))
    await a_sync(database, market, clock).run("market")
    async with database.write() as connection:
        gone = [offer.id for offer in offers(MANY)]
        await offer_rows.mark_gone(connection, gone, at=START, sync_id=1)

    report = await a_sync(database, market, clock).run("market")

    assert (report.outcome, report.new, report.error) == ("ok", MANY, None)
    assert {row.gone_at for row in await stored(database)} == {None}


async def test_a_first_sync_that_was_broken_off_is_completed_by_the_next_process(database, market, clock):
    market.put("a", offers(MANY))
    market.fail("a#1", provider_error(Unavailable))
    first = await a_sync(database, market, clock).run("market")
    assert (first.outcome, first.new) == ("partial", 64)

    second = await a_sync(database, market, clock).run("market")

    assert (second.outcome, second.new, second.error) == ("ok", MANY - 64, None)
    assert len(await stored(database)) == MANY


async def test_only_a_later_sync_asks_which_offers_are_there(postgres_database, market, clock):
    asked = []

    @event.listens_for(postgres_database.engine.sync_engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_):
        asked.append(statement.startswith("SELECT offers.id"))

    sync = a_sync(postgres_database, market, clock)
    market.put("a", offers(MANY))
    await sync.run("market")
    assert not any(asked)

    market.put("a", offers(2 * MANY))
    await sync.run("market")
    assert any(asked)


async def test_ids_of_machines_with_odd_letters_come_back_as_they_were(database, market, clock):
    odd = frozenset({'a"b', "c\\d", "Zürich", "\u2028", "\U0001f600"})
    market.put("a", [an_offer(1, resources=odd), an_offer(2)])
    await a_sync(database, market, clock).run("market")

    catalogue = Catalogue(clock=clock)
    await catalogue.load(database)

    assert catalogue.get("market:1").resources == odd
    assert catalogue.get("market:2").resources == frozenset()


async def test_the_collector_looks_over_new_offers_before_they_are_many(sqlite_database, market, clock):
    """Offers that take the place of others are no new objects, net: by itself it would wait for thousands."""
    market.put("a", offers(1_200))
    sync = a_sync(sqlite_database, market, clock)
    await sync.run("market")
    passes = []
    gc.disable()
    gc.callbacks.append(lambda phase, info: passes.append(info["generation"]) if phase == "start" else None)
    try:
        await sync.run("market")
    finally:
        gc.callbacks.pop()
        gc.enable()

    assert passes.count(0) == 2
