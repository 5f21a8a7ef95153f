"""Candidates of one GPU family in columns: what filters and scores look at, one number per candidate and column.

A decision looks at thousands of offers and shows twenty. So each offer is put into numbers once, when it changes, and a
decision compares whole columns. `Candidate` stays what everything else is made of.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate
from math import inf, nan
from types import MappingProxyType
from typing import TypeVar, overload

import numpy as np

from aurora.domain.gpu import GpuModel
from aurora.domain.offer import Offer
from aurora.routing.candidate import Candidate, ProviderState
from aurora.routing.columns import Array, Columns, Indices

T = TypeVar("T")

ROW = np.dtype(
    [
        ("hourly", "f8"),  # USD, the whole offer with its included disk
        ("gpus", "f8"),
        ("launch_size", "f8"),
        ("disk_included", "f8"),
        ("disk_gb_hour", "f8"),
        ("disk_max", "f8"),
        ("longest_s", "f8"),
        ("ports", "f8"),
        ("vram", "f8"),
        ("reputation", "f8"),
        ("extra_ms", "f8"),
        ("own_ms", "f8"),
        ("g_score", "f8"),
        ("ttr_s", "f8"),
        ("total", "f8"),
        ("seen_at", "i8"),  # microseconds of the Unix time
        ("model", "i4"),
        ("place", "i4"),
        ("terms", "i4"),
        ("spot", "?"),
        ("custom", "?"),  # any number of GPUs can be cut of it
    ]
)
"""What is known of an offer and its host. Not a number: nobody says."""
NAMES = ROW.names or ()
_TIMES = ("seen_at", "longest_s")
_OF_TIME = np.dtype([(name, ROW[name]) for name in _TIMES])
"""What is another at every reading."""
ROOM = np.dtype([("free", "f8"), ("held_until", "i8")])
"""What changes with every launch."""
_LEFT_OVER = 64
"""Models, places and terms beyond what the offers can have, from which on a rack is cleared of them."""
NEVER = np.iinfo(np.int64).min
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING_TAKEN: Mapping[int, Candidate] = MappingProxyType({})
_NOWHERE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What the time asked for is billed by: the provider's rules, and the offer's own minimum."""

    provider: ProviderState
    min_rental_minutes: int


@dataclass(frozen=True, slots=True, eq=False)
class Rack:
    """Never changes; `put`, `take` and `only` give another one. Candidates are in the order of provider and id."""

    family: str
    candidates: Sequence[Candidate]
    """As the market lists them, nothing taken off."""
    rows: Columns
    room: Array
    models: tuple[GpuModel, ...]
    places: tuple[frozenset[str], ...]
    terms: tuple[Terms, ...]
    index: Mapping[str, int] = field(default_factory=dict)
    """Where each offer stands, by the market's id of it; empty in a rack of several providers."""
    taken: Mapping[int, Candidate] = field(default_factory=dict)
    """By index: those that are shown otherwise."""

    @classmethod
    def of(cls, family: str, candidates: Iterable[Candidate]) -> "Rack":
        """Of one provider or of several. What an offer does not say is not a number."""
        ordered = tuple(sorted(candidates, key=_order))
        numbers = _Numbers()
        rows = Columns.of((numbers.row(one) for one in ordered), ROW)
        return numbers.rack(family, ordered, rows=rows, room=_room(ordered), index=_index(ordered))

    def __len__(self) -> int:
        return len(self.candidates)

    def candidate(self, index: int) -> Candidate:
        """As it is shown."""
        return self.taken.get(index) or self.candidates[index]

    def put(self, fresh: Sequence[Candidate], *, gone: Iterable[str] = ()) -> "Rack":
        """With these new or changed, as if nothing were taken off them, and without those that are gone.

        `gone`: the market's ids.
        """
        if len(self.models) + len(self.places) + len(self.terms) > 3 * len(self) + _LEFT_OVER:
            return self._without_left_overs().put(fresh, gone=gone)
        numbers = _Numbers(self)
        rows, ids = Columns.of((numbers.row(one) for one in fresh), ROW), self.index
        members, table, room = list(self.candidates), self.rows, self.room.copy()
        changed = [
            (at, number) for number, one in enumerate(fresh) if (at := ids.get(_name(one))) is not None
        ]
        for at, number in changed:
            members[at] = fresh[number]
        if changed:
            where, which = (list(each) for each in zip(*changed, strict=True))
            table = table.patched(NAMES, where, rows.take(np.array(which)))
            room[where] = _room(members[at] for at in where)
        added = [number for number, one in enumerate(fresh) if _name(one) not in ids]
        leaving = {ids[name] for name in gone if name in ids}
        if added or leaving:
            members += [fresh[number] for number in added]
            order = sorted(set(range(len(members))) - leaving, key=lambda at: _order(members[at]))
            new = rows.take(np.array(added, dtype=np.intp))
            table = Columns.joined(
                [Columns.joined([table, new], NAMES).take(np.array(order, dtype=np.intp))], NAMES
            )
            room = np.concatenate([room, _room(fresh[number] for number in added)])[order]
            members = [members[at] for at in order]
            ids = _index(members)
        touched = {_name(one) for one in fresh}
        taken = {
            ids[name]: one
            for one in self.taken.values()
            if (name := _name(one)) in ids and name not in touched
        }
        return numbers.rack(self.family, tuple(members), rows=table, room=room, index=ids, taken=taken)

    def seen_again(self, fresh: Sequence[Candidate]) -> "Rack":
        """As `put`, for offers of which the market shows the same as before, only later."""
        where = [self.index[_name(one)] for one in fresh]
        members = list(self.candidates)
        for at, one in zip(where, fresh, strict=True):
            members[at] = one
        later = Columns.of((_of_time(one.offer) for one in fresh), _OF_TIME)
        shown = self._shown_as_listed([at for at in where if at in self.taken])
        return replace(shown, candidates=tuple(members), rows=self.rows.changed(where, later, _TIMES))

    def _shown_as_listed(self, indices: Sequence[int]) -> "Rack":
        if not indices:
            return self
        room, taken = self.room.copy(), dict(self.taken)
        for index in indices:
            del taken[index]
            room[index] = _room_of(self.candidates[index])
        return replace(self, room=room, taken=taken)

    def _without_left_overs(self) -> "Rack":
        """The same, without models, places and terms that no offer has any more: a market may bring new ones for ever."""
        fresh = Rack.of(self.family, self.candidates)
        return replace(fresh, room=self.room, taken=self.taken)

    def put_back(self) -> "Rack":
        """Every offer as the market lists it."""
        room = self.room.copy()
        for index in self.taken:
            room[index] = _room_of(self.candidates[index])
        return replace(self, room=room, taken=_NOTHING_TAKEN)

    def take(self, index: int, shown: Candidate | None) -> "Rack":
        """This one is shown with other room; None: as the market lists it."""
        room, taken = self.room.copy(), dict(self.taken)
        if shown is None:
            taken.pop(index, None)
        else:
            taken[index] = shown
        room[index] = _room_of(shown or self.candidates[index])
        return replace(self, room=room, taken=taken)

    def only(self, indices: Indices) -> "Rack":
        """Some of them, in their order, as they are shown."""
        return Rack(
            self.family, _Picked(self, indices), self.rows.take(indices), self.room[indices],
            self.models, self.places, self.terms, _NOWHERE, _NOTHING_TAKEN,
        )  # fmt: skip

    @classmethod
    def joined(cls, racks: Sequence["Rack"]) -> "Rack":
        """All of them as one, in the order given."""
        models, places = _Interned[GpuModel](), _Interned[frozenset[str]]()
        terms: list[Terms] = []
        parts = []
        for rack in racks:
            rows = rack.rows
            model = np.array([models(one) for one in rack.models], dtype="i4")[rows["model"]]
            place = np.array([places(one) for one in rack.places], dtype="i4")[rows["place"]]
            parts.append(rows.replaced(model=model, place=place, terms=rows["terms"] + len(terms)))
            terms += rack.terms
        return cls(
            racks[0].family,
            tuple(one for rack in racks for one in rack.candidates),
            Columns.joined(parts, NAMES),
            np.concatenate([rack.room for rack in racks]),
            tuple(models), tuple(places), tuple(terms),
            taken=_Shifted(racks),
        )  # fmt: skip

    def with_room_of(self, racks: Sequence["Rack"]) -> "Rack":
        """As `joined` of racks that differ from the ones that this was joined of in what is taken off alone."""
        return Rack(
            self.family, self.candidates, self.rows, np.concatenate([rack.room for rack in racks]),
            self.models, self.places, self.terms, self.index, _Shifted(racks),
        )  # fmt: skip

    def counted(self) -> Mapping[frozenset[str], int]:
        """How many there are in each place."""
        numbers = np.bincount(self.rows["place"], minlength=len(self.places)).tolist()
        return {place: number for place, number in zip(self.places, numbers, strict=True) if number}


class _Picked(Sequence[Candidate]):
    """Some of a rack's candidates, as they are shown; looked up one by one: hardly any is."""

    def __init__(self, rack: Rack, indices: Indices) -> None:
        self._rack = rack
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Candidate]: ...
    def __getitem__(self, index: int | slice) -> Candidate | Sequence[Candidate]:
        if isinstance(index, slice):
            return [self._rack.candidate(one) for one in self._indices[index].tolist()]
        return self._rack.candidate(int(self._indices[index]))


class _Interned(dict[T, int]):
    """Numbers things in the order in which they come."""

    def __call__(self, one: T) -> int:
        return self.setdefault(one, len(self))


class _Numbers:
    """Numbers for what many offers share: those that a rack has, and new ones."""

    def __init__(self, known: Rack | None = None) -> None:
        self.models = _Interned[GpuModel](_numbered(() if known is None else known.models))
        self.places = _Interned[frozenset[str]](_numbered(() if known is None else known.places))
        self.terms = [] if known is None else list(known.terms)
        self._terms = {(id(one.provider), one.min_rental_minutes): n for n, one in enumerate(self.terms)}

    def rack(
        self,
        family: str,
        candidates: tuple[Candidate, ...],
        *,
        rows: Columns,
        room: Array,
        index: Mapping[str, int],
        taken: Mapping[int, Candidate] = _NOTHING_TAKEN,
    ) -> Rack:
        return Rack(
            family, candidates, rows, room,
            tuple(self.models), tuple(self.places), tuple(self.terms),
            index, taken,
        )  # fmt: skip

    def row(self, candidate: Candidate) -> tuple[object, ...]:
        offer = candidate.offer
        vram = offer.gpu.vram_gb if offer.vram_gb is None else offer.vram_gb
        seen_at, longest_s = _of_time(offer)
        return (
            float(offer.price_per_hour),
            offer.gpu_count,
            candidate.launch_size,
            offer.disk_included_gb,
            float(offer.disk_price_gb_hour),
            _or_nan(offer.disk_max_gb),
            longest_s,
            inf if offer.max_ports is None else offer.max_ports,
            _or_nan(vram),
            candidate.reputation,
            candidate.extra_latency_ms,
            _or_nan(candidate.latency_ms),
            _or_nan(candidate.g_score),
            _or_nan(candidate.time_to_running_s),
            _or_nan(candidate.total),
            seen_at,
            self.models(offer.gpu),
            self.places(offer.regions),
            self._number(candidate.provider, offer.min_rental_minutes),
            offer.spot,
            candidate.provider.abilities.custom_sizes,
        )

    def _number(self, provider: ProviderState, minutes: int) -> int:
        key = (id(provider), minutes)
        known = self._terms.get(key)
        if known is None:
            known = self._terms[key] = len(self.terms)
            self.terms.append(Terms(provider, minutes))
        return known


def _of_time(offer: Offer) -> tuple[int, float]:
    """As in `_OF_TIME`."""
    return microseconds(offer.seen_at), inf if offer.max_duration_s is None else offer.max_duration_s


def _numbered(things: Iterable[T]) -> dict[T, int]:
    return {one: number for number, one in enumerate(things)}


def microseconds(at: datetime) -> int:
    """Of the Unix time, exactly."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _order(candidate: Candidate) -> tuple[str, str]:
    return candidate.offer.provider, candidate.offer.external_id


def _name(candidate: Candidate) -> str:
    return candidate.offer.external_id


def _index(candidates: Iterable[Candidate]) -> Mapping[str, int]:
    return {_name(one): at for at, one in enumerate(candidates)}


def _room(candidates: Iterable[Candidate]) -> Array:
    return np.array([_room_of(one) for one in candidates], dtype=ROOM)


def _room_of(candidate: Candidate) -> tuple[float, int]:
    until = candidate.held_until
    return _or_nan(candidate.free), NEVER if until is None else microseconds(until)


def _or_nan(figure: float | None) -> float:
    return nan if figure is None else figure


class _Shifted(Mapping[int, Candidate]):
    """What is taken off several racks, by index among all of them. Looked up: hardly any is asked for."""

    def __init__(self, racks: Sequence[Rack]) -> None:
        self._taken = [rack.taken for rack in racks]
        self._starts = [0, *accumulate(map(len, racks))]

    def __getitem__(self, index: int) -> Candidate:
        place = bisect_right(self._starts, index) - 1
        if not 0 <= place < len(self._taken):
            raise KeyError(index)
        return self._taken[place][index - self._starts[place]]

    def get(self, index: int, default: T | None = None) -> Candidate | T | None:  # type: ignore[override]
        """As every mapping's, without an exception for each that is not taken: nearly none is."""
        place = bisect_right(self._starts, index) - 1
        if not 0 <= place < len(self._taken):
            return default
        return self._taken[place].get(index - self._starts[place], default)

    def __iter__(self) -> Iterator[int]:
        return (
            start + index for start, taken in zip(self._starts, self._taken, strict=False) for index in taken
        )

    def __len__(self) -> int:
        return sum(map(len, self._taken))
