"""The market as the router sees it: what is taken is off the shelf, what comes back is on it again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import pytest

from aurora.db.repositories.holds import Hold
from aurora.domain.health import ProviderStatus
from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.routing.snapshot import Candidate, ProviderState
from aurora.services.capacity import CapacityOverlay
from aurora.services.market import Market
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

    def offers(self) -> Iterable[Offer]:
        return tuple(self.listed)

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

    def __init__(self, *listed: Offer) -> None:
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
        )

    def candidate(self, external_id: str) -> Candidate:
        found = {one.offer.external_id: one for one in self.market.snapshot().candidates}
        return found[external_id]

    def free(self, *external_ids: str) -> list[float | None]:
        return [self.candidate(one).free for one in external_ids]


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

    assert stall.candidate("1").provider.create_breaker_open
    assert not stall.candidate("2").provider.create_breaker_open


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

    stall.shelf.version, stall.shelf.began = "v2", {"fake/all": at(9.9)}
    assert stall.free("1") == [0]

    stall.shelf.version, stall.shelf.began = "v3", {"fake/all": at(10.1)}
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
