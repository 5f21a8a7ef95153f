"""A market that lists more than PROVIDER_MAX_ROWS lets us read: what is read of it, said of it, and kept."""

import pytest

from aurora.db.repositories import sync_runs as run_rows
from aurora.providers.base import Rejection
from aurora.services.offer_sync import OfferSync
from aurora.services.sync_findings import SyncPolicy
from tests.fakes.clock import FakeClock
from tests.integration.db.test_offers_sync import Shop
from tests.markets import Markets, an_offer, offers

CAP = 20


class Capped(Shop):
    """A shop that reads at most CAP rows."""

    def __init__(self, database, *, clock) -> None:
        super().__init__(database, clock=clock)
        self.sync = OfferSync(
            Markets(self.market),
            database=database,
            catalogue=self.catalogue,
            clock=clock,
            policies={"market": SyncPolicy(interval_s=300, most_rows=CAP)},
        )

    async def run_rows(self):
        async with self.database.read() as connection:
            return await run_rows.latest(connection, "market")


@pytest.fixture
def shop(database):
    return Capped(database, clock=FakeClock())


async def test_a_market_within_the_cap_is_not_truncated(shop):
    shop.market.put("all", offers(CAP))

    report = await shop.run()

    assert (report.outcome, report.seen, report.truncated) == ("ok", CAP, False)
    assert report.completeness == 1.0


async def test_a_market_that_floods_is_read_to_the_cap_and_no_further(shop):
    shop.market.put("all", offers(10 * CAP))

    report = await shop.run()

    assert (report.outcome, report.seen, report.truncated) == ("partial", CAP, True)
    assert shop.market.calls == ["all#0", "all#1"]
    assert report.completeness == 0.0
    assert await shop.run_rows() == report, "it is said after a restart too"


async def test_one_answer_with_more_rows_than_the_cap_is_cut(shop):
    shop.market.put("all", offers(25))
    shop.market.page_size = 100

    report = await shop.run()

    assert (report.outcome, report.seen, report.truncated) == ("partial", CAP, True)
    assert report.rejected == {"beyond the row cap": 5}


async def test_a_truncated_listing_retires_nothing_that_it_does_not_show(shop):
    shop.market.put("all", offers(15))
    await shop.run()
    shop.market.put("all", offers(40, first=101))

    for _ in range(3):
        report = await shop.run()

        assert (report.truncated, report.gone) == (True, 0)
        assert {str(number) for number in range(1, 16)} <= shop.ids() == await shop.stored()


async def test_once_the_listing_fits_again_what_it_lacks_is_gone(shop):
    shop.market.put("all", offers(5))
    await shop.run()
    shop.market.put("all", offers(30, first=3))
    await shop.run()
    shop.market.put("all", offers(15, first=3))

    report = await shop.run()

    assert (report.truncated, report.outcome) == (False, "ok")
    assert shop.ids() == {str(number) for number in range(3, 18)}


async def test_one_slice_that_floods_leaves_the_places_of_the_others(shop):
    shop.market.put("a100", offers(8))
    shop.market.put("t4", offers(8, first=101))
    await shop.run()
    shop.market.put("a100", offers(50))

    report = await shop.run()

    assert (report.truncated, report.seen) == (True, CAP)
    assert shop.catalogue.read_began_at("market", "t4") == report.started_at
    assert {str(number) for number in range(101, 109)} <= shop.ids()


async def test_rows_that_cannot_be_read_count_too(shop):
    shop.market.put("all", [an_offer(number, usd=0) for number in range(200)])
    shop.market.rejected["all"] = (Rejection("no price", 5),)

    report = await shop.run()

    assert report.truncated
    assert len(shop.market.calls) == 2


async def test_a_flood_of_ever_new_offers_does_not_fill_the_memory(shop):
    for run in range(6):
        shop.market.put("all", offers(50, first=1000 * run))
        report = await shop.run()

    assert report.truncated
    newest = {str(number) for number in range(5000, 5000 + CAP)}
    assert newest <= shop.ids() == await shop.stored()
    assert len(shop.ids()) == 2 * CAP


async def test_a_market_that_names_ever_more_slices_is_read_to_the_cap(shop):
    for number in range(60):
        shop.market.put(f"slice-{number:02}", [an_offer(number)])

    report = await shop.run()

    assert (report.truncated, report.seen, len(shop.market.calls)) == (True, CAP, CAP)


async def test_every_reason_of_an_adapter_is_shown_also_without_a_number(shop):
    shop.market.put("all", offers(3))
    shop.market.rejected["all"] = (Rejection("the market forgot where we were", count=0),)

    report = await shop.run()

    assert report.rejected == {"the market forgot where we were": 0}


async def test_a_market_held_to_the_cap_by_its_own_adapter_is_truncated_too(shop):
    shop.market.put("all", offers(3))
    shop.market.capped.add("all")
    shop.market.rejected["all"] = (Rejection("beyond the row cap", count=0),)

    report = await shop.run()

    assert (report.truncated, report.gone, report.outcome) == (True, 0, "partial")
