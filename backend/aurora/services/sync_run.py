"""One run over one provider: which slices are read, in which order, until when."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from aurora.db.repositories.offers import SliceState
from aurora.domain.errors import ProviderError
from aurora.domain.event_loop import give_way
from aurora.domain.records import BEYOND_CAP
from aurora.services.catalogue import Catalogue
from aurora.services.collector import look_over_the_young
from aurora.services.row_cap import MOST_SLICES, RowCap
from aurora.services.slice_merge import SliceMerge
from aurora.services.slice_order import Interest, Waiting, next_slice, words
from aurora.services.slice_walk import PageReader, SliceWalk
from aurora.services.sync_findings import HOPELESS, PACED, Findings, SyncMemory, SyncPolicy

_FAILURES_IN_A_ROW = 3
_HOT_SHARE = 0.5
"""Of a run's time, for what is asked for most; the rest of the catalogue must not starve."""
_YOUNG_SHARE = 0.5
"""Of the interval: a slice read more lately than that can wait."""
_SHORT_OF_TIME_S = 1.0
"""Seconds a page takes on average from which time counts as short."""

_YOUNG_TOGETHER = 500
"""New offers that the collector looks over at once, in a millisecond or two."""


class SyncRun:
    """Reads what there is time for and has it merged."""

    def __init__(
        self,
        reader: PageReader,
        merge: SliceMerge,
        *,
        catalogue: Catalogue,
        interest: Interest,
        memory: SyncMemory,
        policy: SyncPolicy,
    ) -> None:
        self._reader = reader
        self._merge = merge
        self._provider = reader.provider.name
        self._clock = reader.clock
        self._catalogue = catalogue
        self._interest = interest
        self._memory = memory
        self._policy = policy
        self._findings = merge.findings
        self._started = self._clock.monotonic()
        self._span_s = reader.left_s
        self._hot_s = 0.0
        self._heat: Mapping[str, float] = {}
        self._listed: tuple[str, ...] = ()
        self._done: set[str] = set()
        self._reading: dict[asyncio.Task[bool], tuple[Waiting, float]] = {}
        """Slices that are being read, and since when."""
        self._merging = asyncio.Lock()
        self._failures = 0
        self._young = 0
        """Offers that came since the collector looked."""
        self._partly: set[str] = set()
        """Read as far as the market shows them, or as the cap lets us."""
        self._cap = RowCap(policy.most_rows, catalogue.part(self._provider).slices)

    async def execute(self) -> Findings:
        """Read, merge, settle. Raises DatabaseUnavailable; a provider's error is among the findings."""
        named: tuple[str, ...] = ()
        try:
            named = await self._reader.slices()
            self._listed = self._capped(named)
            await self._merge.note_slices(self._listed)
            self._heat = self._measured_heat()
            await self._read_slices()
        except ProviderError as exc:
            self._findings.stopped = exc
        self._findings.unread = sum(key not in self._done for key in self._listed)
        max_age = timedelta(seconds=self._policy.max_age_s)
        await self._merge.settle(named, max_age=max_age, most_rows=self._policy.most_rows)
        return self._findings

    def _capped(self, named: tuple[str, ...]) -> tuple[str, ...]:
        """As many as are read at all."""
        if len(named) > MOST_SLICES:
            self._findings.rejected[BEYOND_CAP] += 0
        return named[:MOST_SLICES]

    async def _read_slices(self) -> None:
        """Read what waits, `readers` slices at a time. Raises the errors after which no other slice can be read."""
        try:
            while self._begin_reading():
                done, _ = await asyncio.wait(self._reading, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._ended(task)
        except ProviderError:
            # the others meet the same refusal; each keeps how far it came
            await asyncio.gather(*self._reading, return_exceptions=True)
            raise
        finally:
            for task in self._reading:
                task.cancel()
            await asyncio.gather(*self._reading, return_exceptions=True)

    def _begin_reading(self) -> bool:
        """Start as many readings as there may be; False when nothing is read and nothing waits."""
        while len(self._reading) < self._policy.readers and (waiting := self._waiting()):
            chosen = next_slice(waiting, hot_first=self._hot_s < _HOT_SHARE * self._span_s)
            if chosen.young and self._short_of_time():
                self._done.update(each.key for each in waiting if each.young)
                break
            task = asyncio.create_task(self._was_read(chosen.key), name=f"read {chosen.key}")
            self._reading[task] = (chosen, self._clock.monotonic())
        return bool(self._reading)

    def _ended(self, task: asyncio.Task[bool]) -> None:
        chosen, began = self._reading.pop(task)
        self._failures = 0 if task.result() else self._failures + 1
        if self._failures == _FAILURES_IN_A_ROW:
            raise self._findings.failed[chosen.key]
        if chosen.heat > 0:
            self._hot_s += self._clock.monotonic() - began

    async def _was_read(self, key: str) -> bool:
        """Read one slice. Raises the errors after which no other slice can be read."""
        try:
            complete = await self._read_slice(key)
        except (*PACED, *HOPELESS):
            raise
        except ProviderError as exc:
            self._findings.failed[key] = exc
            return False
        if complete:
            self._done.add(key)
        else:
            self._partly.add(key)
        return True

    async def _read_slice(self, key: str) -> bool:
        """All pages of one slice; False when the market cannot show all of it.

        What was read before an error is merged too; nothing of the slice is gone then.
        """
        walk = self._resumed(key) or SliceWalk.begin(key, at=self._clock.now())
        if not self._cap.begin(key, taken=len(walk.seen) + walk.rejected):
            self._findings.rejected[BEYOND_CAP] += 0
            return False
        try:
            while walk.cursor is not None:
                page = self._cap.admit(await self._reader.page(walk.cursor))
                self._findings.pages += 1
                rejected = await walk.take(page, provider=self._provider, at=self._clock.now())
                self._findings.rejected.update(rejected)
                await self._came(len(page.offers))
        except ProviderError as exc:
            if isinstance(exc, PACED) and walk.resumable:
                self._memory.walks[key] = walk
            await self._merged(walk)
            raise
        await self._merged(walk)
        return walk.complete

    async def _came(self, offers: int) -> None:
        self._young += offers
        if self._young >= _YOUNG_TOGETHER:
            self._young = 0
            look_over_the_young()
            await give_way()

    async def _merged(self, walk: SliceWalk) -> None:
        """One at a time: a merge compares with what the ones before it wrote."""
        async with self._merging:
            await self._merge.merge(walk)

    def _resumed(self, key: str) -> SliceWalk | None:
        """An interrupted reading, unless it is so old that it had better begin anew."""
        walk = self._memory.walks.pop(key, None)
        if walk is None:
            return None
        age_s = (self._clock.now() - walk.stepped_at).total_seconds()
        return walk if age_s <= max(2 * self._policy.interval_s, self._policy.max_age_s) else None

    def _waiting(self) -> list[Waiting]:
        slices = self._catalogue.part(self._provider).slices
        young_from = self._clock.now() - timedelta(seconds=_YOUNG_SHARE * self._policy.interval_s)
        waiting = []
        reading = {chosen.key for chosen, _ in self._reading.values()}
        for position, key in enumerate(self._listed):
            if key in reading or key in self._done or key in self._partly or key in self._findings.failed:
                continue
            state = slices.get(key) or SliceState(key)
            young = state.complete and state.read_at is not None and state.read_at >= young_from
            waiting.append(
                Waiting(
                    key=key,
                    position=position,
                    heat=self._heat[key],
                    read_at=state.read_at,
                    young=young,
                    begun=key in self._memory.walks,
                )
            )
        return waiting

    def _short_of_time(self) -> bool:
        pages = self._findings.pages
        return pages > 0 and self._clock.monotonic() - self._started > _SHORT_OF_TIME_S * pages

    def _measured_heat(self) -> Mapping[str, float]:
        """How much each listed slice is asked for, by its key and by the GPU families it was seen to hold."""
        names = {key: set(words(key)) for key in self._listed}
        for offer in self._catalogue.offers(provider=self._provider):
            if offer.slice_key in names:
                names[offer.slice_key].add(offer.gpu.family)
        return {key: self._interest.heat(each) for key, each in names.items()}
