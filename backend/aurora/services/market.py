"""The market as the router sees it: catalogue, capacity overlay, provider states and reputation, put together.

Building candidates for the whole catalogue takes milliseconds, so they are kept and only what changed is made anew.
Nothing here does I/O.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from aurora.db.repositories.holds import Hold
from aurora.domain.clock import Clock
from aurora.domain.offer import Offer
from aurora.domain.region import RegionTable
from aurora.routing.g_score import GScore
from aurora.routing.performance import Telemetry
from aurora.routing.snapshot import Candidate, MarketSnapshot, ProviderState
from aurora.services.capacity import CapacityOverlay


class Offers(Protocol):
    """The catalogue, as much of it as a snapshot needs."""

    @property
    def version(self) -> str:
        """Changes whenever an offer is added, changed, seen again or gone."""
        ...

    def offers(self) -> Iterable[Offer]: ...

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

    g_score: Callable[[str], GScore | None] = lambda _offer_id: None
    latencies: Latencies | None = None
    telemetry: Callable[[], Telemetry] | None = None
    time_to_running_s: Callable[[str], float | None] = lambda _provider: None


@dataclass(slots=True)
class _Built:
    versions: tuple[object, ...]
    """Of the parts that the base was made of."""
    overlay_version: int
    states: tuple[ProviderState, ...]
    base: MarketSnapshot
    """The market without the overlay."""
    snapshot: MarketSnapshot
    group_of: dict[str, int]
    """Offer id -> index of its group in `base`."""
    candidates: dict[str, Candidate]
    sharing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Physical resource -> ids of the offers that use it."""


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
        self._built: _Built | None = None

    @property
    def regions(self) -> RegionTable:
        return self._regions

    def snapshot(self) -> MarketSnapshot:
        """The present market; the same object while nothing has changed."""
        now = self._clock.now()
        holds = self._overlay.present(now)
        states = self._states()
        built = self._built
        if built is None or not self._same_base(built, states):
            built = self._build(states)
        if built.overlay_version != self._overlay.version:
            built.snapshot = self._with_holds(built, holds)
            built.overlay_version = self._overlay.version
        self._built = built
        built.snapshot = self._with_telemetry(built.snapshot)
        return built.snapshot

    def holds(self) -> tuple[Hold, ...]:
        """What is taken now, for the decision's record."""
        return self._overlay.present(self._clock.now())

    def _same_base(self, built: _Built, states: tuple[ProviderState, ...]) -> bool:
        return built.versions == self._versions() and built.states == states

    def _versions(self) -> tuple[object, ...]:
        latencies = self._observed.latencies
        return (
            self._catalogue.version,
            self._scores.version,
            None if latencies is None else latencies.version,
        )

    def _with_telemetry(self, snapshot: MarketSnapshot) -> MarketSnapshot:
        """The figures change by the second, the offers with them do not."""
        read = self._observed.telemetry
        if read is None:
            return snapshot
        telemetry = read()
        return snapshot if snapshot.telemetry is telemetry else replace(snapshot, telemetry=telemetry)

    def _build(self, states: tuple[ProviderState, ...]) -> _Built:
        by_name = {state.name: state for state in states}
        base: dict[str, Candidate] = {}
        sharing: dict[str, list[str]] = {}
        for offer in self._catalogue.offers():
            state = by_name.get(offer.provider)
            if state is None:
                continue
            base[offer.id] = self._candidate(offer, state)
            for resource in offer.resources:
                sharing.setdefault(f"{offer.provider}:{resource}", []).append(offer.id)
        version = self._catalogue.version
        snapshot = MarketSnapshot.of(
            base.values(),
            regions=self._regions,
            taken_at=self._clock.now(),
            version=version,
            reference_prices=self._catalogue.reference_prices(),
        )
        return _Built(
            versions=self._versions(),
            overlay_version=-1,
            states=states,
            base=snapshot,
            snapshot=snapshot,
            group_of={
                one.id: index for index, group in enumerate(snapshot.groups) for one in group.candidates
            },
            candidates=base,
            sharing={key: tuple(ids) for key, ids in sharing.items()},
        )

    def _candidate(self, offer: Offer, state: ProviderState) -> Candidate:
        observed = self._observed
        g_score, latencies = observed.g_score(offer.id), observed.latencies
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

    def _with_holds(self, built: _Built, holds: Iterable[Hold]) -> MarketSnapshot:
        """The base with every present hold taken off; only groups that it touches are made anew."""
        changed: dict[str, Candidate] = {}
        for hold in holds:
            if self._shown_by_catalogue(built, hold):
                continue
            for offer_id in self._touched(built, hold):
                candidate = changed.get(offer_id) or built.candidates.get(offer_id)
                if candidate is not None:
                    changed[offer_id] = _held(candidate, hold)
        groups = list(built.base.groups)
        for index in {built.group_of[offer_id] for offer_id in changed}:
            members = tuple(changed.get(one.id, one) for one in groups[index].candidates)
            groups[index] = replace(groups[index], candidates=members)
        return replace(built.base, groups=tuple(groups))

    def _shown_by_catalogue(self, built: _Built, hold: Hold) -> bool:
        """A catalogue read that began after the launch was confirmed has the machine off the shelf already."""
        candidate = built.candidates.get(hold.offer_id)
        if hold.launched_at is None or candidate is None:
            return False
        began = self._catalogue.read_began_at(candidate.offer.provider, candidate.offer.slice_key)
        return began is not None and began > hold.launched_at

    @staticmethod
    def _touched(built: _Built, hold: Hold) -> set[str]:
        ids = {hold.offer_id}
        for resource in hold.resources:
            ids.update(built.sharing.get(f"{hold.provider}:{resource}", ()))
        return ids


def _held(candidate: Candidate, hold: Hold) -> Candidate:
    """One launch less; a refusal closes the offer until it expires."""
    if hold.reason == "refused":
        return replace(candidate, held_until=hold.expires_at)
    if candidate.free is None:
        # A market that reports no capacity counts as free; only a refusal says otherwise.
        return candidate
    return replace(candidate, free=max(0.0, candidate.free - hold.size))
