"""The catalogue of a process that does not read a market itself: it follows what another one writes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aurora.db.database import Database
from aurora.db.repositories import offers as offer_rows
from aurora.db.repositories import sync_runs as run_rows
from aurora.db.repositories.offers import SliceState, seen_later
from aurora.domain.clock import Clock
from aurora.domain.event_loop import give_way
from aurora.domain.offer import Offer
from aurora.services.catalogue import PORTION, Catalogue, CatalogueChange

_OVERLAP_S = 30.0
"""Offers are written some time after they were seen: so far back is read again during a run."""
_DURING_RUN_S = 3.0
"""Seconds between two looks at a run that has not ended."""


@dataclass(slots=True)
class _Followed:
    seen_after: datetime | None = None
    """What a run under way wrote before has been read; None: nothing of it has."""
    run: int | None = None
    """The run that `seen_after` belongs to."""
    looked_at: float = field(default=float("-inf"))


class CatalogueFollower:
    """`follow` as often as one likes: it reads what runs wrote since, and everything only where that is not known."""

    def __init__(self, catalogue: Catalogue, database: Database, *, clock: Clock) -> None:
        self._catalogue = catalogue
        self._database = database
        self._clock = clock
        self._followed: dict[str, _Followed] = {}

    async def follow(self, provider: str, *, ended_run: int | None, newest_run: int) -> None:
        """Be up to date with `ended_run`, and nearly so with a run under way. Raises DatabaseUnavailable."""
        known = self._catalogue.last_run(provider)
        followed = self._followed.setdefault(provider, _Followed())
        if ended_run is not None and (known is None or ended_run > known):
            await self._ended(provider, known, ended_run)
            return
        now = self._clock.monotonic()
        if newest_run > (known or 0) and now - followed.looked_at >= _DURING_RUN_S:
            if followed.run != newest_run:
                self._followed[provider] = followed = _Followed(run=newest_run)
            await self._under_way(provider, followed)
            followed.looked_at = now

    async def _ended(self, provider: str, known: int | None, ended_run: int) -> None:
        if known is None:
            await self._catalogue.reload(self._database, provider)
        else:
            await self._read(provider, since_run=known + 1, seen_after=None)
        self._catalogue.note_run(provider, ended_run)

    async def _under_way(self, provider: str, followed: _Followed) -> None:
        newest = await self._read(provider, since_run=followed.run or 0, seen_after=followed.seen_after)
        if newest is not None:
            followed.seen_after = newest - timedelta(seconds=_OVERLAP_S)

    async def _read(self, provider: str, *, since_run: int, seen_after: datetime | None) -> datetime | None:
        """The newest time at which anything read was seen; None when nothing was."""
        written: list[Offer] = []
        gone: list[str] = []
        async with self._database.read(bulk=True) as connection:
            slices = (await offer_rows.slices(connection, provider)).get(provider, {})
            async for batch in offer_rows.changed(
                connection, provider, since_run=since_run, seen_after=seen_after
            ):
                written += batch.written
                gone += batch.gone
            lines = await run_rows.providers(connection, provider)
        await self._apply(provider, written, gone, slices)
        for line in lines.values():
            self._catalogue.note_line(line)
        return max((offer.seen_at for offer in written), default=seen_after)

    async def _apply(
        self, provider: str, written: list[Offer], gone: list[str], slices: dict[str, SliceState]
    ) -> None:
        before = self._catalogue.part(provider)
        news = {key: state for key, state in slices.items() if before.slices.get(key) != state}
        dropped = before.slices.keys() - slices.keys()
        if not (written or gone or news or dropped):
            return
        fresh = {offer.id for offer in written}
        unchanged = []
        for start, offer in enumerate(before.written.values()):
            state = news.get(offer.slice_key)
            if state is not None and state.complete and offer.id not in fresh:
                unchanged.append(seen_later(offer, state.read_at))
            if start % PORTION == 0:
                await give_way()
        change = CatalogueChange(
            written=written, unchanged=unchanged, gone=gone, slices=news.values(), dropped_slices=dropped
        )
        self._catalogue.apply(provider, change)
