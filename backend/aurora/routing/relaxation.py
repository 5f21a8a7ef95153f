"""What would change a refusal: the nearest change of each limit alone, else of two together.

An offer speaks for a relaxation only if nothing but the changed limits keeps it out: every change is judged by the
filters themselves, never by a second opinion.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain

from aurora.routing.decision import Relaxation
from aurora.routing.filters import OFFER_FILTERS, Reason, gpu, region
from aurora.routing.fit import Asked, Fit
from aurora.routing.snapshot import MarketSnapshot, OfferGroup
from aurora.routing.step import YIELDING, NearMiss, Step, farness, step_for

_MOST_PAIRS = 3
_TRIES = 16
"""Nearest offers whose change is tried before a combination of limits is given up."""


@dataclass(frozen=True, slots=True)
class _Way:
    """The steps that would let one near miss in."""

    miss: NearMiss
    steps: tuple[Step, ...]
    distance: float


def relaxations(snapshot: MarketSnapshot, asked: Asked) -> tuple[Relaxation, ...]:
    """Nearest first: one per limit that would give offers by itself; if there is none, up to three pairs."""
    near = [miss for group in snapshot.groups for miss in _near_misses(group, asked)]
    ways = [way for miss in _nearest(near, asked) for way in _way(miss, asked)]
    alone = _best([way for way in ways if len(way.steps) == 1], near=near, asked=asked)
    return alone or _best([way for way in ways if len(way.steps) > 1], near=near, asked=asked)[:_MOST_PAIRS]


def _near_misses(group: OfferGroup, asked: Asked) -> Iterable[NearMiss]:
    shared = [
        reason
        for reason, refused in ((Reason.REGION, region(group, asked)), (Reason.GPU, gpu(group, asked)))
        if refused is not None
    ]
    if Reason.GPU in shared and group.gpu.family != asked.request.gpu.family:
        return
    for candidate in group.candidates:
        fit = asked.fit(candidate)
        reasons = _reasons(fit, asked=asked, shared=shared)
        if reasons:
            yield NearMiss(fit, group, reasons)


def _reasons(fit: Fit, *, asked: Asked, shared: Sequence[Reason]) -> tuple[Reason, ...]:
    """All filters that refuse the offer, or nothing when there are more than two or one that cannot give."""
    reasons = list(shared)
    for reason, refuses in OFFER_FILTERS:
        if refuses(fit, asked) is not None:
            if reason not in YIELDING or len(reasons) > 1:
                return ()
            reasons.append(reason)
    return tuple(reasons)


def _nearest(near: Iterable[NearMiss], asked: Asked) -> Iterable[NearMiss]:
    """Of offers that the same limits keep out in the same manner, those that are not far out."""
    alike: dict[tuple[object, ...], list[NearMiss]] = {}
    for miss in near:
        manner = (
            miss.reasons,
            Reason.COUNT in miss.reasons and miss.fit.gpus > asked.request.gpu_count,
            miss.fit.offer.provider if Reason.PROVIDER in miss.reasons else None,
            miss.group.regions if Reason.REGION in miss.reasons else None,
            miss.group.gpu if Reason.GPU in miss.reasons else None,
        )
        alike.setdefault(manner, []).append(miss)
    for members in alike.values():
        yield from nsmallest(_TRIES, members, key=lambda miss: (farness(miss, asked), miss.candidate.id))


def _best(ways: Sequence[_Way], *, near: Sequence[NearMiss], asked: Asked) -> tuple[Relaxation, ...]:
    """The nearest relaxation of each combination of limits."""
    by_limits: dict[tuple[str, ...], list[_Way]] = {}
    for way in sorted(ways, key=lambda way: (way.distance, way.miss.candidate.id)):
        by_limits.setdefault(tuple(step.limit for step in way.steps), []).append(way)
    found: list[Relaxation] = []
    for like in by_limits.values():
        judged = (_judged(way, near=near, asked=asked) for way in like[:_TRIES])
        best = next((relaxation for relaxation in judged if relaxation is not None), None)
        if best is not None:
            found.append(best)
    return tuple(sorted(found, key=lambda relaxation: (relaxation.distance, str(relaxation))))


def _way(miss: NearMiss, asked: Asked) -> Iterable[_Way]:
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
    yield _Way(miss, tuple(steps), sum(step.distance for step in steps))


def _judged(way: _Way, *, near: Sequence[NearMiss], asked: Asked) -> Relaxation | None:
    """Ask the filters again under the changed request: None if they still refuse the offer itself."""
    last, miss = way.steps[-1], way.miss
    changes = tuple(chain.from_iterable(step.changes for step in way.steps))
    if last.request is None:
        like = [other for other in near if other.reasons == miss.reasons]
        offers = sum(other.candidate.provider == miss.candidate.provider for other in like)
        return Relaxation(changes, offers, None, last.max_age_s, way.distance)
    changed = asked.with_request(last.request, max_age_s=last.max_age_s)
    if not _passes(miss, changed):
        return None
    offers = sum(_passes(other, changed) for other in near if set(other.reasons) <= set(miss.reasons))
    return Relaxation(changes, offers, last.request, last.max_age_s, way.distance)


def _refuses(reason: Reason, *, miss: NearMiss, asked: Asked) -> bool:
    if reason is Reason.REGION:
        return region(miss.group, asked) is not None
    if reason is Reason.GPU:
        return gpu(miss.group, asked) is not None
    fit = asked.fit(miss.candidate)
    return any(refuses(fit, asked) is not None for named, refuses in OFFER_FILTERS if named is reason)


def _passes(miss: NearMiss, asked: Asked) -> bool:
    if region(miss.group, asked) is not None or gpu(miss.group, asked) is not None:
        return False
    fit = asked.fit(miss.candidate)
    return all(refuses(fit, asked) is None for _, refuses in OFFER_FILTERS)
