"""A sync on both databases: what is written, kept, believed and reported."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from aurora.db import tables
from aurora.domain.errors import (
    CircuitBreakerOpen,
    CredentialRefused,
    MalformedAnswer,
    RateLimited,
    Unavailable,
)
from aurora.domain.gpu import GpuModel
from aurora.providers.base import Rejection
from aurora.services.catalogue import Catalogue
from aurora.services.offer_sync import OfferSync
from aurora.services.sync_findings import SyncPolicy
from tests.databases import Unreachable
from tests.fakes.clock import START, FakeClock
from tests.markets import T4, Market, Markets, an_offer, offers, provider_error


class Shop:
    """A market with its catalogue, sync and database."""

    def __init__(self, database, *markets, clock) -> None:
        self.clock, self.database = clock, database
        self.market = markets[0] if markets else Market(clock=clock, page_size=10)
        self.catalogue = Catalogue(clock=clock)
        self.reports = []
        self.sync = OfferSync(
            Markets(*(markets or (self.market,))),
            database=database,
            catalogue=self.catalogue,
            clock=clock,
            policies={"market": SyncPolicy(interval_s=300)},
            listener=self.reports.append,
        )

    async def run(self, after_s: float = 300, **more):
        report = await self.sync.run("market", **more)
        self.clock.advance(after_s)
        return report

    def ids(self) -> set[str]:
        return {offer.external_id for offer in self.catalogue.offers()}

    async def rows(self, table=tables.offers) -> list:
        async with self.database.read() as connection:
            return list(await connection.execute(select(table)))

    async def stored(self) -> set[str]:
        return {row.external_id for row in await self.rows() if row.gone_at is None}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def shop(database, clock):
    return Shop(database, clock=clock)


# What is written


async def test_the_first_sync_writes_and_shows_everything(shop):
    shop.market.put("a100", offers(25))
    shop.market.put("t4", offers(5, first=100, gpu=T4))

    report = await shop.run()

    assert (report.outcome, report.seen, report.new, report.changed, report.gone) == ("ok", 30, 30, 0, 0)
    assert report.completeness == 1.0
    assert report.error is None
    assert len(shop.ids()) == 30
    assert await shop.stored() == shop.ids()
    assert len(await shop.rows(tables.offer_prices)) == 30


async def test_unchanged_offers_are_seen_again_and_not_written(shop):
    shop.market.put("a100", offers(25))
    await shop.run()
    before = await shop.rows()

    report = await shop.run()

    assert (report.outcome, report.seen, report.new, report.changed) == ("ok", 25, 0, 0)
    assert await shop.rows() == before
    assert {offer.seen_at for offer in shop.catalogue.offers()} == {START + timedelta(seconds=300)}
    (row,) = await shop.rows(tables.catalogue_slices)
    assert (row.read_at, row.complete, row.offers) == (START + timedelta(seconds=300), True, 25)


async def test_a_new_price_makes_history_and_another_change_does_not(shop):
    shop.market.put("a100", [an_offer(1, usd=1), an_offer(2, usd=1)])
    await shop.run()
    shop.market.put("a100", [an_offer(1, usd=2), an_offer(2, usd=1, country="NO")])

    report = await shop.run()

    assert (report.new, report.changed) == (0, 2)
    prices = [(row.offer_id, row.price_per_hour) for row in await shop.rows(tables.offer_prices)]
    assert sorted(prices) == [("market:1", 1), ("market:1", 2), ("market:2", 1)]
    assert shop.catalogue.get("market:1").price_per_hour == Decimal(2)


async def test_an_offer_that_a_complete_read_lacks_is_gone(shop):
    shop.market.put("a100", offers(25))
    await shop.run()
    shop.market.put("a100", offers(24))

    report = await shop.run()

    assert report.gone == 1
    assert "25" not in shop.ids()
    assert await shop.stored() == shop.ids()


async def test_a_gone_offer_that_comes_back_keeps_its_first_sight(shop):
    shop.market.put("a100", offers(3))
    await shop.run()
    shop.market.put("a100", offers(2))
    await shop.run()
    shop.market.put("a100", offers(3))

    report = await shop.run()

    assert (report.new, report.changed, report.gone) == (1, 0, 0)
    assert {row.first_seen_at for row in await shop.rows()} == {START}
    assert "3" in await shop.stored()


@pytest.mark.parametrize("order", [("cheap", "dear"), ("dear", "cheap")])
async def test_an_offer_that_moved_to_another_slice_is_not_gone(shop, order):
    for key in order:
        shop.market.put(key, offers(3, first={"cheap": 1, "dear": 11}[key]))
    await shop.run()
    shop.market.put("cheap", offers(2))
    shop.market.put("dear", [*offers(3, first=11), an_offer(3, usd=9)])

    report = await shop.run()

    assert (report.changed, report.new, report.gone) == (1, 0, 0)
    assert shop.catalogue.get("market:3").slice_key == "dear"
    assert "3" in await shop.stored()


async def test_unknown_gpus_are_kept_and_counted(shop):
    shop.market.put("odd", [an_offer(1), an_offer(2, gpu=GpuModel("weird-9000", known=False))])

    report = await shop.run()

    assert (report.outcome, report.new, report.unknown_gpus) == ("ok", 2, 1)
    assert shop.catalogue.get("market:2").gpu.known is False


async def test_rejected_items_are_counted_by_reason(shop):
    shop.market.put("a100", [*offers(12), an_offer(99, usd=0)])
    shop.market.rejected["a100"] = (Rejection("no price", 3),)

    report = await shop.run()

    assert report.rejected == {"no price": 6, "price not positive": 1}
    assert report.new == 12
    (row,) = await shop.rows(tables.sync_runs)
    assert row.rejected == report.rejected


async def test_a_text_that_no_column_takes_loses_one_offer_and_not_the_sync(shop):
    shop.market.put("a100", [an_offer(1), an_offer(2, host="h" * 100), an_offer(3, region_raw="a\x00b")])

    report = await shop.run()

    assert report.outcome == "ok"
    assert report.rejected == {"text too long": 1, "unprintable text": 1}
    assert await shop.stored() == {"1"}


# What is kept when reading fails


async def test_a_page_that_fails_in_mid_walk_keeps_the_known_offers(shop):
    shop.market.put("a100", offers(25))
    await shop.run()
    shop.market.put("a100", offers(9))
    shop.market.slices["a100"] += [replace(an_offer(50), slice_key="a100"), *offers(5, first=60)]
    shop.market.fail("a100#1", provider_error(Unavailable, "502"))

    report = await shop.run()

    assert (report.outcome, report.gone, report.new) == ("failed" if report.seen == 0 else "partial", 0, 1)
    assert {str(number) for number in range(1, 26)} | {"50"} == shop.ids()
    ages = {shop.clock.now() - offer.seen_at for offer in shop.catalogue.offers()}
    assert ages == {timedelta(seconds=300), timedelta(seconds=600)}
    (row,) = await shop.rows(tables.catalogue_slices)
    assert row.read_at == START
    assert "502" in row.error
    assert "502" in report.error


async def test_one_failing_slice_does_not_keep_the_others_from_being_read(shop):
    for key in ("a", "b", "c"):
        shop.market.put(key, offers(2, first=ord(key) * 10))
    shop.market.fail("b#0", provider_error(MalformedAnswer, "html"))

    report = await shop.run()

    assert (report.outcome, report.new) == ("partial", 4)
    assert report.completeness == pytest.approx(2 / 3)
    assert "1 slices could not be read, b" in report.error

    assert (await shop.run()).outcome == "ok"
    assert {row.error for row in await shop.rows(tables.catalogue_slices)} == {None}


async def test_three_failures_in_a_row_end_the_run(shop):
    for key in "abcdef":
        shop.market.put(key, offers(1, first=ord(key)))
        shop.market.fail(f"{key}#0", provider_error(Unavailable, "502"))

    report = await shop.run()

    assert report.outcome == "failed"
    assert len(shop.market.calls) == 3


@pytest.mark.parametrize("error", [CircuitBreakerOpen, CredentialRefused])
async def test_an_error_that_the_next_slice_would_meet_too_ends_the_run(shop, error):
    for key in "abc":
        shop.market.put(key, offers(1, first=ord(key)))
    shop.market.fail("a#0", provider_error(error, "not now"))

    report = await shop.run()

    assert (report.outcome, report.error) == ("failed", "market: not now")
    assert shop.market.calls == ["a#0"]


async def test_a_dead_provider_keeps_its_last_good_offers_with_their_age(shop):
    shop.market.put("a100", offers(5))
    await shop.run()
    shop.market.fail("slices", provider_error(Unavailable, "502"))

    report = await shop.run()

    state = shop.catalogue.state("market")
    assert (report.outcome, report.error) == ("failed", "market: 502")
    assert (state.offers, state.data_age_s, state.last_error) == (5, 600, "market: 502")
    assert state.last_success_at == START
    assert state.last_sync_at == START + timedelta(seconds=300)
    (row,) = await shop.rows(tables.providers)
    assert (row.last_error, row.last_success_at, row.completeness) == ("market: 502", START, 1.0)


async def test_a_bug_in_an_adapter_is_that_providers_error(shop):
    shop.market.put("a100", offers(5))
    shop.market.fail("a100#0", KeyError("gpu_name"))

    report = await shop.run()

    assert report.outcome == "failed"
    assert "its adapter failed with KeyError" in report.error


async def test_pages_older_than_what_we_know_change_nothing(shop):
    shop.market.put("a100", offers(5))
    await shop.run()
    await shop.run()
    shop.market.cached_at = START
    shop.market.put("a100", offers(2, usd=9))

    report = await shop.run()

    assert (report.gone, report.changed) == (0, 0)
    assert {offer.seen_at for offer in shop.catalogue.offers()} == {START + timedelta(seconds=300)}


async def test_a_slice_that_is_only_partly_shown_loses_nothing(shop):
    shop.market.put("a100", offers(5))
    await shop.run()
    shop.market.capped.add("a100")
    shop.market.put("a100", offers(3))

    report = await shop.run()

    assert (report.outcome, report.gone, report.completeness) == ("partial", 0, 0.0)
    assert len(shop.ids()) == 5
    seen = {row.external_id: row.last_seen_at for row in await shop.rows()}
    assert seen["1"] == START + timedelta(seconds=300)
    assert seen["5"] == START
    assert shop.catalogue.read_began_at("market", "a100") is None


async def test_a_slice_that_is_not_listed_any_more_goes_when_its_offers_are_too_old_to_be_used(shop):
    shop.market.put("a100", offers(2))
    shop.market.put("t4", offers(2, first=10))
    await shop.run(after_s=601)
    del shop.market.slices["t4"]

    early = await shop.run()
    late = await shop.run()

    assert (early.gone, late.gone) == (0, 2)
    assert shop.ids() == await shop.stored() == {"1", "2"}
    assert [row.slice_key for row in await shop.rows(tables.catalogue_slices)] == ["a100"]


async def test_an_offer_of_an_unlisted_slice_that_shows_up_elsewhere_is_not_gone(shop):
    shop.market.put("a100", offers(2))
    shop.market.put("a100-old", offers(2, first=10))
    await shop.run(after_s=1000)
    shop.market.put("a100", [*offers(2), an_offer(10)])
    del shop.market.slices["a100-old"]

    report = await shop.run()

    assert report.gone == 1
    assert shop.ids() == {"1", "2", "10"}


# What is not believed at once


async def test_a_collapse_is_believed_at_the_second_sight(shop):
    shop.market.put("a100", offers(30))
    await shop.run()
    shop.market.put("a100", offers(3))

    first = await shop.run()
    assert (first.outcome, first.gone) == ("suspicious", 0)
    assert "27 of 30" in first.error
    assert len(shop.ids()) == 30
    assert shop.catalogue.read_began_at("market", "a100") == START
    assert shop.catalogue.state("market").last_success_at == START

    second = await shop.run()
    assert (second.outcome, second.gone, second.error) == ("ok", 27, None)
    assert shop.ids() == await shop.stored() == {"1", "2", "3"}


async def test_an_empty_answer_is_believed_at_the_second_sight(shop):
    shop.market.put("all", offers(3))
    await shop.run()
    shop.market.put("all", [])

    assert (await shop.run()).outcome == "suspicious"
    assert len(shop.ids()) == 3
    assert (await shop.run()).gone == 3
    assert shop.ids() == set()


async def test_a_collapse_that_does_not_repeat_was_none(shop):
    shop.market.put("all", offers(30))
    await shop.run()
    shop.market.put("all", [])
    await shop.run()
    shop.market.put("all", offers(30))
    await shop.run()
    shop.market.put("all", [])

    report = await shop.run()

    assert report.outcome == "suspicious"
    assert len(shop.ids()) == 30


async def test_prices_in_another_unit_are_not_taken_over_before_they_repeat(shop):
    shop.market.put("a100", offers(5, usd="1.50"))
    await shop.run()
    shop.market.put("a100", offers(5, usd=150))

    first = await shop.run()
    assert (first.outcome, first.changed) == ("suspicious", 0)
    assert {offer.price_per_hour for offer in shop.catalogue.offers()} == {Decimal("1.50")}
    assert {offer.seen_at for offer in shop.catalogue.offers()} == {START}

    second = await shop.run()
    assert (second.outcome, second.changed) == ("ok", 5)
    assert {offer.price_per_hour for offer in shop.catalogue.offers()} == {Decimal(150)}


async def test_a_page_of_rubbish_empties_nothing_before_it_repeats(shop):
    shop.market.put("a100", offers(5))
    await shop.run()
    shop.market.put("a100", [])
    shop.market.rejected["a100"] = (Rejection("no price", 5),)

    first = await shop.run()
    assert (first.outcome, first.rejected) == ("suspicious", {"no price": 5})
    assert len(shop.ids()) == 5

    second = await shop.run()
    assert (second.outcome, second.gone) == ("ok", 5)


async def test_a_small_slice_may_sell_out_while_others_do_not(shop):
    shop.market.put("a100", offers(5))
    shop.market.put("t4", offers(3, first=10))
    await shop.run()
    shop.market.put("t4", [])

    report = await shop.run()

    assert (report.outcome, report.gone) == ("ok", 3)


# Running


async def test_two_callers_share_one_run(shop):
    shop.market.put("a100", offers(5))

    first, second = await asyncio.gather(shop.sync.run("market"), shop.sync.run("market"))

    assert first is second
    assert shop.market.calls == ["a100#0"]
    assert shop.reports == [first]


async def test_a_caller_who_leaves_does_not_end_the_run_of_the_other(shop):
    shop.market.put("a100", offers(5))
    leaving = asyncio.create_task(shop.sync.run("market"))
    staying = asyncio.create_task(shop.sync.run("market"))
    await asyncio.sleep(0)

    leaving.cancel()

    assert (await staying).outcome == "ok"
    assert leaving.cancelled()


async def test_the_last_caller_who_leaves_ends_the_run(shop):
    shop.market.put("a100", offers(5))
    only = asyncio.create_task(shop.sync.run("market"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    only.cancel()
    await asyncio.wait([only])

    assert shop.reports == []
    assert (await shop.sync.run("market")).outcome == "ok"


async def test_one_providers_failure_or_silence_delays_no_other(database, clock):
    heard = asyncio.Event()

    class Silent(Market):
        async def offers_page(self, cursor):
            await heard.wait()
            raise provider_error(Unavailable, "no answer")

    good, bad, silent = Market(clock=clock), Market("bad", clock=clock), Silent("silent", clock=clock)
    good.put("a100", offers(3))
    silent.put("a100", offers(3))
    bad.fail("slices", provider_error(Unavailable, "502"))
    shop = Shop(database, good, bad, silent, clock=clock)

    everything = asyncio.create_task(shop.sync.run_all())
    while len(shop.reports) < 2:
        await asyncio.sleep(0.001)
    assert {report.provider: report.outcome for report in shop.reports} == {"market": "ok", "bad": "failed"}

    heard.set()
    reports = await everything
    assert [*reports] == ["market", "bad", "silent"]
    assert reports["silent"].outcome == "failed"


async def test_the_latest_report_is_told_after_a_restart(shop):
    shop.market.put("a100", [an_offer(1), an_offer(2, gpu=GpuModel("weird", known=False))])
    assert shop.sync.latest("market") is None
    assert shop.sync.latest_all() == {}
    report = await shop.run()

    after = Shop(shop.database, shop.market, clock=shop.clock)
    await after.sync.load()

    assert shop.sync.latest("market") is report
    assert after.sync.latest_all() == {"market": report}


async def test_a_fresh_run_reads_past_the_cache(shop):
    uncached = []
    shop.market.put("a100", offers(1))
    sync = OfferSync(
        Markets(shop.market),
        database=shop.database,
        catalogue=shop.catalogue,
        clock=shop.clock,
        uncache=uncached.append,
    )

    await sync.run("market", fresh=False)
    assert uncached == []
    await sync.run("market")
    assert uncached == ["market"]


async def test_without_its_database_a_sync_fails_and_the_catalogue_keeps_what_it_has(shop):
    shop.market.put("a100", offers(3))
    await shop.run()
    good_engine = shop.database.engine
    shop.database._engine = Unreachable(good_engine)

    report = await shop.run()

    assert report.outcome == "failed"
    assert "database" in report.error
    assert len(shop.ids()) == 3
    shop.database._engine = good_engine
    assert (await shop.run()).outcome == "ok"


async def test_what_cannot_be_written_is_not_shown(shop):
    shop.market.put("a100", offers(3))
    async with shop.database.write() as connection:
        await connection.execute(text("DROP TABLE offer_prices"))

    report = await shop.run()

    assert report.outcome == "failed"
    assert shop.ids() == set()


async def test_no_transaction_is_open_while_the_provider_is_asked(shop):
    class Watching(Market):
        async def offers_page(self, cursor):
            self.busy = shop.database.engine.pool.checkedout()
            return await super().offers_page(cursor)

    shop = Shop(shop.database, Watching(clock=shop.clock), clock=shop.clock)
    shop.market.put("a100", offers(3))

    await shop.run()

    assert shop.market.busy == 0


async def test_another_process_that_synced_meanwhile_is_caught_up_with(shop):
    shop.market.put("a100", offers(3))
    await shop.run()
    other = Shop(shop.database, shop.market, clock=shop.clock)
    await other.sync.load()
    shop.market.put("a100", [*offers(2, usd=2), an_offer(9)])
    await other.run()
    shop.market.put("a100", offers(3))

    report = await shop.run()

    assert (report.new, report.changed, report.gone) == (1, 2, 1)
    assert shop.ids() == await shop.stored() == {"1", "2", "3"}
    assert {row.price_per_hour for row in await shop.rows() if row.gone_at is None} == {Decimal("1.5")}


async def test_a_dated_pause_is_told_as_the_error(shop):
    shop.market.put("a100", offers(3))
    await shop.run()
    until = START + timedelta(hours=12)
    shop.market.fail("a100#0", provider_error(RateLimited, "the day's quota is used up", until=until))

    report = await shop.run()

    assert (report.outcome, report.error) == ("failed", "market: the day's quota is used up")
