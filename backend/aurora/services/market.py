"""The market as the router sees it: catalogue, capacity overlay, provider states and reputation, put together.

Building candidates for the whole catalogue takes milliseconds, so they are kept and only what changed is made anew.
Nothing here does I/O.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Protocol

from aurora.db.repositories.holds import Hold
from aurora.domain.clock import Clock
from aurora.domain.event_loop import give_way
from aurora.domain.gpu import GpuQuery
from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.g_score import GScore
from aurora.routing.performance import Telemetry
from aurora.routing.snapshot import Joiner, MarketSnapshot
from aurora.services.capacity import CapacityOverlay
from aurora.services.shelf import Shelf
from aurora.services.takers import held_of

_AT_ONCE = 100
"""Offers that are looked at anew between two decisions: a millisecond or two. The first time it is all of a market's; of
larger changes each decision sees some more, until all are seen."""
_PRESSED, _PER_S = 10, 1000
"""Of decisions that follow each other closely each looks at so many at least, and all together at so many a second:
otherwise they would all be late for as long as a large change takes. `refresh` does the rest."""
_SMALL = 250
"""Offers up to which new scores are taken on at once; those of larger markets are left to `refresh`."""

_RESCORED_PER_S = 2000
"""Offers whose scores are looked at again, on average: at 20,000 each outcome is seen after 10 s at the latest."""
_POINTS, _TTR_S = 0.25, 1.0
"""Scores (of 100) and expected seconds to running that moved less are left as they were: each outcome moves those of all
a provider's offers a little.
"""


class Offers(Protocol):
    """The catalogue, as much of it as a snapshot needs."""

    @property
    def version(self) -> str:
        """Changes whenever an offer is added, changed, seen again or gone."""
        ...

    def by_provider(self) -> Mapping[str, Mapping[str, Offer]]:
        """Offers on sale by id, by provider; the same object as long as a provider's offers are the same."""
        ...

    def reference_prices(self) -> Mapping[str, Decimal]: ...

    def read_began_at(self, provider: str, slice_key: str) -> datetime | None:
        """When the last complete read of this slice began; None before the first."""
        ...


class Scores(Protocol):
    """Reputation by provider and host, 0..100."""

    @property
    def version(self) -> int: ...

    def of(self, provider: str, host: str | None) -> float: ...


class Latencies(Protocol):
    """What was measured on top of the round trip between regions."""

    @property
    def version(self) -> int: ...

    def extra_ms(self, provider: str, host: str | None) -> float: ...


@dataclass(frozen=True, slots=True)
class Observations:
    """What is known of offers beyond the catalogue; a part that is absent leaves its figures out."""

    g_score: Callable[[Offer], GScore | None] = lambda _offer: None
    latencies: Latencies | None = None
    telemetry: Callable[[], Telemetry] | None = None
    time_to_running_s: Callable[[str], float | None] = lambda _provider: None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the present snapshot was made of."""

    catalogue: str
    overlay: int
    states: tuple[ProviderState, ...]


class Market:
    """`snapshot()` for decisions. One event loop, no locks."""

    def __init__(
        self,
        catalogue: Offers,
        overlay: CapacityOverlay,
        *,
        regions: RegionTable,
        scores: Scores,
        states: Callable[[], tuple[ProviderState, ...]],
        clock: Clock,
        observed: Observations | None = None,
    ) -> None:
        self._observed = observed or Observations()
        self._catalogue = catalogue
        self._overlay = overlay
        self._regions = regions
        self._scores = scores
        self._states = states
        self._clock = clock
        self._shelves: dict[str, Shelf] = {}
        self._made_of: dict[str, tuple[object, ...]] = {}
        self._scored: tuple[object, ...] = ()
        self._seen: _Seen | None = None
        self._snapshot: MarketSnapshot | None = None
        self._joiner = Joiner()
        self._rearranged = False
        """Candidates were renewed since the snapshot."""
        self._rescored_at = float("-inf")
        self._looked_at = float("-inf")
        """When offers were last looked at anew."""
        self._behind = False
        """The catalogue has offers that are not looked at yet."""

    @property
    def regions(self) -> RegionTable:
        return self._regions

    def snapshot(self) -> MarketSnapshot:
        """The present market; the same object while nothing has changed."""
        self._overlay.expire(self._clock.now())
        now = _Seen(self._catalogue.version, self._overlay.version, self._states())
        if self._scores_are_old() and sum(map(len, self._shelves.values())) <= _SMALL:
            for _ in self._rescored():
                pass
        if self._snapshot is None or self._rearranged or self._behind or now != self._seen:
            self._snapshot = self._renewed(now)
            self._rearranged = False
        self._snapshot = self._with_telemetry(self._snapshot)
        return self._snapshot

    def holds(self) -> tuple[Hold, ...]:
        """What is taken now."""
        return self._overlay.present(self._clock.now())

    def held(self, query: GpuQuery) -> Mapping[str, Mapping[str, float]]:
        """What is taken of these GPUs, as the present snapshot shows it and as a decision keeps it: launches by reason
        and offer.
        """
        takers = (shelf.takers(query.family) for shelf in self._shelves.values())
        return held_of((one for one in takers if one is not None), query)

    async def refresh(self, rest: Callable[[], Awaitable[None]] = give_way) -> None:
        """Take on newer reputations, latencies and G-Scores, and what decisions have not yet seen of a large change.

        In portions of a millisecond or two with `rest` between them: a large market takes a quarter of a second in
        all, and whoever wants a decision meanwhile should not wait for it. `snapshot` does so itself while the market
        is small.
        """
        while self._behind:
            self._looked_at = float("-inf")  # a whole portion, however lately a decision looked
            self.snapshot()
            await rest()
        now = self._clock.monotonic()
        pause = sum(map(len, self._shelves.values())) / _RESCORED_PER_S
        if self._scores_are_old() and now - self._rescored_at >= pause:
            self._rescored_at = now
            for _ in self._rescored():
                await rest()

    def _rescored(self) -> Iterator[None]:
        """Candidates whose scores are others now are put in place of the old ones, in portions."""
        self._scored = self._score_versions()
        for shelf in tuple(self._shelves.values()):
            for changed in shelf.renew(self._with_scores):
                for offer_id in changed:
                    self._take_off(shelf, offer_id)
                self._rearranged = True
                yield

    def _renewed(self, now: _Seen) -> MarketSnapshot:
        old = self._seen
        same_offers = old is not None and (old.catalogue, old.states) == (now.catalogue, now.states)
        same_offers = same_offers and not self._behind
        if not same_offers:
            self._follow(now.states)
        self._retake(None if old is None else self._overlay.since(old.overlay))
        self._seen = now
        same = self._snapshot if old is not None and old.catalogue == now.catalogue else None
        return MarketSnapshot(
            aisles=tuple(self._shelves[name].aisle() for name in sorted(self._shelves)),
            reference_prices=self._catalogue.reference_prices(),
            version=now.catalogue,
            taken_at=self._clock.now() if same is None else same.taken_at,
            regions=self._regions,
            total=sum(map(len, self._shelves.values())),
            providers=tuple(name for name, shelf in self._shelves.items() if len(shelf)),
            states={state.name: state for state in now.states},
            joiner=self._joiner,
        )

    def _follow(self, states: tuple[ProviderState, ...]) -> None:
        """Every shelf as the catalogue has it now."""
        if not self._shelves:
            self._scored = self._score_versions()
        by_name = {state.name: state for state in states}
        listed = self._catalogue.by_provider()
        for name in [name for name in self._shelves if name not in by_name or name not in listed]:
            del self._shelves[name]
        self._behind, room = False, self._room()
        for name, offers in listed.items():
            state = by_name.get(name)
            if state is None:
                continue
            made_of = (state.abilities, state.billing)
            if self._made_of.get(name) != made_of or name not in self._shelves:
                self._made_of[name] = made_of
                self._shelves[name] = Shelf(partial(self._candidate, state=state))
            shelf = self._shelves[name]
            moved = shelf.follow(offers, most=max(0, room))
            room -= len(moved)
            for offer_id in moved:
                self._take_off(shelf, offer_id)
            self._behind = self._behind or shelf.listed is not offers

    def _room(self) -> int:
        """How many offers may be looked at now."""
        now = self._clock.monotonic()
        earned = (now - self._looked_at) * _PER_S
        self._looked_at = now
        return round(min(_AT_ONCE, max(_PRESSED, earned)))

    def _retake(self, changed: Iterable[Hold] | None) -> None:
        """Show what these holds touch as it is now. None: nobody knows which have changed."""
        if changed is None:
            for shelf in self._shelves.values():
                shelf.put_back()
            changed = self._overlay.present(self._clock.now())
        for provider, offer_id in dict.fromkeys(chain.from_iterable(map(self._touched, changed))):
            self._take_off(self._shelves[provider], offer_id, shown_as_listed=False)

    def _take_off(self, shelf: Shelf, offer_id: str, *, shown_as_listed: bool = True) -> None:
        """Show an offer with what is held of it."""
        own = shelf.get(offer_id)
        if own is None:
            return
        takers = tuple(self._overlay.on(own.offer))
        taken = self._taken(own, takers)
        if taken is not None or not shown_as_listed:
            shelf.take(offer_id, taken, takers=takers)

    def _touched(self, hold: Hold) -> Iterable[tuple[str, str]]:
        """Provider and id of the offers that the hold is on, or shares a machine with."""
        shelf = self._shelves.get(hold.provider)
        if shelf is None:
            return
        yield hold.provider, hold.offer_id
        for resource in hold.resources:
            for offer_id in shelf.sharing(resource):
                yield hold.provider, offer_id

    def _taken(self, own: Candidate, takers: Iterable[Hold]) -> Candidate | None:
        """The candidate with these taken off; None when nothing is. A refusal closes the offer until it expires.

        A market that reports no capacity counts as free; only a refusal says otherwise.
        """
        free, until = own.free, own.held_until
        for hold in takers:
            if self._shown_by_catalogue(own.offer, hold):
                continue
            if hold.reason == "refused":
                until = hold.expires_at
            elif free is not None:
                free = max(0.0, free - hold.size)
        if free == own.free and until == own.held_until:
            return None
        return replace(own, free=free, held_until=until)

    def _shown_by_catalogue(self, offer: Offer, hold: Hold) -> bool:
        """A catalogue read that began after the launch was confirmed has the machine off the shelf already."""
        if hold.launched_at is None:
            return False
        began = self._catalogue.read_began_at(offer.provider, offer.slice_key)
        return began is not None and began > hold.launched_at

    def _score_versions(self) -> tuple[object, ...]:
        latencies, usual = self._observed.latencies, self._catalogue.reference_prices()
        return (self._scores.version, None if latencies is None else latencies.version, usual)

    def _scores_are_old(self) -> bool:
        return bool(self._shelves) and self._scored != self._score_versions()

    def _with_telemetry(self, snapshot: MarketSnapshot) -> MarketSnapshot:
        """The figures change by the second, the offers with them do not."""
        read = self._observed.telemetry
        if read is None:
            return snapshot
        telemetry = read()
        return snapshot if snapshot.telemetry is telemetry else replace(snapshot, telemetry=telemetry)

    def _with_scores(self, known: Candidate) -> Candidate:
        """The same object when they are what they were."""
        fresh = self._candidate(known.offer, known.provider)
        same = (
            abs(fresh.reputation - known.reputation) < _POINTS
            and fresh.extra_latency_ms == known.extra_latency_ms
            and _near(fresh.time_to_running_s, known.time_to_running_s, slack=_TTR_S)
            and _near(fresh.g_score, known.g_score, slack=_POINTS)
        )
        return known if same else fresh

    def _candidate(self, offer: Offer, state: ProviderState) -> Candidate:
        observed = self._observed
        g_score, latencies = observed.g_score(offer), observed.latencies
        return Candidate(
            offer=offer,
            provider=state,
            reputation=self._scores.of(offer.provider, offer.host),
            extra_latency_ms=0.0 if latencies is None else latencies.extra_ms(offer.provider, offer.host),
            free=None if offer.available is None else float(offer.available),
            total=None if offer.total is None else float(offer.total),
            time_to_running_s=observed.time_to_running_s(offer.provider),
            g_score=None if g_score is None else g_score.value,
        )


def _near(before: float | None, after: float | None, *, slack: float) -> bool:
    if before is None or after is None:
        return before is after
    return abs(before - after) < slack
