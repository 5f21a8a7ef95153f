"""Reading one slice page by page, within the time there is."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.domain.errors import (
    DeadlineExceeded,
    MalformedAnswer,
    RateLimited,
    RateLimitExceeded,
    Unavailable,
)
from aurora.providers.base import Cursor, OffersPage, Rejection
from aurora.resilience.deadline import remaining
from aurora.services.slice_walk import PageReader, SliceWalk
from tests.fakes.clock import START, FakeClock
from tests.markets import Market, an_offer, offers, provider_error


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def market(clock):
    found = Market(clock=clock, page_size=2)
    found.put("a100", offers(5))
    return found


def reader(market, clock, seconds: float = 60.0) -> PageReader:
    return PageReader(market, clock, ends_at=clock.monotonic() + seconds)


async def test_a_walk_goes_from_page_to_page_to_the_end(market, clock):
    walk = SliceWalk.begin("a100", at=clock.now())
    while not walk.finished:
        await walk.take(await reader(market, clock).page(walk.cursor), provider="market", at=clock.now())

    assert market.calls == ["a100#0", "a100#1", "a100#2"]
    assert len(walk.seen) == 5
    assert walk.complete
    assert len(walk.unmerged()) == 5
    assert walk.unmerged() == {}


async def test_a_walk_is_as_old_as_its_oldest_page(market, clock):
    walk = SliceWalk.begin("a100", at=clock.now())
    cached = START - timedelta(minutes=4)
    page = OffersPage(Cursor("a100"), (an_offer(1, seen_at=cached),), read_at=cached)

    await walk.take(page, provider="market", at=clock.now())

    assert walk.began_at == cached
    assert walk.stepped_at == START


async def test_offers_are_kept_as_the_database_will_have_them():
    walk = SliceWalk.begin("a100", at=START)
    raw = an_offer(1, usd="0.12345678949", slice_key="elsewhere")

    await walk.take(OffersPage(Cursor("a100"), (raw,)), provider="market", at=START)

    kept = walk.unmerged()[raw.id]
    assert (kept.price_per_hour, kept.slice_key) == (Decimal("0.123456789"), "a100")


async def test_what_cannot_be_kept_is_counted_by_reason():
    walk = SliceWalk.begin("a100", at=START)
    bad = (replace(an_offer(1), price_per_hour=Decimal(0)), replace(an_offer(2), provider="x"))
    page = OffersPage(
        Cursor("a100"),
        (*bad, an_offer(3)),
        rejected=(Rejection("no GPU name", 4), Rejection("price not positive")),
    )

    rejected = await walk.take(page, provider="market", at=START)

    assert rejected == {"no GPU name": 4, "price not positive": 2, "another provider's offer": 1}
    assert walk.rejected == 7
    assert list(walk.seen) == ["market:3"]


async def test_the_last_of_several_offers_with_one_id_counts():
    walk = SliceWalk.begin("a100", at=START)

    await walk.take(
        OffersPage(Cursor("a100"), (an_offer(1), an_offer(1, usd=9))), provider="market", at=START
    )

    assert [offer.price_per_hour for offer in walk.unmerged().values()] == [Decimal(9)]


async def test_a_short_wait_for_our_own_limiter_is_waited_out(market, clock):
    market.fail("a100#0", *[provider_error(RateLimitExceeded, retry_after=6.0)] * 2)

    page = await reader(market, clock).page(Cursor("a100"))

    assert len(page.offers) == 2
    assert clock.elapsed == 12


@pytest.mark.parametrize("retry_after", [60.0, 3600.0, None])
async def test_a_wait_beyond_the_deadline_is_refused_at_once(market, clock, retry_after):
    market.fail("a100#0", provider_error(RateLimitExceeded, retry_after=retry_after))

    with pytest.raises(RateLimitExceeded):
        await reader(market, clock).page(Cursor("a100"))

    assert clock.elapsed == 0


async def test_a_limiter_that_says_now_is_not_asked_without_end(market, clock):
    market.fail("a100#0", *[provider_error(RateLimitExceeded, retry_after=0.0)] * 1000)

    with pytest.raises(DeadlineExceeded):
        await reader(market, clock, 2.0).page(Cursor("a100"))

    assert len(market.calls) <= 41


async def test_the_providers_own_pause_is_not_waited_for(market, clock):
    market.fail("a100#0", provider_error(RateLimited, retry_after=1.0))

    with pytest.raises(RateLimited):
        await reader(market, clock).page(Cursor("a100"))


async def test_no_page_is_asked_for_after_the_deadline(market, clock):
    late = reader(market, clock, 5.0)
    clock.advance(5)

    with pytest.raises(DeadlineExceeded):
        await late.page(Cursor("a100"))

    assert market.calls == []


async def test_a_provider_that_hangs_is_left_at_the_deadline(clock):
    class Hanging(Market):
        async def offers_page(self, cursor):
            await asyncio.Event().wait()

    with pytest.raises(DeadlineExceeded):
        await reader(Hanging(clock=clock), clock, 0.03).page(Cursor("a100"))


async def test_the_deadline_reaches_the_layers_below(clock):
    class Asking(Market):
        async def catalogue_slices(self):
            self.left = remaining(self._clock)
            return ("a100",)

    market = Asking(clock=clock)
    await reader(market, clock, 7.0).slices()

    assert market.left == 7.0


async def test_a_bug_of_an_adapter_is_a_malformed_answer(market, clock):
    market.fail("a100#0", KeyError("gpu_name"))

    with pytest.raises(MalformedAnswer, match="KeyError"):
        await reader(market, clock).page(Cursor("a100"))


async def test_a_providers_error_passes_as_it_is(market, clock):
    market.fail("a100#0", provider_error(Unavailable, "502"))

    with pytest.raises(Unavailable, match="502"):
        await reader(market, clock).page(Cursor("a100"))


async def test_slices_are_named_once_and_at_least_one(market, clock):
    market.put("t4", [])
    assert await reader(market, clock).slices() == ("a100", "t4")

    market.slices.clear()
    with pytest.raises(MalformedAnswer):
        await reader(market, clock).slices()
