"""What would change an answer: the nearest change of each limit alone, else of two together.

After a refusal that is what would give an offer; after a choice, what would give a cheaper one.

An offer speaks for a relaxation only if nothing but the changed limits keeps it out: every change is judged by the
filters themselves, never by a second opinion.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from heapq import nsmallest
from itertools import chain

from aurora.routing.bits import marked
from aurora.routing.decision import Change, Relaxation
from aurora.routing.filters import OFFER_FILTERS, Reason, gpu, region, region_refuses
from aurora.routing.fit import Asked, Fit
from aurora.routing.marks import Marks, everyone
from aurora.routing.sieve import predicates, verdicts
from aurora.routing.snapshot import MarketSnapshot, OfferGroup
from aurora.routing.step import YIELDING, NearMiss, Step, farness, step_for

_MOST_PAIRS = 3
_ALIKE = 4
"""Of like offers, those that are looked at: the others are further out in the same manner."""
_FEW = 4
"""Of a group so many times larger, offers are looked at one by one."""
_TRIES = 16
"""Nearest offers whose change is tried before a combination of limits is given up."""


@dataclass(frozen=True, slots=True)
class Way:
    """The steps that would let one near miss in."""

    miss: NearMiss
    steps: tuple[Step, ...]
    distance: float

    @property
    def limits(self) -> tuple[str, ...]:
        return tuple(step.limit for step in self.steps)

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(chain.from_iterable(step.changes for step in self.steps))


def relaxations(
    snapshot: MarketSnapshot, asked: Asked, *, better_than: Fit | None = None
) -> tuple[Relaxation, ...]:
    """Nearest first: one per limit that would give offers by itself; if there is none, up to three pairs.

    With `better_than`, the chosen offer, only cheaper ones count.
    """
    below = None if better_than is None else better_than.effective_usd
    near = near_misses(snapshot, asked, below=below)
    ways = [way for miss in _nearest(near, asked) for way in ways_in(miss, asked)]
    alone = _best([way for way in ways if len(way.steps) == 1], near=near, asked=asked)
    found = alone or _best([way for way in ways if len(way.steps) > 1], near=near, asked=asked)[:_MOST_PAIRS]
    return found if below is None else tuple(replace(one, better="cheaper") for one in found)


def near_misses(snapshot: MarketSnapshot, asked: Asked, *, below: Decimal | None = None) -> list[NearMiss]:
    """Offers that one or two limits keep out, all of them such as can give; only cheaper ones than `below`."""
    look = _Look(asked)
    like = snapshot.family(asked.request.gpu.family)
    return [miss for group in like for miss in look.misses_of(group, below=below)]


def alike(near: Iterable[NearMiss], asked: Asked) -> Iterable[list[NearMiss]]:
    """Offers that the same limits keep out in the same manner: one change for one of them fits the nearer ones."""
    found: dict[tuple[object, ...], list[NearMiss]] = {}
    for miss in near:
        manner = (
            miss.reasons,
            Reason.COUNT in miss.reasons and miss.fit.gpus > asked.request.gpu_count,
            miss.fit.offer.provider if Reason.PROVIDER in miss.reasons else None,
            miss.group.regions if Reason.REGION in miss.reasons else None,
            miss.group.gpu if Reason.GPU in miss.reasons else None,
        )
        found.setdefault(manner, []).append(miss)
    return found.values()


class _Look:
    """At whole groups by their marks, at a few of their offers one by one. Lives for one decision."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._marks = Marks(asked)
        self._checks = [(reason, refuses) for reason, refuses in predicates(asked) if refuses is not None]

    def misses_of(self, group: OfferGroup, *, below: Decimal | None) -> Iterable[NearMiss]:
        wanted = everyone(group)
        if below is not None:
            places = self._asked.cheaper(group, below)
            if not places:
                return ()
            if len(places) * _FEW <= len(group.candidates):
                return self._one_by_one(group, places)
            wanted = sum(1 << place for place in places)
        return self._by_marks(group, wanted)

    def _shared(self, group: OfferGroup) -> list[Reason]:
        """What refuses all offers of the group."""
        shared = [Reason.REGION] if region_refuses(group, self._asked) else []
        return shared if self._asked.request.gpu.matches(group.gpu) else [*shared, Reason.GPU]

    def _one_by_one(self, group: OfferGroup, places: Iterable[int]) -> Iterable[NearMiss]:
        shared = self._shared(group)
        for place in sorted(places):
            fit = self._asked.fit_at(group, place)
            reasons = _reasons(fit, checks=self._checks, shared=shared)
            if reasons:
                yield NearMiss(fit, group, reasons)

    def _by_marks(self, group: OfferGroup, wanted: int) -> Iterable[NearMiss]:
        shared = self._shared(group)
        refused = list(self._marks.of(group))
        near = wanted & _kept_out_by_few(refused, shared=len(shared))
        for place in marked(range(len(group.candidates)), near):
            own = (reason for reason, marks in refused if marks >> place & 1)
            yield NearMiss(self._asked.fit_at(group, place), group, (*shared, *own))


def _reasons(
    fit: Fit, *, checks: Iterable[tuple[Reason, Callable[[Fit], bool]]], shared: Sequence[Reason]
) -> tuple[Reason, ...]:
    """All filters that refuse the offer, or nothing when there are more than two or one that cannot give."""
    reasons = list(shared)
    for reason, refuses in checks:
        if refuses(fit):
            if reason not in YIELDING or len(reasons) > 1:
                return ()
            reasons.append(reason)
    return tuple(reasons)


def _kept_out_by_few(refused: Iterable[tuple[Reason, int]], *, shared: int) -> int:
    """Whom one or two filters refuse, `shared` of them counted already, all of them such as can give."""
    once, twice, thrice, firmly = 0, 0, 0, 0
    for reason, marks in refused:
        if reason not in YIELDING:
            firmly |= marks
            continue
        thrice |= twice & marks
        twice |= once & marks
        once |= marks
    if shared == 0:
        return once & ~thrice & ~firmly
    return ~(twice if shared == 1 else once) & ~firmly


def _nearest(near: Iterable[NearMiss], asked: Asked) -> Iterable[NearMiss]:
    """Of like offers those that are not far out."""
    for members in alike(near, asked):
        yield from nsmallest(_ALIKE, members, key=lambda miss: (farness(miss, asked), miss.candidate.id))


def _best(ways: Sequence[Way], *, near: Sequence[NearMiss], asked: Asked) -> tuple[Relaxation, ...]:
    """The nearest relaxation of each combination of limits."""
    by_limits: dict[tuple[str, ...], list[Way]] = {}
    for way in sorted(ways, key=lambda way: (way.distance, way.miss.candidate.id)):
        by_limits.setdefault(way.limits, []).append(way)
    found: list[Relaxation] = []
    for like in by_limits.values():
        judged = (_judged(way, near=near, asked=asked) for way in like[:_TRIES])
        best = next((relaxation for relaxation in judged if relaxation is not None), None)
        if best is not None:
            found.append(best)
    return tuple(sorted(found, key=lambda relaxation: (relaxation.distance, str(relaxation))))


def ways_in(miss: NearMiss, asked: Asked) -> Iterable[Way]:
    """One step per limit that still refuses, each taken from where the one before it ended; or no way at all.

    A step may make the next needless: from another region the latency is another.
    """
    steps: list[Step] = []
    for reason in miss.reasons:
        if steps and not _refuses(reason, miss=miss, asked=asked):
            continue
        step = step_for(reason, miss=miss, asked=asked)
        if step is None or (step.request is None and len(miss.reasons) > 1):
            return
        steps.append(step)
        if step.request is not None:
            asked = asked.with_request(step.request, max_age_s=step.max_age_s)
    yield Way(miss, tuple(steps), sum(step.distance for step in steps))


def _judged(way: Way, *, near: Sequence[NearMiss], asked: Asked) -> Relaxation | None:
    """Ask the filters again under the changed request: None if they still refuse the offer itself."""
    last, miss, changes = way.steps[-1], way.miss, way.changes
    if last.request is None:
        like = [other for other in near if other.reasons == miss.reasons]
        offers = sum(other.fit.offer.provider == miss.fit.offer.provider for other in like)
        return Relaxation(changes, offers, None, last.max_age_s, way.distance)
    changed = asked.with_request(last.request, max_age_s=last.max_age_s)
    passes = _passing(asked, changed)
    if not passes(miss):
        return None
    offers = sum(passes(other) for other in near if set(other.reasons) <= set(miss.reasons))
    return Relaxation(changes, offers, last.request, last.max_age_s, way.distance)


def _refuses(reason: Reason, *, miss: NearMiss, asked: Asked) -> bool:
    if reason is Reason.REGION:
        return region(miss.group, asked) is not None
    if reason is Reason.GPU:
        return gpu(miss.group, asked) is not None
    fit = asked.fit(miss.candidate)
    return any(refuses(fit, asked) is not None for named, refuses in OFFER_FILTERS if named is reason)


def _passing(asked: Asked, changed: Asked) -> Callable[[NearMiss], bool]:
    """Does an offer meet every limit of the changed request? Most changes leave what it costs as it was."""
    refusal, query = verdicts(changed), changed.request.gpu

    def passes(miss: NearMiss) -> bool:
        group = miss.group
        if region_refuses(group, changed) or not query.matches(group.gpu):
            return False
        same = changed.circumstances(group) == asked.circumstances(group)
        return refusal(miss.fit if same else changed.fit(miss.candidate)) is None

    return passes
