"""What is taken off the offers of one GPU family at one provider, as decisions keep it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aurora.db.repositories.holds import Hold
from aurora.domain.gpu import GpuModel, GpuQuery

Held = dict[str, dict[str, float]]
"""By reason and offer: how many launches are held there."""
_PLACES = 9
"""Of a sum of sizes: what is added and taken away again leaves nothing."""


@dataclass(slots=True)
class _Taker:
    hold: Hold
    gpu: GpuModel
    """Of the first offer that it is on."""
    offers: int
    """On how many it is."""


@dataclass(slots=True)
class _Sum:
    holds: int
    size: float


class Takers:
    """Each hold once, although one that is on a machine is on all offers of that machine.

    A busy family has hundreds, and every decision keeps them all: sums are kept ready, by GPU.
    """

    def __init__(self) -> None:
        self._of: dict[str, Sequence[Hold]] = {}
        """By offer id."""
        self._known: dict[int, _Taker] = {}
        """By the hold's identity."""
        self._sums: dict[GpuModel, dict[tuple[str, str], _Sum]] = {}
        """By reason and offer."""
        self._held: dict[GpuModel, Held] = {}

    def put(self, offer_id: str, gpu: GpuModel, holds: Sequence[Hold]) -> None:
        """These are what is taken off the offer from now on."""
        before = self._of.get(offer_id, ())
        self._of[offer_id] = holds
        # First those that are, then those that were: who is in both is neither forgotten nor counted again.
        for hold in holds:
            known = self._known.get(id(hold))
            if known is not None:
                known.offers += 1
                continue
            self._known[id(hold)] = _Taker(hold, gpu, 1)
            self._count(gpu, hold, 1)
        self._leave(before)

    def drop(self, offer_ids: Iterable[str]) -> None:
        """Nothing is taken off these."""
        if not self._of:
            return
        for offer_id in offer_ids:
            self._leave(self._of.pop(offer_id, ()))

    def _leave(self, holds: Iterable[Hold]) -> None:
        for hold in holds:
            known = self._known[id(hold)]
            known.offers -= 1
            if not known.offers:
                del self._known[id(hold)]
                self._count(known.gpu, hold, -1)

    def _count(self, gpu: GpuModel, hold: Hold, more: int) -> None:
        sums = self._sums.setdefault(gpu, {})
        key = (hold.reason, hold.offer_id)
        total = sums.setdefault(key, _Sum(0, 0.0))
        total.holds += more
        total.size = round(total.size + more * hold.size, _PLACES)
        shown = self._held.setdefault(gpu, {}).setdefault(hold.reason, {})
        if total.holds:
            shown[hold.offer_id] = total.size
        else:
            del sums[key], shown[hold.offer_id]

    def add_to(self, held: Held, query: GpuQuery) -> None:
        """What is taken off the GPUs asked for, put into `held`."""
        for gpu, found in self._held.items():
            if query.matches(gpu):
                for reason, offers in found.items():
                    sums = held.setdefault(reason, {})
                    # Two launches on one offer may have been met on different GPUs of its machine.
                    both = {
                        one: round(sums[one] + offers[one], _PLACES) for one in sums.keys() & offers.keys()
                    }
                    sums.update(offers)
                    sums.update(both)


def held_of(all_takers: Iterable[Takers], query: GpuQuery) -> Mapping[str, Mapping[str, float]]:
    """Of several providers; a copy, so that it stays what it is."""
    held: Held = {}
    for takers in all_takers:
        takers.add_to(held, query)
    return {reason: offers for reason, offers in held.items() if offers}
