"""A catalogue read from the database is the one that was in memory."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from aurora.db.database import Database
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.gpu import GpuModel
from aurora.domain.offer import Offer
from aurora.services.catalogue import Catalogue
from aurora.services.offer_sync import OfferSync
from aurora.services.sync_findings import SyncPolicy
from tests.databases import Unreachable
from tests.fakes.clock import START, FakeClock
from tests.markets import A100, H100, T4, Market, Markets, an_offer, offers, provider_error


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def market(clock):
    return Market(clock=clock, page_size=10)


@pytest.fixture
def catalogue(clock):
    return Catalogue(clock=clock)


@pytest.fixture
def sync(market, database, catalogue, clock):
    policies = {"market": SyncPolicy(interval_s=300)}
    return OfferSync(Markets(market), database=database, catalogue=catalogue, clock=clock, policies=policies)


async def reloaded(database, clock) -> Catalogue:
    found = Catalogue(clock=clock)
    await found.load(database)
    return found


def everything(catalogue: Catalogue) -> dict:
    return {offer.id: offer for offer in catalogue.offers()}


def varied(rng: random.Random, number: int):
    """An offer with every kind of field; what it is a part of stays the same for one number."""
    return an_offer(
        number,
        usd=Decimal(rng.randrange(1, 10**10)).scaleb(-9),
        gpu=(A100, H100, T4, GpuModel("weird", known=False))[number % 4],
        gpu_count=(1, 2, 8)[number % 3],
        regions=frozenset(rng.sample(["us-west", "us-east", "eu-central"], rng.randrange(3))),
        resources=frozenset(str(rng.randrange(99)) for _ in range(rng.randrange(4))),
        available=rng.choice([None, 0, 4]),
        reliability=rng.choice([None, rng.random()]),
        max_duration_s=rng.choice([None, float(rng.randrange(10**4, 10**7))]),
        disk_price_gb_hour=Decimal(rng.randrange(10**6)).scaleb(-9),
        verified=rng.choice([None, True, False]),
        spot=number % 5 == 0,
    )


def counted_down(offer: Offer, seconds: float) -> Offer:
    if offer.max_duration_s is None:
        return offer
    return replace(offer, max_duration_s=offer.max_duration_s - seconds)


async def test_after_several_syncs_the_loaded_catalogue_equals_the_one_in_memory(
    sync, market, catalogue, database, clock
):
    rng = random.Random(11)
    pool = [varied(rng, number) for number in range(60)]
    for _ in range(6):
        present = [counted_down(offer, clock.elapsed) for offer in pool]
        for key, part in (("a", present[:40]), ("b", present[40:])):
            market.put(key, rng.sample(part, len(part) - 3))
        assert (await sync.run("market")).outcome == "ok"
        clock.advance(300)
        for number in rng.sample(range(60), 10):
            pool[number] = varied(rng, number)

    found = await reloaded(database, clock)

    assert everything(found) == everything(catalogue)
    assert found.part("market").slices == catalogue.part("market").slices
    assert found.part("market").unknown_gpus == catalogue.part("market").unknown_gpus
    assert found.state("market") == catalogue.state("market")
    assert found.reference_prices() == catalogue.reference_prices()


async def test_what_moves_by_itself_is_loaded_as_far_as_it_was_written(
    sync, market, catalogue, database, clock
):
    market.put("a", [an_offer(1, max_duration_s=86_400.0, reliability=0.990)])
    await sync.run("market")
    clock.advance(300)
    market.put("a", [an_offer(1, max_duration_s=86_100.0, reliability=0.991)])
    await sync.run("market")

    (loaded,) = (await reloaded(database, clock)).offers()
    (known,) = catalogue.offers()

    assert known.reliability == 0.991
    assert loaded == replace(known, reliability=0.990)


async def test_small_steps_add_up_to_a_change(sync, market, database, clock):
    for step in range(8):
        market.put("a", [an_offer(1, reliability=round(0.99 - 0.001 * step, 3))])
        await sync.run("market")
        clock.advance(300)

    (loaded,) = (await reloaded(database, clock)).offers()

    assert loaded.reliability == 0.985


async def test_a_loaded_offer_is_never_taken_for_fresher_than_it_is(sync, market, catalogue, database, clock):
    market._seconds_per_page = 20
    market.put("a", offers(45))
    await sync.run("market")
    clock.advance(300)
    await sync.run("market")

    known, loaded = everything(catalogue), everything(await reloaded(database, clock))

    assert known.keys() == loaded.keys()
    assert all(loaded[key].seen_at <= known[key].seen_at for key in known)
    assert min(offer.seen_at for offer in loaded.values()) >= START + timedelta(seconds=300)


async def test_offers_that_were_not_seen_again_are_loaded_with_their_age(
    sync, market, catalogue, database, clock
):
    market.put("a", offers(15))
    await sync.run("market")
    clock.advance(300)
    market.fail("a#1", provider_error())
    await sync.run("market")

    found = await reloaded(database, clock)

    assert {offer.seen_at for offer in found.offers()} == {START}
    assert found.read_began_at("market", "a") == START


async def test_a_suspicious_reading_leaves_the_age_of_what_it_lacked(
    sync, market, catalogue, database, clock
):
    market.put("a", offers(30))
    await sync.run("market")
    clock.advance(300)
    market.put("a", offers(2))
    await sync.run("market")

    found = await reloaded(database, clock)

    assert len(everything(found)) == 30
    assert {offer.seen_at for offer in found.offers()} == {START}


async def test_a_load_that_fails_changes_nothing(sync, market, catalogue, database):
    market.put("a", offers(3))
    await sync.run("market")
    before = catalogue.snapshot

    with pytest.raises(DatabaseUnavailable):
        await catalogue.load(Database(Unreachable(database.engine)))

    assert catalogue.snapshot is before


async def test_reference_prices_survive_a_restart_with_their_history(
    sync, market, catalogue, database, clock
):
    for usd in (1, 5, 3):
        market.put("a", [an_offer(1, usd=usd), an_offer(2, usd=2), an_offer(3, usd=9, spot=True)])
        await sync.run("market")
        clock.advance(86_400)
    market.put("a", [an_offer(2, usd=2)])
    await sync.run("market")

    assert catalogue.reference_prices()["a100"] == Decimal("2.5")
    assert (await reloaded(database, clock)).reference_prices() == catalogue.reference_prices()
