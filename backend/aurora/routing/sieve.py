"""Parting the market: which offers meet every limit, and what refused the others, without writing a sentence.

A decision looks at tens of thousands of offers and prints a handful of sentences. So the filters' verdicts are taken
here in one pass, in the same order; their sentences (`filters`) are only asked for when somebody reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain, islice
from math import isinf
from typing import NamedTuple, overload

from aurora.routing.bits import marked
from aurora.routing.filters import (
    Elimination,
    Reason,
    g_score,
    group_reason,
    is_elsewhere,
    offer_reason,
    provider,
    region_refuses,
    vram_gb,
)
from aurora.routing.fit import Asked, Fit
from aurora.routing.marks import Marks, serves
from aurora.routing.snapshot import Candidate, MarketSnapshot, OfferGroup

_LOOKED_AT = 12
"""Refused offers among which examples are picked."""


_OF_GROUPS = frozenset({Reason.REGION, Reason.GPU})


class _Part(NamedTuple):
    """Of one group, those that one filter refused first."""

    group: OfferGroup
    reason: Reason
    marks: int | None = None
    """Which; None: all, for what they have in common."""

    def members(self) -> Iterable[Candidate]:
        candidates = self.group.candidates
        return candidates if self.marks is None else marked(candidates, self.marks)


class Eliminations(Sequence[Elimination]):
    """All refused offers, each with the first filter that refused it; sentences are written when read."""

    def __init__(
        self,
        parts: Sequence[_Part],
        asked: Asked,
        *,
        counts: Mapping[Reason, int],
        others: Callable[[], Iterable[_Part]] = tuple,
    ) -> None:
        """`others`: further parts, which are seldom read; `counts` has them all."""
        self._looked_at = parts
        self._others = others
        self._asked = asked
        self._all: tuple[Elimination, ...] | None = None
        self.counts = {reason: number for reason, number in counts.items() if number}
        """By reason, in the order of the filters; without those that refused nothing."""

    def _parts(self, reason: Reason) -> Iterator[_Part]:
        # Of other families nobody asked anything but where they are and what.
        others = self._others() if reason in _OF_GROUPS else ()
        return (part for part in chain(self._looked_at, others) if part.reason is reason)

    def __len__(self) -> int:
        return sum(self.counts.values())

    def __iter__(self) -> Iterator[Elimination]:
        if self._all is None:
            return self._written(chain(self._looked_at, self._others()))
        return iter(self._all)

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
        return self._written(self._parts(reason))

    def _written(self, parts: Iterable[_Part]) -> Iterator[Elimination]:
        for part in parts:
            if part.marks is None:
                found = group_reason(part.group, self._asked)
                detail = found[1] if found else ""
                yield from (Elimination(offer_id, part.reason, detail) for offer_id in part.group.ids)
                continue
            for candidate in part.members():
                told = offer_reason(self._asked.fit(candidate), self._asked)
                yield Elimination(candidate.id, part.reason, told[1] if told else "")

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
        """Of offers of which the same is said because of their group, only the first."""
        if not self.counts.get(reason):
            return
        for part in self._parts(reason):
            written = self._written([part])
            yield from islice(written, most) if part.marks is None else written


def sift(snapshot: MarketSnapshot, asked: Asked) -> tuple[list[Fit], Eliminations]:
    """Part the candidates into those that meet every limit and those that do not, each with its first reason."""
    fits: list[Fit] = []
    parts: list[_Part] = []
    counts: dict[Reason, int] = dict.fromkeys(Reason, 0)
    marks, query = Marks(asked), asked.request.gpu
    like = snapshot.family(query.family)
    for group in like:
        if region_refuses(group, asked):
            counts[Reason.REGION] += len(group.ids)
            parts.append(_Part(group, Reason.REGION))
            continue
        if not query.matches(group.gpu):
            counts[Reason.GPU] += len(group.ids)
            parts.append(_Part(group, Reason.GPU))
            continue
        refused, left = marks.first(group)
        for reason, first in refused:
            counts[reason] += first.bit_count()
            parts.append(_Part(group, reason, first))
        if left:
            fits.extend(marked(asked.fits(group), left))
    _count_others(snapshot, asked, like=like, counts=counts)
    others = partial(_others, snapshot, asked)
    return fits, Eliminations(parts, asked, counts=counts, others=others)


def _count_others(
    snapshot: MarketSnapshot, asked: Asked, *, like: Iterable[OfferGroup], counts: dict[Reason, int]
) -> None:
    """Add the offers of other families: those elsewhere fail by the region, the rest by the GPU."""
    placed: dict[frozenset[str], int] = {}
    for aisle in snapshot.aisles:
        for places, number in aisle.placed.items():
            placed[places] = placed.get(places, 0) + number
    for group in like:
        placed[group.regions] -= len(group.ids)
    for places, number in placed.items():
        counts[Reason.REGION if is_elsewhere(places, asked) else Reason.GPU] += number


def _others(snapshot: MarketSnapshot, asked: Asked) -> Iterator[_Part]:
    """The groups of other families, for whoever wants to read of them."""
    for group in snapshot.besides(asked.request.gpu.family):
        yield _Part(group, Reason.REGION if region_refuses(group, asked) else Reason.GPU)


def verdicts(asked: Asked) -> Callable[[Fit], Reason | None]:
    """The first filter that refuses an offer whose group passed; the same as `filters.offer_reason` says.

    Only the filters that can refuse anything under this request are asked at all.
    """
    checks = [(reason, refuses) for reason, refuses in predicates(asked) if refuses is not None]

    def refusal(fit: Fit) -> Reason | None:
        for reason, refuses in checks:
            if refuses(fit):
                return reason
        return None

    return refusal


def predicates(asked: Asked) -> Sequence[tuple[Reason, Callable[[Fit], bool] | None]]:
    """Each filter after region and GPU as a plain yes or no, in their order; None: refuses nothing now."""
    request = asked.request
    return (
        (Reason.COUNT, _count(request.gpu_count, larger=request.allow_larger)),
        (Reason.VRAM, _vram(request.min_vram_gb)),
        (Reason.LATENCY, lambda fit: not fit.latency_ms <= request.max_latency_ms),
        (Reason.REPUTATION, lambda fit: not fit.candidate.reputation >= request.min_reputation),
        (Reason.PRICE, _price(asked)),
        (Reason.CAPACITY, _capacity(asked)),
        (Reason.CAPABILITY, _capability(asked)),
        (Reason.SPOT, None if request.spot else lambda fit: fit.candidate.offer.spot),
        (Reason.PROVIDER, _provider(asked)),
        (Reason.STALE, _stale(asked)),
        (
            Reason.G_SCORE,
            None if request.min_g_score is None else lambda fit: g_score(fit, asked) is not None,
        ),
    )


def _count(wanted: int, *, larger: bool) -> Callable[[Fit], bool]:
    return lambda fit: fit.gpus != wanted and not (larger and fit.gpus > wanted)


def _vram(least: float | None) -> Callable[[Fit], bool] | None:
    if least is None:
        return None
    return lambda fit: (has := vram_gb(fit)) is None or has < least


def _price(asked: Asked) -> Callable[[Fit], bool]:
    most, hours, most_in_all = asked.request.max_price, asked.gpu_hours, asked.request.max_total_cost
    if most_in_all is None:
        return lambda fit: fit.effective_usd > most
    return lambda fit: fit.effective_usd > most or fit.effective_usd * hours > most_in_all


def _capacity(asked: Asked) -> Callable[[Fit], bool]:
    now = asked.now

    def refuses(fit: Fit) -> bool:
        candidate = fit.candidate
        free, held = candidate.free, candidate.held_until
        return (free is not None and free < fit.capacity_needed) or (held is not None and held > now)

    return refuses


def _capability(asked: Asked) -> Callable[[Fit], bool]:
    """What a provider cannot do at all is asked once; of each offer only its own bounds are compared."""
    workload, seconds = asked.request.workload, asked.seconds
    wanted, ports = workload.disk_gb, len(workload.ports)
    known: dict[str, tuple[bool, bool]] = {}

    def refuses(fit: Fit) -> bool:
        offer = fit.candidate.offer
        able = known.get(offer.provider)
        if able is None:
            abilities = asked.state(fit.candidate).abilities
            able = known[offer.provider] = (not serves(abilities, workload), abilities.disk)
        unable, more_disk = able
        longest, most, opened = offer.max_duration_s, offer.disk_max_gb, offer.max_ports
        if unable or (longest is not None and longest < seconds):
            return True
        if ports and opened is not None and opened < ports:
            return True
        return wanted > most if most is not None else wanted > offer.disk_included_gb and not more_disk

    return refuses


def _provider(asked: Asked) -> Callable[[Fit], bool]:
    known: dict[str, bool] = {}

    def refuses(fit: Fit) -> bool:
        name = fit.candidate.offer.provider
        found = known.get(name)
        if found is None:
            found = known[name] = provider(fit, asked) is not None
        return found

    return refuses


def _stale(asked: Asked) -> Callable[[Fit], bool] | None:
    if isinf(asked.max_age_s):
        return None
    oldest = asked.now - timedelta(seconds=asked.max_age_s)
    return lambda fit: fit.candidate.offer.seen_at < oldest
