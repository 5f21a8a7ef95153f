"""Readings of slices become the catalogue: judged, written, shown; what vanished is settled at the run's end.

Nothing is marked gone before the end: an offer that left one slice may show up in another, and whether a market
has collapsed is seen from all of its slices.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from operator import attrgetter

from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.repositories import offers as offer_rows
from aurora.db.repositories.offers import SliceState
from aurora.domain.clock import Clock
from aurora.domain.event_loop import give_way
from aurora.domain.offer import Offer
from aurora.services.catalogue import Catalogue, CatalogueChange, ProviderOffers, portions
from aurora.services.integrity import (
    ContentReading,
    Sight,
    SliceReading,
    doubtful_absence,
    doubtful_content,
    gather_prices,
    weigh,
)
from aurora.services.offer_diff import OfferDiff, compare, missing
from aurora.services.row_cap import overflow
from aurora.services.slice_walk import SliceWalk
from aurora.services.sync_findings import Findings, SyncMemory
from aurora.services.sync_writer import SyncWriter

_ROWS_AT_ONCE = {"sqlite": 50, "postgresql": 1000}
"""Offers written in one transaction: on SQLite, where it keeps everybody else from writing, some milliseconds' worth."""
_STATES_TOGETHER = 10
_SHOWN_AT_ONCE = 500
"""Offers that become visible in one change: each change is a copy of the provider's whole mapping."""
_TOLD_APART_AT_ONCE = 5_000
"""Offers put with their slices between two turns of the event loop."""
PARTLY_SHOWN = "the market shows only a part of this slice"

_priced = attrgetter("price_per_hour", "gpu_count", "gpu")


@dataclass(slots=True)
class _Read:
    """A slice that was read to its end in this run."""

    walk: SliceWalk
    known: int
    """Offers of it before."""
    saved: bool
    """Nothing was missing: its state is in the database already."""
    believed: bool
    """Its odd content was believed at the second sight: so is what it lacks."""


@dataclass(slots=True, eq=False)
class SliceMerge:
    """The writing half of one run. Every transaction is short and none is open while the provider is asked."""

    provider: str
    run_id: int
    writer: SyncWriter
    catalogue: Catalogue
    clock: Clock
    memory: SyncMemory
    findings: Findings
    untouched: bool = False
    """The database had nothing of this provider when the run began."""
    read: dict[str, _Read] = field(default_factory=dict)
    _before: dict[str, dict[str, Offer]] | None = None
    _unsaved: list[SliceState] = field(default_factory=list)
    """Of unchanged slices: shown already, written a few at a time."""

    async def merge(self, walk: SliceWalk) -> None:
        """Judge what the walk brought since the last merge, write what is new or changed, show it."""
        fresh = walk.unmerged()
        self.findings.seen.update(fresh)
        before = self._state(walk.key)
        if before.read_at is not None and walk.began_at < before.read_at:
            return  # pages from somebody's cache: we know better
        known = await self._known(walk.key)
        sight = await _content_sight(walk, known=known, fresh=fresh)
        if sight is not None and not self._believed(walk.key, sight):
            self.memory.walks.pop(walk.key, None)
            return
        diff = await self._compared(fresh.values())
        states = self._finished(walk, known=known, believed=sight is not None)
        await self._write(diff, walk, states)
        await self._show(diff, states)

    async def settle(self, listed: tuple[str, ...], *, max_age: timedelta, most_rows: int) -> None:
        """Mark gone what is missing, unless that is doubtful; note failures; forget slices long unlisted.

        `listed` empty: the market did not name its slices. `most_rows` as for `overflow`.
        """
        ids = {key: each.walk.seen for key, each in self.read.items() if not each.saved}
        lacking = missing(self._part.written, read=ids, seen=self.findings.seen)
        states = [*self._settled(lacking), *self._troubled()]
        dropped = self._long_unlisted(listed, max_age) if listed else frozenset()
        gone = set().union(*(lacking[state.key] for state in states if state.error is None))
        if dropped:
            delisted = (key for key, offer in self._part.written.items() if offer.slice_key in dropped)
            gone |= set(delisted) - self.findings.seen
        gone |= overflow(self._part.offers.values(), most=most_rows)
        self.findings.gone = len(gone)
        if not (states or gone or dropped or self._unsaved):
            return

        async def settled(connection: AsyncConnection) -> None:
            await offer_rows.mark_gone(connection, gone, at=self.clock.now(), sync_id=self.run_id)
            await offer_rows.save_slices(connection, self.provider, [*self._unsaved, *states])
            await offer_rows.drop_slices(connection, self.provider, dropped)

        await self.writer.write(settled)
        change = CatalogueChange(gone=gone, slices=states, dropped_slices=dropped)
        self.catalogue.apply(self.provider, change)

    async def note_slices(self, listed: tuple[str, ...]) -> None:
        """Slices that the market names for the first time: never read, but part of the whole."""
        states = [SliceState(key) for key in listed if key not in self._part.slices]
        if states:
            await self.writer.write(
                lambda connection: offer_rows.save_slices(connection, self.provider, states)
            )
            self.catalogue.apply(self.provider, CatalogueChange(slices=states))

    @property
    def _part(self) -> ProviderOffers:
        return self.catalogue.part(self.provider)

    def _state(self, key: str) -> SliceState:
        return self._part.slices.get(key) or SliceState(key)

    async def _known(self, key: str) -> Mapping[str, Offer]:
        """The slice's offers before this run; all slices are told apart at the first question."""
        if self._before is None:
            self._before = defaultdict(dict)
            for portion in portions([*self._part.written.values()], size=_TOLD_APART_AT_ONCE):
                for offer in portion:
                    self._before[offer.slice_key][offer.id] = offer
                await give_way()
        return self._before[key]

    async def _compared(self, fresh: Collection[Offer]) -> OfferDiff:
        whole = OfferDiff()
        for portion in portions([*fresh]):
            found = compare(self._part.written, portion)
            self.findings.new.update(offer.id for offer in found.new)
            self.findings.changed.update(offer.id for offer in found.changed)
            whole += found
            await give_way()
        self.findings.changed -= self.findings.new
        return whole

    def _finished(self, walk: SliceWalk, *, known: Mapping[str, Offer], believed: bool) -> list[SliceState]:
        """The state to save with the merge: none before the end, nor while something is missing."""
        if not walk.finished:
            return []
        if not walk.complete:
            shown = len(known.keys() | walk.seen.keys())
            return [SliceState(walk.key, walk.began_at, complete=False, offers=shown, error=PARTLY_SHOWN)]
        lacks = not known.keys() <= walk.seen.keys()
        self.read[walk.key] = _Read(walk, known=len(known), saved=not lacks, believed=believed)
        return [] if lacks else [_complete(walk)]

    async def _write(self, diff: OfferDiff, walk: SliceWalk, states: list[SliceState]) -> None:
        written = (*diff.new, *diff.changed)
        self._unsaved += states
        partly = walk.finished and not walk.complete
        if not (written or partly or len(self._unsaved) >= _STATES_TOGETHER):
            return

        save = partial(offer_rows.save, sync_id=self.run_id, all_new=self.untouched and not diff.changed)
        last = await self._save_first(written, save)

        async def merged(connection: AsyncConnection) -> None:
            await save(connection, last)
            await offer_rows.save_prices(connection, diff.repriced)
            await offer_rows.save_slices(connection, self.provider, self._unsaved)
            if partly:
                # the slice's own time says nothing about one offer, so each keeps its own
                await offer_rows.touch(connection, {offer.id: offer.seen_at for offer in diff.unchanged})

        await self.writer.write(merged)
        self._unsaved = []

    async def _save_first(
        self, written: Sequence[Offer], save: Callable[..., Awaitable[None]]
    ) -> Sequence[Offer]:
        """Save all but the last portion, and give that back.

        On SQLite nobody else can write during a transaction, and requests must not wait for a whole slice. Whoever
        dies in between has written offers that the next sync writes again: the slice's own state comes last.
        """
        most = _ROWS_AT_ONCE[self.writer.database.dialect]
        first = max(0, len(written) - 1) // most * most
        for start in range(0, first, most):
            portion = written[start : start + most]
            await self.writer.write(partial(save, offers=portion))
        return written[first:]

    async def _show(self, diff: OfferDiff, states: list[SliceState]) -> None:
        # one change, seen as a whole; only a very large slice comes in portions
        written = (*diff.new, *diff.changed)
        if len(written) + len(diff.unchanged) <= _SHOWN_AT_ONCE:
            change = CatalogueChange(written=written, unchanged=diff.unchanged, slices=states)
            self.catalogue.apply(self.provider, change)
            return
        for portion in portions(written, size=_SHOWN_AT_ONCE):
            self.catalogue.apply(self.provider, CatalogueChange(written=portion))
            await give_way()
        for portion in portions(diff.unchanged, size=_SHOWN_AT_ONCE):
            self.catalogue.apply(self.provider, CatalogueChange(unchanged=portion))
            await give_way()
        self.catalogue.apply(self.provider, CatalogueChange(slices=states))

    def _settled(self, lacking: Mapping[str, set[str]]) -> list[SliceState]:
        """States of the slices whose missing offers may go."""
        readings = [
            SliceReading(
                key,
                known=each.known,
                missing=len(lacking.get(key, ())),
                seen=len(each.walk.seen),
                rejected=each.walk.rejected,
            )
            for key, each in self.read.items()
        ]
        sights = doubtful_absence(readings)
        states = []
        for key, each in self.read.items():
            sight = None if each.believed else sights.get(key)
            if sight is not None and not self._believed(key, sight):
                continue
            self.memory.doubts.pop(key, None)
            if not each.saved:
                states.append(_complete(each.walk))
        return states

    def _troubled(self) -> list[SliceState]:
        """States of slices that keep their old offers, with the reason."""
        reasons = {key: str(error) for key, error in self.findings.failed.items()} | self.findings.suspicious
        return [replace(self._state(key), error=reason) for key, reason in reasons.items()]

    def _long_unlisted(self, listed: tuple[str, ...], max_age: timedelta) -> frozenset[str]:
        """Slices that the market names no more, once their offers are too old to be used anyway.

        A market's list of its own parts may be short for a while; nothing may vanish by that.
        """
        oldest = self.clock.now() - max_age
        return frozenset(
            key
            for key, state in self._part.slices.items()
            if key not in listed and (state.read_at is None or state.read_at < oldest)
        )

    def _believed(self, key: str, sight: Sight) -> bool:
        """Whether a suspicious sight repeats the last run's; else it is kept for the next."""
        verdict = weigh(sight, before=self.memory.doubts.get(key))
        if verdict.accepted:
            return True
        self.memory.doubts[key] = sight
        self.findings.suspicious[key] = verdict.sentence
        return False


def _complete(walk: SliceWalk) -> SliceState:
    return SliceState(walk.key, walk.began_at, complete=True, offers=len(walk.seen))


async def _content_sight(
    walk: SliceWalk, *, known: Mapping[str, Offer], fresh: Mapping[str, Offer]
) -> Sight | None:
    reading = ContentReading(walk.key, known=len(known), seen=len(walk.seen), rejected=walk.rejected)
    # prices are compared only where there are former ones and any has moved
    if known and not await _at_the_same_prices(known, fresh):
        for prices, offers in ((reading.before, known), (reading.after, fresh)):
            for portion in portions([*offers.values()]):
                gather_prices(prices, portion)
                await give_way()
    return doubtful_content(reading)


async def _at_the_same_prices(known: Mapping[str, Offer], fresh: Mapping[str, Offer]) -> bool:
    """The same offers, all of them, each the same GPUs at the same price."""
    if known.keys() != fresh.keys():
        return False
    for portion in portions([*fresh.values()], size=_TOLD_APART_AT_ONCE):
        for offer in portion:
            if _priced(offer) != _priced(known[offer.id]):
                return False
        await give_way()
    return True
