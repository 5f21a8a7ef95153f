"""The market as the router sees it: what is taken is off the shelf, what comes back is on it again."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import pytest

from aurora.db.repositories.holds import Hold
from aurora.domain.gpu import GpuModel, GpuQuery
from aurora.domain.health import ProviderStatus
from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.g_score import GScore
from aurora.routing.rack import Rack, microseconds
from aurora.routing.snapshot import MarketSnapshot
from aurora.services.capacity import CapacityOverlay
from aurora.services.market import Market, Observations
from tests.fakes.clock import FakeClock
from tests.integration.db.deployment_rows import at
from tests.unit.lifecycle.world import offer

REGIONS = RegionTable.load()


@dataclass
class Shelf:
    """A catalogue in hand."""

    listed: list[Offer]
    version: str = "v1"
    prices: dict[str, Decimal] = field(default_factory=dict)
    began: dict[str, datetime] = field(default_factory=dict)

    def by_provider(self) -> Mapping[str, Mapping[str, Offer]]:
        found: dict[str, dict[str, Offer]] = {}
        for one in self.listed:
            found.setdefault(one.provider, {})[one.id] = one
        return found

    def reference_prices(self) -> Mapping[str, Decimal]:
        return self.prices

    def read_began_at(self, provider: str, slice_key: str) -> datetime | None:
        return self.began.get(f"{provider}/{slice_key}")


@dataclass
class Scores:
    version: int = 0
    score: float = 80.0

    def of(self, provider: str, host: str | None) -> float:
        return self.score


class Stall:
    """A market with everything that it is made of."""

    def __init__(self, *listed: Offer, g_score: Callable[[Shelf], GScore | None] = lambda _: None) -> None:
        self.clock = FakeClock(auto=False)
        self.shelf = Shelf(list(listed))
        self.overlay = CapacityOverlay()
        self.scores = Scores()
        self.states = (ProviderState("fake"), ProviderState("other"))
        self.market = Market(
            self.shelf,
            self.overlay,
            regions=REGIONS,
            scores=self.scores,
            states=lambda: self.states,
            clock=self.clock,
            observed=Observations(g_score=lambda _offer: g_score(self.shelf)),
        )

    def read(self, *, began: datetime) -> None:
        """The catalogue is read once more: every offer is another object with a newer `seen_at`."""
        self.shelf.listed[:] = [replace(one, seen_at=began) for one in self.shelf.listed]
        self.shelf.version, self.shelf.began = f"read at {began}", {"fake/all": began}

    def candidate(self, external_id: str) -> Candidate:
        found = {one.offer.external_id: one for one in self.market.snapshot().candidates}
        return found[external_id]

    def free(self, *external_ids: str) -> list[float | None]:
        return [self.candidate(one).free for one in external_ids]

    def snapshots(self, number: int, *, every_s: float) -> Iterator[MarketSnapshot]:
        """One after the other, the first of them after a pause."""
        for _ in range(number):
            self.clock.advance(every_s)
            yield self.market.snapshot()


def a_hold(external_id: str = "1", attempt: int = 1, **changes: object) -> Hold:
    plain = Hold(
        "fake", f"fake:{external_id}", frozenset(), "attempt", at(0), deployment_id="dep-1", attempt=attempt
    )
    return replace(plain, **changes)


def a_refusal(external_id: str = "1", *, until: float = 60) -> Hold:
    return Hold("fake", f"fake:{external_id}", frozenset(), "refused", at(0), expires_at=at(until))


def test_the_snapshot_is_the_same_object_while_nothing_changes():
    stall = Stall(offer("1"), offer("2"))
    first = stall.market.snapshot()

    stall.clock.advance(1000)

    assert stall.market.snapshot() is first
    assert first.total == 2


@pytest.mark.parametrize("what", ["catalogue", "overlay", "scores", "states"])
def test_the_snapshot_is_another_one_as_soon_as_something_changes(what):
    stall = Stall(offer("1"))
    first = stall.market.snapshot()

    if what == "catalogue":
        stall.shelf.version = "v2"
    elif what == "overlay":
        stall.overlay.take(a_hold())
    elif what == "scores":
        stall.scores.version += 1
    else:
        stall.states = (ProviderState("fake", ProviderStatus.UNAVAILABLE), ProviderState("other"))

    assert stall.market.snapshot() is not first


def test_a_provider_that_turns_unwell_shows_at_each_of_its_offers():
    stall = Stall(offer("1"), offer("2", provider="other"))
    stall.market.snapshot()

    stall.states = (ProviderState("fake", create_breaker_open=True), ProviderState("other"))

    snapshot = stall.market.snapshot()
    assert snapshot.state(stall.candidate("1")).create_breaker_open
    assert not snapshot.state(stall.candidate("2")).create_breaker_open


def test_offers_of_a_provider_without_a_state_are_not_in_the_market():
    stall = Stall(offer("1"), offer("2", provider="stranger"))

    assert [one.id for one in stall.market.snapshot().candidates] == ["fake:1"]


def test_reputation_prices_and_version_come_from_their_sources():
    stall = Stall(offer("1"))
    stall.scores.score = 91.5
    stall.shelf.prices = {"a100": Decimal("1.10")}

    snapshot = stall.market.snapshot()

    assert stall.candidate("1").reputation == 91.5
    assert (snapshot.version, dict(snapshot.reference_prices)) == ("v1", {"a100": Decimal("1.10")})


def test_a_live_attempt_takes_one_launch_of_its_offer_and_gives_it_back():
    stall = Stall(offer("1", available=2), offer("2", available=1))

    stall.overlay.take(a_hold("1"))
    assert stall.free("1", "2") == [1, 1]

    stall.overlay.release("dep-1", 1)
    assert stall.free("1", "2") == [2, 1]


def test_several_attempts_add_up_and_never_below_nothing():
    stall = Stall(offer("1", available=2))

    for number in (1, 2, 3):
        stall.overlay.take(a_hold("1", number))

    assert stall.free("1") == [0]


def test_an_attempt_takes_as_much_of_the_count_as_it_is_large():
    stall = Stall(offer("1", available=8))

    stall.overlay.take(a_hold("1", size=4.0))

    assert stall.free("1") == [4]


def test_offers_that_share_a_physical_gpu_are_taken_together():
    stall = Stall(
        offer("half", resources=["gpu-1"]),
        offer("whole", resources=["gpu-1", "gpu-2"]),
        offer("rest", resources=["gpu-2"]),
        offer("elsewhere", provider="other", resources=["gpu-1"]),
    )

    stall.overlay.take(a_hold("half", resources=frozenset({"gpu-1"})))

    assert stall.free("half", "whole", "rest", "elsewhere") == [0, 0, 1, 1]


def test_an_offer_that_has_gone_still_takes_what_it_shares_with_others():
    stall = Stall(offer("whole", resources=["gpu-1", "gpu-2"]))

    stall.overlay.take(a_hold("gone", resources=frozenset({"gpu-2"})))

    assert stall.free("whole") == [0]


def test_a_market_that_reports_no_capacity_stays_free():
    stall = Stall(offer("1", available=None))

    stall.overlay.take(a_hold("1"))

    assert stall.free("1") == [None]
    assert stall.candidate("1").held_until is None


def test_a_refusal_closes_the_offer_until_its_time_is_over():
    stall = Stall(offer("1", available=None), offer("2"))

    stall.overlay.take(a_refusal("1", until=60))
    assert stall.candidate("1").held_until == at(60)
    assert stall.candidate("2").held_until is None

    stall.clock.advance(59.9)
    assert stall.candidate("1").held_until == at(60)
    stall.clock.advance(0.1)
    assert stall.candidate("1").held_until is None


def test_a_catalogue_read_that_began_after_the_launch_shows_it_by_itself():
    stall = Stall(offer("1", available=1))
    stall.overlay.take(a_hold("1"))
    stall.overlay.launched("dep-1", 1, at(10))
    assert stall.free("1") == [0]

    stall.read(began=at(9.9))
    assert stall.free("1") == [0]

    stall.read(began=at(10.1))
    assert stall.free("1") == [1]


def test_an_attempt_whose_launch_is_not_confirmed_is_held_whatever_was_read():
    stall = Stall(offer("1"))
    stall.overlay.take(a_hold("1"))

    stall.shelf.began = {"fake/all": at(1000)}

    assert stall.free("1") == [0]


def test_holds_are_told_for_the_decisions_record():
    stall = Stall(offer("1"))
    stall.overlay.take(a_hold("1"))
    stall.overlay.take(a_refusal("2", until=5))

    assert set(stall.market.holds()) == {a_hold("1"), a_refusal("2", until=5)}
    stall.clock.advance(5)
    assert stall.market.holds() == (a_hold("1"),)


def test_only_what_changed_is_made_anew():
    stall = Stall(offer("1"), offer("2"))
    kept = stall.candidate("2")

    stall.shelf.listed[0] = replace(stall.shelf.listed[0], price_per_hour=Decimal("7.00"))
    stall.shelf.version = "v2"

    assert stall.candidate("1").offer.price_per_hour == Decimal("7.00")
    assert stall.candidate("2") is kept


def test_a_hold_outlives_a_change_of_the_offer_it_is_on_and_of_the_scores():
    stall = Stall(offer("1", available=1), offer("2", available=1))
    stall.market.snapshot()
    stall.overlay.take(a_hold("1"))
    assert stall.free("1", "2") == [0.0, 1.0]

    stall.shelf.listed[0] = replace(stall.shelf.listed[0], price_per_hour=Decimal("7.00"))
    stall.shelf.version = "v2"
    stall.scores.version += 1
    assert stall.free("1", "2") == [0.0, 1.0]

    stall.overlay.release("dep-1", 1)
    assert stall.free("1", "2") == [1.0, 1.0]


def test_changes_that_nobody_counted_are_looked_up_all():
    stall = Stall(offer("1", available=1), offer("2", available=1))
    stall.overlay.take(a_hold("1"))
    assert stall.free("1", "2") == [0.0, 1.0]

    stall.overlay.load([a_hold("2")])

    assert stall.free("1", "2") == [1.0, 0.0]


def test_the_last_offer_that_left_takes_its_rack_along():
    stall = Stall(offer("1"), offer("2"))
    stall.overlay.take(a_hold("1"))
    stall.market.snapshot()

    del stall.shelf.listed[:]
    stall.shelf.version = "v2"

    found = stall.market.snapshot()
    assert (found.total, racks(found)) == (0, [])


async def test_a_large_market_takes_on_scores_in_portions_and_only_when_told():
    stall = Stall(*(offer(str(number), available=2) for number in range(700)))
    stall.overlay.take(a_hold("1"))
    stall.market.snapshot()

    stall.scores.score, stall.scores.version = 33.0, 1
    assert stall.candidate("1").reputation == 80.0

    refreshing = asyncio.ensure_future(stall.market.refresh())
    await asyncio.sleep(0)
    stall.shelf.listed.append(offer("700", available=2))
    stall.shelf.version = "v2"
    between = [one.reputation for one in stall.market.snapshot().candidates]
    assert set(between) == {33.0, 80.0}, (
        "a decision in between sees some offers with their new scores already"
    )
    assert len(between) == 701
    assert stall.free("1", "2") == [1.0, 2.0]
    await refreshing

    found = {one.offer.external_id: one for one in stall.market.snapshot().candidates}
    assert {one.reputation for one in found.values()} == {33.0}
    assert len(found) == 701
    assert stall.free("1", "2") == [1.0, 2.0]


async def test_scores_that_stay_as_they_are_leave_the_racks_as_they_are():
    stall = Stall(*(offer(str(number), available=2) for number in range(700)))
    before = racks(stall.market.snapshot())

    stall.scores.version = 1
    await stall.market.refresh()

    assert racks(stall.market.snapshot()) == before


def racks(snapshot: MarketSnapshot) -> list[Rack]:
    """Compared by what they are, not by what is on them."""
    return [rack for aisle in snapshot.aisles for rack in aisle.racks.values()]


def test_of_a_large_change_each_decision_sees_some_more_and_what_is_gone_at_once():
    stall = Stall(*(offer(str(number), available=2) for number in range(1300)))
    stall.overlay.take(a_hold("1299"))
    stall.market.snapshot()
    stall.shelf.listed[:] = [offer(str(number), available=9) for number in range(1, 1300)]
    stall.shelf.version = "v2"

    seen = [Counter(one.free for one in snapshot.candidates) for snapshot in stall.snapshots(13, every_s=0.1)]

    assert seen[0] == {2.0: 1198, 1.0: 1, 9.0: 100}
    assert seen[1] == {2.0: 1098, 1.0: 1, 9.0: 200}
    assert seen[12] == {9.0: 1298, 8.0: 1}


def test_however_often_a_large_market_changes_each_offer_has_its_turn():
    families = {name: GpuModel(name, "pcie", 40) for name in ("a100", "h100", "l40s")}
    listed = [replace(offer(f"{name}-{n}"), gpu=gpu) for name, gpu in families.items() for n in range(150)]
    stall = Stall(*listed)
    stall.market.snapshot()

    for reading in range(1, 7):
        stall.shelf.listed[:] = [replace(one, available=10 + reading) for one in stall.shelf.listed]
        stall.shelf.version = f"v{reading + 1}"
        (snapshot,) = stall.snapshots(1, every_s=0.1)

    assert min(one.free for one in snapshot.candidates) > 10, "all were looked at since the first change"
    assert max(one.free for one in snapshot.candidates) == 16


def test_a_decision_looks_at_so_many_changed_offers_of_all_markets_together():
    stall = Stall(*(offer(str(number), provider=name) for number in range(300) for name in ("fake", "other")))
    stall.market.snapshot()
    stall.shelf.listed[:] = [replace(one, available=9) for one in stall.shelf.listed]
    stall.shelf.version = "v2"

    seen = [
        sum(one.free == 9.0 for one in snapshot.candidates) for snapshot in stall.snapshots(7, every_s=0.1)
    ]

    assert seen == [100, 200, 300, 400, 500, 600, 600]


async def test_decisions_that_follow_each_other_closely_leave_most_of_a_large_change_to_the_background():
    stall = Stall(*(offer(str(number), available=2) for number in range(600)))
    stall.market.snapshot()
    stall.shelf.listed[:] = [replace(one, available=9) for one in stall.shelf.listed]
    stall.shelf.version = "v2"

    close = [sum(one.free == 9.0 for one in each.candidates) for each in stall.snapshots(3, every_s=0.001)]
    later = [sum(one.free == 9.0 for one in each.candidates) for each in stall.snapshots(2, every_s=0.05)]
    rests = []

    async def rest() -> None:
        rests.append(sum(one.free == 9.0 for one in stall.market.snapshot().candidates))

    await stall.market.refresh(rest)

    assert close == [10, 20, 30]
    assert later == [80, 130]
    assert rests[0] == 130 + 100 + 10, "a whole portion, and what a decision looks at meanwhile"
    assert rests[-1] == 600


def test_offers_that_are_only_seen_again_are_shown_as_seen_later_with_what_is_taken_off_them():
    stall = Stall(*(replace(offer(str(number), available=2), max_duration_s=7200.0) for number in range(3)))
    stall.overlay.take(a_hold("1", launched_at=at(1)))
    stall.overlay.take(a_hold("2", attempt=2))
    before = racks(stall.market.snapshot())[0]
    assert stall.free("0", "1", "2") == [2.0, 1.0, 1.0]

    stall.read(began=at(5))
    stall.shelf.listed[:] = [replace(one, max_duration_s=7000.0) for one in stall.shelf.listed]
    stall.shelf.began["fake/all"] = at(5)
    stall.shelf.version = "v2"

    assert stall.free("0", "1", "2") == [2.0, 2.0, 1.0], "what the read has shown is not taken off twice"
    after = racks(stall.market.snapshot())[0]
    assert {one.offer.seen_at for one in after.candidates} == {at(5)}
    assert after.rows["seen_at"].tolist() == [microseconds(at(5))] * 3
    assert after.rows["longest_s"].tolist() == [7000.0] * 3
    assert after.rows["hourly"] is before.rows["hourly"], "what did not change is not made anew"


async def test_prices_that_moved_change_the_scores_of_offers_that_stayed_as_they_are():
    stall = Stall(offer("1"), g_score=lambda shelf: GScore(float(len(shelf.prices)), {}, ()))
    assert stall.candidate("1").g_score == 0.0

    stall.read(began=at(5))
    stall.shelf.prices = {"a100": Decimal(2)}
    stall.shelf.version = "v2"

    assert stall.candidate("1").g_score == 1.0


async def test_a_large_market_is_renewed_with_rests_between_portions():
    stall = Stall(*(offer(str(number), available=2) for number in range(1000)))
    stall.market.snapshot()
    stall.scores.score, stall.scores.version = 33.0, 1
    rests: list[int] = []

    async def rest() -> None:
        renewed = sum(one.reputation == 33.0 for one in stall.market.snapshot().candidates)
        rests.append(renewed)

    await stall.market.refresh(rest)

    assert rests == [100 * number for number in range(1, 11)]


async def test_a_large_change_is_taken_on_between_decisions_too():
    stall = Stall(*(offer(str(number), available=2) for number in range(1300)))
    stall.market.snapshot()
    stall.shelf.listed[:] = [offer(str(number), available=9) for number in range(1300)]
    stall.shelf.version = "v2"

    stall.market.snapshot()
    await stall.market.refresh()

    assert {one.free for one in stall.market.snapshot().candidates} == {9.0}


async def test_a_large_market_is_not_scored_anew_at_every_outcome():
    stall = Stall(*(offer(str(number), available=2) for number in range(2000)))
    stall.market.snapshot()
    seen = []
    for version, after_s in enumerate((0, 0.5, 0.5), start=1):
        stall.clock.advance(after_s)
        stall.scores.score, stall.scores.version = 30.0 + version, version
        await stall.market.refresh()
        seen.append(stall.candidate("1").reputation)

    assert seen == [31.0, 31.0, 33.0]


async def test_scores_that_hardly_moved_leave_the_racks_as_they_are():
    stall = Stall(*(offer(str(number), available=2) for number in range(700)))
    before = racks(stall.market.snapshot())

    stall.scores.score, stall.scores.version = 80.2, 1
    await stall.market.refresh()

    assert racks(stall.market.snapshot()) == before
    assert stall.candidate("1").reputation == 80.0


def test_who_took_what_is_forgotten_with_the_offer_and_with_what_is_shown():
    stall = Stall(offer("1", available=2), offer("2", available=2))
    stall.overlay.take(a_hold("1"))
    stall.market.snapshot()
    asked = GpuQuery(offer("1").gpu.family)
    assert stall.market.held(asked) == {"attempt": {"fake:1": 1.0}}

    stall.shelf.listed[:] = [offer("2", available=2)]
    stall.shelf.version = "v2"
    stall.market.snapshot()
    assert stall.market.held(asked) == {}

    stall.shelf.listed[:] = [offer("1", available=2), offer("2", available=2)]
    stall.shelf.version = "v3"
    stall.market.snapshot()
    assert stall.market.held(asked) == {"attempt": {"fake:1": 1.0}}
    stall.overlay.load([])
    stall.market.snapshot()
    assert stall.market.held(asked) == {}


def test_the_providers_of_a_family_come_by_name_however_the_catalogue_lists_them():
    stall = Stall(replace(offer("1"), provider="other"), offer("1"))

    rack = stall.market.snapshot().family(offer("1").gpu.family)

    assert [one.offer.provider for one in rack.candidates] == ["fake", "other"]


def test_who_took_what_is_not_told_any_more_when_a_reading_shows_it():
    stall = Stall(offer("1", available=2))
    stall.overlay.take(a_hold("1", launched_at=at(5)))
    asked = GpuQuery(offer("1").gpu.family)
    stall.market.snapshot()
    assert stall.market.held(asked) == {"attempt": {"fake:1": 1.0}}

    stall.read(began=at(9))
    stall.market.snapshot()
    assert stall.market.held(asked) == {}
