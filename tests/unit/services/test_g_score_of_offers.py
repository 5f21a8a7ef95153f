"""G-Scores of the catalogue: computed once per version, from prices, offers and our own launches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.routing.candidate import ProviderState
from aurora.routing.g_score import Evidence, g_score
from aurora.routing.router import decide
from aurora.services.capacity import CapacityOverlay
from aurora.services.g_score import GScores
from aurora.services.latency import MeasuredLatency
from aurora.services.market import Market, Observations
from aurora.services.reputation import Reputation
from tests.fakes.clock import FakeClock
from tests.markets import H100, an_offer
from tests.unit.routing.market import request


@dataclass
class Shelf:
    listed: list[Offer]
    prices: dict[str, Decimal] = field(default_factory=lambda: {"a100": Decimal("2.00")})
    version: str = "v1"

    def by_provider(self) -> Mapping[str, Mapping[str, Offer]]:
        found: dict[str, dict[str, Offer]] = {}
        for one in self.listed:
            found.setdefault(one.provider, {})[one.id] = one
        return found

    def reference_prices(self) -> Mapping[str, Decimal]:
        return self.prices

    def read_began_at(self, provider: str, slice_key: str) -> None:
        return None


def rated(**changes: object) -> Offer:
    return an_offer(1, usd="1.00", reliability=0.98, inet_down_mbps=1000.0, host="h1", **changes)


def score_of(shelf: Shelf, launches: Reputation | None = None) -> float | None:
    found = GScores(shelf, launches or Reputation()).of(shelf.listed[0].id)
    return None if found is None else found.value


def test_the_parts_are_read_from_offer_price_and_launches():
    launches = Reputation()
    launches.observe("market", "h1", kind="ok")
    expected = g_score(
        Evidence(1.0, 2.0, reliability=0.98, down_mbps=1000.0, up_mbps=None, launches_good=1, launches_bad=0)
    )

    assert expected is not None
    assert score_of(Shelf([rated()]), launches) == pytest.approx(expected.value)


def test_the_models_own_price_comes_before_the_familys():
    family = score_of(Shelf([rated()]))
    model = score_of(Shelf([rated()], {"a100": Decimal("2.00"), "a100-sxm-80gb": Decimal("1.00")}))

    assert family is not None
    assert model is not None
    assert model < family


def test_several_gpus_are_priced_per_gpu():
    assert score_of(Shelf([rated(gpu_count=1)])) != score_of(Shelf([rated(gpu_count=4)]))


def test_an_offer_of_which_nothing_is_known_has_none_and_one_not_on_sale_neither():
    scores = GScores(Shelf([an_offer(1, gpu=H100)]), Reputation())

    assert scores.of("market:1") is None
    assert scores.of("market:2") is None
    assert list(scores.values()) == []


def test_a_score_is_the_same_object_until_something_in_it_changes():
    shelf, launches = Shelf([rated()]), Reputation()
    scores = GScores(shelf, launches)
    first = scores.of("market:1")
    list(scores.values())
    assert scores.of("market:1") is first

    shelf.prices = {"a100": Decimal("3.00")}
    dearer_market = scores.of("market:1")
    assert dearer_market is not first

    shelf.listed = [rated(vram_gb=80.0)]
    assert scores.of("market:1") is dearer_market, "another object that says the same"
    shelf.listed = [rated(inet_up_mbps=10.0)]
    assert scores.of("market:1") is not dearer_market

    launches.observe("market", "h1", kind="fail_fast")
    after = scores.of("market:1")
    assert after is not None
    assert after.parts["launches"] == pytest.approx(1 / 3)


def test_scores_of_offers_that_are_gone_are_forgotten():
    shelf = Shelf([an_offer(number, usd="1.00", reliability=0.9) for number in range(1600)])
    scores = GScores(shelf, Reputation())
    assert len(list(scores.values())) == 1600

    shelf.listed = [an_offer(number, usd="1.00", reliability=0.9) for number in range(1600, 4000)]
    assert len(list(scores.values())) == 2400
    assert scores.remembered < 4000


def test_a_hosts_own_launches_count_before_its_providers():
    launches = Reputation()
    for _ in range(3):
        launches.observe("market", "h2", kind="ok")
    assert launches.record("market", "h1") == (3, 0)

    launches.observe("market", "h1", kind="fail_slow")

    assert launches.record("market", "h1") == (0, 1)
    assert launches.record("market", None) == (3, 1)


def market_of(shelf: Shelf, latency: MeasuredLatency) -> Market:
    reputation = Reputation()
    scores = GScores(shelf, reputation)
    return Market(
        shelf,
        CapacityOverlay(),
        regions=RegionTable.load(),
        scores=reputation,
        states=lambda: (ProviderState("market"),),
        clock=FakeClock(auto=False),
        observed=Observations(g_score=scores.score, latencies=latency, time_to_running_s=lambda _: 41.0),
    )


def test_candidates_carry_the_score_and_min_g_score_filters_by_it():
    clock, shelf = FakeClock(auto=False), Shelf([rated(), an_offer(2, usd="1.00", gpu=H100)])
    snapshot = market_of(shelf, MeasuredLatency()).snapshot()
    found = {one.id: one for one in snapshot.candidates}
    score = found["market:1"].g_score

    assert score is not None
    assert (found["market:2"].g_score, found["market:1"].time_to_running_s) == (None, 41.0)
    assert decide(snapshot, request(min_g_score=score), now=clock.now()).chosen is not None
    assert decide(snapshot, request(min_g_score=score + 0.1), now=clock.now()).counts["g_score"] == 1


def test_measured_latency_is_added_to_the_round_trip_at_the_next_decision():
    latency = MeasuredLatency()
    market = market_of(Shelf([rated(regions=frozenset({"us-east"}))]), latency)
    clock = FakeClock(auto=False)

    def estimate() -> float:
        chosen = decide(market.snapshot(), request(region="us-east"), now=clock.now()).chosen
        assert chosen is not None
        return chosen.estimated_latency_ms

    before = estimate()
    latency.observe("market", "h1", measured_ms=before + 30.0, expected_ms=before)

    assert estimate() == pytest.approx(before + 30.0)


def test_latency_is_zero_until_somebody_measures_and_follows_slowly():
    latency = MeasuredLatency()
    assert (latency.extra_ms("vastai", "h1"), latency.version) == (0.0, 0)

    latency.observe("vastai", "h1", measured_ms=120.0, expected_ms=20.0)
    latency.observe("vastai", "h1", measured_ms=20.0, expected_ms=20.0)

    assert latency.extra_ms("vastai", "h1") == pytest.approx(80.0)
    assert latency.extra_ms("vastai", "never measured") == pytest.approx(80.0)
    assert latency.extra_ms("akash", None) == 0.0
    assert latency.version == 2


def test_a_moment_faster_than_the_table_takes_nothing_off():
    latency = MeasuredLatency()

    latency.observe("vastai", None, measured_ms=5.0, expected_ms=60.0)

    assert latency.extra_ms("vastai", None) == 0.0
