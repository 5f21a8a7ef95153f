"""A large catalogue under narrow limits: what is read first, what next, and how complete it gets."""

import random
from collections import deque
from datetime import timedelta

import pytest

from aurora.domain.errors import RateLimited, RateLimitExceeded
from aurora.domain.gpu import GpuModel
from aurora.services.catalogue import Catalogue
from aurora.services.offer_sync import OfferSync
from aurora.services.slice_order import Interest
from aurora.services.sync_findings import SyncPolicy
from tests.fakes.clock import START, FakeClock
from tests.markets import Market, Markets, an_offer, offers, provider_error

ROWS = 64
PER_MINUTE = 10


class Limited(Market):
    """At most ten searches in any minute, 64 rows each; more is refused by our own limiter, with the wait."""

    def __init__(self, *, clock) -> None:
        super().__init__(clock=clock, page_size=ROWS)
        self.searches: deque[float] = deque(maxlen=PER_MINUTE)

    async def offers_page(self, cursor):
        now = self._clock.monotonic()
        if len(self.searches) == PER_MINUTE and now - self.searches[0] < 60:
            raise provider_error(RateLimitExceeded, retry_after=60 - (now - self.searches[0]))
        self.searches.append(now)
        return await super().offers_page(cursor)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def market(clock):
    return Limited(clock=clock)


@pytest.fixture
def catalogue(clock):
    return Catalogue(clock=clock)


@pytest.fixture
def interest(clock):
    return Interest(clock, common={})


@pytest.fixture
def sync(market, sqlite_database, catalogue, clock, interest):
    return OfferSync(
        Markets(market),
        database=sqlite_database,
        catalogue=catalogue,
        clock=clock,
        policies={"market": SyncPolicy(interval_s=300)},
        interest=interest,
    )


def fill(market, sizes: dict[str, int]) -> None:
    first = 1
    for key, size in sizes.items():
        family = key.lower().replace(" ", "")
        market.put(key, offers(size, first=first, gpu=GpuModel(family)))
        first += size


def uneven(total: int, slices: int) -> dict[str, int]:
    """A market as markets are: a few large slices, many small ones, and the models that everybody wants."""
    names = ["RTX 4090", "H100", "A100", "T4", *(f"GPU {number}" for number in range(slices - 4))]
    rng = random.Random(5)
    weights = [20, 6, 8, 2, *(rng.paretovariate(1.2) for _ in range(slices - 4))]
    return {
        name: max(1, round(total * weight / sum(weights)))
        for name, weight in zip(names, weights, strict=True)
    }


async def test_under_the_real_limits_the_catalogue_gets_complete_and_the_asked_for_models_stay_fresh(
    sync, market, catalogue, clock, interest
):
    fill(market, uneven(2400, 50))
    completeness, ages = [], []
    wanted = ("H100", "A100", "RTX 4090", "T4")
    while clock.elapsed < 3600:
        for name in wanted:
            interest.note(name)
        started = clock.elapsed
        report = await sync.run("market")
        completeness.append((clock.elapsed, report.completeness))
        read_at = [catalogue.read_began_at("market", name) for name in wanted]
        ages.append(max((clock.now() - at).total_seconds() for at in read_at))
        await clock.sleep(max(1.0, 300 - (clock.elapsed - started)))

    reached = min(at for at, share in completeness if share >= 0.95)
    assert reached <= 1200
    assert all(share >= 0.95 for at, share in completeness if at > reached)
    assert max(ages) <= 600
    assert len(list(catalogue.offers())) == sum(len(found) for found in market.slices.values())


async def test_models_asked_for_are_read_first_then_what_was_never_read_then_the_oldest(
    sync, market, clock, interest
):
    fill(market, dict.fromkeys(["GPU 1", "GPU 2", "H100"], 3))
    interest.note("h100")
    await sync.run("market")
    assert market.read_slices() == ["H100", "GPU 1", "GPU 2"]

    clock.advance(300)
    market.calls.clear()
    fill(market, dict.fromkeys(["GPU 1", "GPU 2", "H100", "GPU 3"], 3))
    await sync.run("market")

    assert market.read_slices() == ["H100", "GPU 3", "GPU 1", "GPU 2"]


async def test_a_family_that_a_slice_was_seen_to_hold_makes_it_asked_for(sync, market, clock):
    market.put("consumer", offers(3, gpu=GpuModel("rtx3060")))
    market.put("datacentre", [an_offer(10, gpu=GpuModel("h200"))])
    await sync.run("market")
    clock.advance(300)
    market.calls.clear()

    sync.note_interest("h200")
    await sync.run("market")

    assert market.read_slices() == ["datacentre", "consumer"]


async def test_a_run_that_hits_its_deadline_is_partial_and_the_next_goes_on_there(sync, market, clock):
    fill(market, dict.fromkeys([f"GPU {number:02}" for number in range(25)], 5))

    first = await sync.run("market", deadline_s=50)
    assert (first.outcome, first.seen, first.error) == ("partial", 50, None)
    assert first.completeness == pytest.approx(10 / 25)
    assert clock.elapsed < 50

    clock.advance(60)
    market.calls.clear()
    second = await sync.run("market", deadline_s=50)
    assert second.new == 50
    assert market.read_slices() == [f"GPU {number:02}" for number in range(10, 20)]


async def test_a_slice_that_was_interrupted_goes_on_where_it_stopped(sync, market, catalogue, clock):
    fill(market, {"RTX 4090": ROWS * 15, "GPU 1": 5})
    sync.note_interest("rtx4090")

    first = await sync.run("market", deadline_s=30)
    assert (first.outcome, first.seen, first.gone) == ("partial", ROWS * 10, 0)
    assert catalogue.read_began_at("market", "RTX 4090") is None
    assert len(list(catalogue.offers())) == ROWS * 10

    clock.advance(60)
    market.calls.clear()
    second = await sync.run("market", deadline_s=30)
    assert (second.outcome, second.new) == ("ok", ROWS * 5 + 5)
    assert market.calls == [*(f"RTX 4090#{page}" for page in range(10, 15)), "GPU 1#0"]
    assert catalogue.read_began_at("market", "RTX 4090") == START


async def test_an_interrupted_reading_counts_for_what_is_gone_as_a_whole(sync, market, catalogue, clock):
    fill(market, {"RTX 4090": ROWS * 15})
    await sync.run("market")
    clock.advance(300)
    market.slices["RTX 4090"] = market.slices["RTX 4090"][: ROWS * 15 - 3]

    first = await sync.run("market", deadline_s=30)
    assert first.gone == 0

    clock.advance(60)
    second = await sync.run("market", deadline_s=30)
    assert second.gone == 3
    assert len(list(catalogue.offers())) == ROWS * 15 - 3


async def test_a_reading_interrupted_too_long_ago_begins_anew(sync, market, clock):
    fill(market, {"RTX 4090": ROWS * 12})
    await sync.run("market", deadline_s=30)
    clock.advance(3600)
    market.calls.clear()

    await sync.run("market", deadline_s=30)

    assert market.calls[0] == "RTX 4090#0"


async def test_young_slices_are_not_read_again_when_time_is_short(sync, market, clock):
    fill(market, dict.fromkeys([f"GPU {number:02}" for number in range(15)], 5))
    await sync.run("market")
    assert clock.elapsed >= 60
    market.calls.clear()
    market._seconds_per_page = 6
    market.put("GPU 99", offers(5, first=500))

    report = await sync.run("market")

    assert market.read_slices() == ["GPU 99"]
    assert (report.outcome, report.completeness) == ("ok", 1.0)


async def test_with_time_enough_every_slice_is_read_in_every_run(sync, market, clock):
    fill(market, dict.fromkeys(["GPU 1", "GPU 2"], 5))
    await sync.run("market")
    market.calls.clear()

    await sync.run("market")

    assert sorted(market.read_slices()) == ["GPU 1", "GPU 2"]


async def test_asked_for_slices_do_not_starve_the_rest(sync, market, clock, interest):
    sizes = {f"HOT {number}": ROWS for number in range(20)} | {"COLD": 5}
    fill(market, sizes)
    for key in sizes:
        if key != "COLD":
            interest.note(key)

    await sync.run("market", deadline_s=130)

    assert "COLD" in market.read_slices()
    assert len(market.read_slices()) < len(sizes) + 10


async def test_a_pause_of_the_provider_ends_the_run_with_what_was_read(sync, market, catalogue, clock):
    fill(market, dict.fromkeys(["GPU 1", "GPU 2", "GPU 3"], 5))
    market.fail("GPU 2#0", provider_error(RateLimited, "quota", until=START + timedelta(hours=5)))

    report = await sync.run("market")

    assert (report.outcome, report.new, report.error) == ("partial", 5, "market: quota")
    assert len(market.calls) == 2
    assert clock.elapsed == 0
