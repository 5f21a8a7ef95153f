"""Who holds what is taken off the offers of one GPU family at one provider, as decisions keep it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from aurora.db.repositories.holds import Hold
from aurora.domain.gpu import GpuModel, GpuQuery

HoldRecord = Mapping[str, Any]
"""A hold as a decision keeps it. Shared by all decisions: it never changes."""


def hold_record(hold: Hold) -> HoldRecord:
    """What is taken, why and by whom."""
    return {
        "offer": hold.offer_id,
        "reason": hold.reason,
        "deployment": hold.deployment_id,
        "attempt": hold.attempt,
    }


@dataclass(slots=True)
class _Taker:
    hold: Hold
    gpu: GpuModel
    """Of the first offer that it is on."""
    offers: int
    """On how many it is."""


class Takers:
    """Each hold once, although one that is on a machine is on all offers of that machine.

    A busy family has hundreds, and every decision keeps them all: their records are made once, by GPU.
    """

    def __init__(self) -> None:
        self._of: dict[str, Sequence[Hold]] = {}
        """By offer id."""
        self._known: dict[int, _Taker] = {}
        """By the hold's identity."""
        self._records: dict[GpuModel, dict[int, HoldRecord]] = {}

    def put(self, offer_id: str, gpu: GpuModel, holds: Sequence[Hold]) -> None:
        """These are what is taken off the offer from now on."""
        before = self._of.get(offer_id, ())
        self._of[offer_id] = holds
        # First those that are, then those that were: who is in both is neither forgotten nor written down again.
        for hold in holds:
            known = self._known.get(id(hold))
            if known is not None:
                known.offers += 1
                continue
            self._known[id(hold)] = _Taker(hold, gpu, 1)
            self._records.setdefault(gpu, {})[id(hold)] = hold_record(hold)
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
            if known.offers:
                continue
            del self._known[id(hold)]
            records = self._records[known.gpu]
            del records[id(hold)]
            if not records:
                del self._records[known.gpu]

    def of(self, query: GpuQuery) -> Iterator[HoldRecord]:
        """Those on the GPUs asked for."""
        return chain.from_iterable(
            records.values() for gpu, records in self._records.items() if query.matches(gpu)
        )
