"""Parting the market: which offers meet every limit, and what refused the others, without writing a sentence.

A decision looks at tens of thousands of offers and prints a handful of sentences. So the filters' verdicts are taken as
whole columns (`judged`); their sentences (`filters`) are only asked for when somebody reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import overload

import numpy as np

from aurora.routing.columns import Indices
from aurora.routing.filters import Elimination, Reason, gpu, is_elsewhere, region, told
from aurora.routing.fit import Asked, Fit
from aurora.routing.judged import Judged
from aurora.routing.rack import Rack
from aurora.routing.snapshot import MarketSnapshot

_LOOKED_AT = 12
"""Refused offers among which examples are picked."""
_OF_GROUPS = MappingProxyType({Reason.REGION: "place", Reason.GPU: "model"})
"""Said of all offers of one place, or of one model: the column that has it."""


class Passed(Sequence[Fit]):
    """The offers that met every limit; each is worked out exactly when somebody looks at it."""

    def __init__(self, judged: Judged) -> None:
        self.judged = judged
        self._made: dict[int, Fit] = {}

    def __len__(self) -> int:
        return len(self.judged.passing)

    @overload
    def __getitem__(self, index: int) -> Fit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Fit]: ...
    def __getitem__(self, index: int | slice) -> Fit | Sequence[Fit]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = self.judged.fit(int(self.judged.passing[place]))
        return made


class Eliminations(Sequence[Elimination]):
    """All refused offers, each with the first filter that refused it; sentences are written when read."""

    def __init__(
        self,
        judged: Judged,
        *,
        counts: Mapping[Reason, int],
        others: Callable[[], Iterable[Rack]] = tuple,
    ) -> None:
        """`others`: the racks of other families, which are seldom read; `counts` has them all."""
        self._judged = judged
        self._asked = judged.asked
        self._others = others
        self._all: tuple[Elimination, ...] | None = None
        self.counts = {reason: number for reason, number in counts.items() if number}
        """By reason, in the order of the filters; without those that refused nothing."""

    def __len__(self) -> int:
        return sum(self.counts.values())

    def __iter__(self) -> Iterator[Elimination]:
        if self._all is not None:
            return iter(self._all)
        reasons = tuple(Reason)
        own = (
            self._one(index, reasons[place])
            for index, place in enumerate(self._judged.first.tolist())
            if place < len(reasons)
        )
        return chain(own, self._of_others())

    @overload
    def __getitem__(self, index: int) -> Elimination: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Elimination]: ...
    def __getitem__(self, index: int | slice) -> Elimination | Sequence[Elimination]:
        if self._all is None:
            self._all = tuple(self)
        return self._all[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def by(self, reason: Reason) -> Iterator[Elimination]:
        """Those that this filter refused."""
        if not self.counts.get(reason):
            return
        for index in self._judged.refused_first_by(reason).tolist():
            yield self._one(index, reason)
        if reason in _OF_GROUPS:
            yield from (one for one in self._of_others() if one.reason is reason)

    def _one(self, index: int, reason: Reason) -> Elimination:
        candidate = self._judged.rack.candidate(index)
        return Elimination(candidate.id, reason, told(reason, candidate, self._asked) or "")

    def _of_others(self) -> Iterator[Elimination]:
        for rack in self._others():
            for index in range(len(rack)):
                yield self._other(rack, index)

    def _other(self, rack: Rack, index: int) -> Elimination:
        """Nobody asked anything of it but where it is and what."""
        offer = rack.candidates[index].offer
        said = region(offer.regions, self._asked)
        if said is not None:
            return Elimination(offer.id, Reason.REGION, said)
        return Elimination(offer.id, Reason.GPU, gpu(offer.gpu, self._asked) or "")

    def examples(self, reason: Reason, most: int, *, repeat: bool = True) -> list[Elimination]:
        """One per sentence; then, with `repeat`, further offers of which the same is said.

        Only the first offers that a filter refused are looked at: their sentences are for people.
        """
        different: dict[str, Elimination] = {}
        more: list[Elimination] = []
        for entry in islice(self._few_of_each(reason, most), _LOOKED_AT):
            if entry.detail not in different:
                different[entry.detail] = entry
                if len(different) == most:
                    break
            elif repeat and len(more) < most:
                more.append(entry)
        return list(islice([*different.values(), *more], most))

    def _few_of_each(self, reason: Reason, most: int) -> Iterator[Elimination]:
        """Of offers of which the same is said because of their place or model, only the first."""
        if not self.counts.get(reason):
            return
        found = self._judged.refused_first_by(reason)
        if reason not in _OF_GROUPS:
            yield from (self._one(index, reason) for index in found[:_LOOKED_AT].tolist())
            return
        for index in _few(self._judged.rack, found, most, by=_OF_GROUPS[reason]):
            yield self._one(index, reason)
        for rack in self._others():
            for index in _few(rack, self._where(rack, reason), most, by=_OF_GROUPS[reason]):
                yield self._other(rack, index)

    def _where(self, rack: Rack, reason: Reason) -> Indices:
        elsewhere = np.array([is_elsewhere(places, self._asked) for places in rack.places], dtype=bool)
        wanted = elsewhere if reason is Reason.REGION else ~elsewhere
        return np.flatnonzero(wanted[rack.rows["place"]])


def _few(rack: Rack, found: Indices, most: int, *, by: str) -> Iterator[int]:
    """The first of each place or model, then some more of the first ones."""
    numbers, met = rack.rows[by][found], set()
    for number in range(len(rack.places if by == "place" else rack.models)):
        at = int(np.argmax(numbers == number)) if len(found) else 0
        if at < len(found) and numbers[at] == number:
            met.add(at)
            yield int(found[at])
    yield from (int(found[at]) for at in range(min(most, len(found))) if at not in met)


def sift(snapshot: MarketSnapshot, asked: Asked) -> tuple[Passed, Eliminations]:
    """Part the candidates into those that meet every limit and those that do not, each with its first reason."""
    judged = Judged.of(snapshot, asked)
    counts = dict(judged.counts)
    _count_others(snapshot, asked, like=judged.rack, counts=counts)
    family = asked.request.gpu.family
    return Passed(judged), Eliminations(judged, counts=counts, others=lambda: snapshot.besides(family))


def _count_others(snapshot: MarketSnapshot, asked: Asked, *, like: Rack, counts: dict[Reason, int]) -> None:
    """Add the offers of other families: those elsewhere fail by the region, the rest by the GPU."""
    placed: dict[frozenset[str], int] = {}
    for aisle in snapshot.aisles:
        for places, number in aisle.placed.items():
            placed[places] = placed.get(places, 0) + number
    for places, number in like.counted().items():
        placed[places] -= number
    for places, number in placed.items():
        counts[Reason.REGION if is_elsewhere(places, asked) else Reason.GPU] += number
