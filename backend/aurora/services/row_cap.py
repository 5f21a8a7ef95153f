"""How much of one market is read and kept: one that floods must not fill our memory, nor take the others' time."""

import heapq
from collections.abc import Collection, Mapping
from dataclasses import replace

from aurora.db.repositories.offers import SliceState
from aurora.domain.offer import Offer
from aurora.domain.records import BEYOND_CAP
from aurora.providers.base import OffersPage, Rejection

MOST_SLICES = 2_000
"""Parts of one catalogue; the largest known has about a hundred."""
_KEPT_SHARE = 2
"""Of the cap. A listing that was cut proves no absence, so more is kept than was read last."""


class RowCap:
    """One run's share of rows: at most `most`, what the slices not read in this run hold counted in."""

    def __init__(self, most: int, slices: Mapping[str, SliceState]) -> None:
        self._most = most
        self._held = {key: state.offers for key, state in slices.items()}
        self._elsewhere = sum(self._held.values())
        self._taken = 0

    @property
    def room(self) -> int:
        """Rows that may still be taken."""
        return max(0, self._most - self._taken - self._elsewhere)

    def begin(self, key: str, *, taken: int) -> bool:
        """A slice is read from now on, `taken` rows of it having been read before; False when there is no room for it."""
        self._elsewhere -= self._held.pop(key, 0)
        self._taken += taken
        return self.room > 0

    def admit(self, page: OffersPage) -> OffersPage:
        """The page as far as there is room; where it is cut, or more would follow, the walk ends and says so."""
        rejected = sum(each.count for each in page.rejected if each.reason != BEYOND_CAP)
        room = self.room - rejected
        kept = page.offers[: max(0, room)]
        self._taken += rejected + len(kept)
        left_out = len(page.offers) - len(kept)
        if not left_out and (page.next is None or self.room > 0):
            return page
        return replace(
            page,
            offers=kept,
            rejected=(*page.rejected, Rejection(BEYOND_CAP, left_out)),
            next=None,
            complete=False,
        )


def overflow(offers: Collection[Offer], *, most: int) -> set[str]:
    """Ids of the longest unseen beyond twice the cap: a market may go on with ever new offers and never show its end."""
    beyond = len(offers) - _KEPT_SHARE * most
    if beyond <= 0:
        return set()
    return {offer.id for offer in heapq.nsmallest(beyond, offers, key=lambda offer: offer.seen_at)}
