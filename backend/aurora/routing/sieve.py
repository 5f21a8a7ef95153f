"""Parting the market: which offers meet every limit, and what refused the others, without writing a sentence.

A decision looks at tens of thousands of offers and prints a handful of sentences. So the filters' verdicts are taken as
whole columns (`judged`); their sentences (`filters`) are only asked for when somebody reads them.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import overload

import numpy as np

from aurora.routing.columns import Array, Indices
from aurora.routing.filters import Elimination, Reason, elsewhere, gpu, region, told
from aurora.routing.fit import Asked, Fit
from aurora.routing.judged import Judged
from aurora.routing.rack import Rack
from aurora.routing.snapshot import MarketSnapshot

_LOOKED_AT = 12
"""Refused offers among which examples are picked."""
_ABOUT: Mapping[Reason, Callable[[Judged, int], Hashable]] = MappingProxyType(
    {
        Reason.COUNT: lambda judged, at: judged.gpus.item(at),
        Reason.VRAM: lambda judged, at: judged.rack.rows["vram"].item(at),
        Reason.LATENCY: lambda judged, at: judged.latency_ms.item(at),
        Reason.REPUTATION: lambda judged, at: judged.rack.rows["reputation"].item(at),
        Reason.CAPACITY: lambda judged, at: (judged.rack.room.item(at), judged.needed.item(at)),
        Reason.SPOT: lambda _judged, _at: None,
        Reason.PROVIDER: lambda judged, at: judged.rack.rows["terms"].item(at),
        Reason.STALE: lambda judged, at: judged.rack.rows["seen_at"].item(at),
        Reason.G_SCORE: lambda judged, at: judged.rack.rows["g_score"].item(at),
    }
)
"""The figure of an offer that a filter's sentence is about. (Prices and abilities take more than one.)"""
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
        return self.one(range(len(self))[index])

    def one(self, place: int) -> Fit:
        """One of them, counted from the first."""
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = self.judged.fit(self.judged.passing.item(place))
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
        said: dict[Hashable, str] = {}
        for rack, index in islice(self._few_of_each(reason, most), _LOOKED_AT):
            about = self._about(reason, rack, index)
            detail = said.get(about)
            if detail is None:
                detail = said[about] = told(reason, rack.candidate(index), self._asked) or ""
            if detail not in different:
                different[detail] = Elimination(rack.candidate(index).id, reason, detail)
                if len(different) == most:
                    break
            elif repeat and len(more) < most:
                more.append(Elimination(rack.candidate(index).id, reason, detail))
        return list(islice([*different.values(), *more], most))

    def _about(self, reason: Reason, rack: Rack, index: int) -> Hashable:
        """What the sentence depends on: of offers with the same the same is said."""
        by, look = _OF_GROUPS.get(reason), _ABOUT.get(reason)
        if by is not None:
            return by, rack.rows[by].item(index), id(rack)
        return index if look is None else look(self._judged, index)

    def _few_of_each(self, reason: Reason, most: int) -> Iterator[tuple[Rack, int]]:
        """Of offers of which the same is said because of their place or model, only the first, and some more."""
        if not self.counts.get(reason):
            return
        own, found = self._judged.rack, self._judged.refused_first_by(reason)
        by = _OF_GROUPS.get(reason)
        if by is None:
            yield from ((own, index) for index in found[:_LOOKED_AT].tolist())
            return
        others = ((rack, self._where(rack, reason)) for rack in self._others())
        for rack, where in chain([(own, found)], others):
            yield from ((rack, index) for index in _few(rack.rows[by].take(where), where, most))

    def _where(self, rack: Rack, reason: Reason) -> Indices:
        wanted = [far is (reason is Reason.REGION) for far in elsewhere(rack.places, self._asked)]
        if False not in wanted:
            return np.arange(len(rack))
        return np.flatnonzero(np.array(wanted).take(rack.rows["place"]))


def _few(numbers: Array, where: Indices, most: int) -> Iterator[int]:
    """The first of each place or model, by its number; then some more of the first ones."""
    met: set[int] = set()
    for number in range(int(numbers.max(initial=-1)) + 1):
        at = int((numbers == number).argmax())
        if numbers[at] == number:
            met.add(at)
            yield where.item(at)
    yield from (where.item(at) for at in range(min(most, len(where))) if at not in met)


def sift(snapshot: MarketSnapshot, asked: Asked) -> tuple[Passed, Eliminations]:
    """Part the candidates into those that meet every limit and those that do not, each with its first reason."""
    judged = Judged.of(snapshot, asked)
    family = asked.request.gpu.family
    return Passed(judged), Eliminations(
        judged, counts=_with_others(judged, snapshot), others=lambda: snapshot.besides(family)
    )


def _with_others(judged: Judged, snapshot: MarketSnapshot) -> Mapping[Reason, int]:
    """With the offers of other families: those elsewhere fail by the region, the rest by the GPU."""
    placed, own = snapshot.placed, judged.counts
    far = elsewhere(placed, judged.asked)
    numbers = {True: 0, False: 0}
    for is_far, number in zip(far, placed.values(), strict=True):
        numbers[is_far] += number
    near = len(judged.rack) - own[Reason.REGION]
    return {**own, Reason.REGION: numbers[True], Reason.GPU: own[Reason.GPU] + numbers[False] - near}
