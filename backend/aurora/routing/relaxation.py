"""What would change an answer: the nearest change of each limit alone, else of two together.

After a refusal that is what would give an offer; after a choice, what would give a cheaper one.

An offer speaks for a relaxation only if nothing but the changed limits keeps it out: every change is judged by the
filters themselves, never by a second opinion.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from aurora.routing.decision import Change, Relaxation
from aurora.routing.filters import Reason, told
from aurora.routing.fit import Asked, Fit
from aurora.routing.judged import BIT, HOW_MANY, Judged
from aurora.routing.near import Near
from aurora.routing.step import NearMiss, Step, step_for

_MOST_PAIRS = 3
_ALIKE = 4
"""Of like offers, those that are looked at: the others are further out in the same manner."""
_TRIES = 16
"""Nearest offers whose change is tried before a combination of limits is given up."""
_ONE_STEP_MAY_DO = frozenset(
    {BIT[Reason.REGION] | BIT[Reason.LATENCY], BIT[Reason.COUNT] | BIT[Reason.PRICE]}
)
"""Two limits of which the first's change may make the second's needless: from elsewhere the latency is another, and for
another number of GPUs the price.
"""


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


def relaxations(judged: Judged, *, better_than: Fit | None = None) -> tuple[Relaxation, ...]:
    """Nearest first: one per limit that would give offers by itself; if there is none, up to three pairs.

    With `better_than`, the chosen offer, only cheaper ones count.
    """
    near = Near.of(judged, below=None if better_than is None else better_than.price)
    found = _found(near, alone=True)
    if not found:
        found = _found(near, alone=False)[:_MOST_PAIRS]
    return found if better_than is None else tuple(replace(one, better="cheaper") for one in found)


def _found(near: Near, *, alone: bool) -> tuple[Relaxation, ...]:
    """The nearest relaxation of each combination of limits: of one limit each, or of two.

    Nearly always the nearest offer of its kind is let in by its change. Where one is not, others are tried.
    """
    nearest = _by_limits(near, alone=alone, most=1)
    found = {limits: _judged(ways[0], near) for limits, ways in nearest.items()}
    if None in found.values():
        for limits, ways in _by_limits(near, alone=alone, most=_ALIKE).items():
            judged = (_judged(way, near) for way in ways[:_TRIES])
            found[limits] = found.get(limits) or next((one for one in judged if one is not None), None)
    known = (relaxation for relaxation in found.values() if relaxation is not None)
    return tuple(sorted(known, key=lambda relaxation: (relaxation.distance, str(relaxation))))


def _by_limits(near: Near, *, alone: bool, most: int) -> dict[tuple[str, ...], list[Way]]:
    """For each combination of limits the ways in, nearest first; of like offers the `most` nearest are asked."""

    def wanted(mask: int) -> bool:
        return not alone or bool(HOW_MANY[mask] == 1 or mask in _ONE_STEP_MAY_DO)

    ways = (
        way
        for members in near.alike(wanted)
        for index in near.nearest(members, most).tolist()
        for way in ways_in(near.miss(index), near.judged.asked)
        if (len(way.steps) == 1) is alone
    )
    found: dict[tuple[str, ...], list[Way]] = {}
    for way in sorted(ways, key=lambda way: (way.distance, way.miss.candidate.id)):
        found.setdefault(way.limits, []).append(way)
    return found


def ways_in(miss: NearMiss, asked: Asked) -> Iterable[Way]:
    """One step per limit that still refuses, each taken from where the one before it ended; or no way at all.

    A step may make the next needless: from another region the latency is another.
    """
    steps: list[Step] = []
    for reason in miss.reasons:
        if steps and told(reason, miss.candidate, asked) is None:
            continue
        step = step_for(reason, miss=miss, asked=asked)
        if step is None or (step.request is None and len(miss.reasons) > 1):
            return
        steps.append(step)
        if step.request is not None:
            asked = asked.with_request(step.request, max_age_s=step.max_age_s)
    yield Way(miss, tuple(steps), sum(step.distance for step in steps))


def _judged(way: Way, near: Near) -> Relaxation | None:
    """Ask the filters again under the changed request: None if they still refuse the offer itself."""
    last, miss = way.steps[-1], way.miss
    found, like = near.kept_out_within(miss.reasons)
    if last.request is None:
        # Nothing but a wait would help: these are the provider's, and all kept out for the same reason.
        seller = miss.fit.offer.provider
        offers = sum(one.offer.provider == seller for one in like.rack.candidates)
        return Relaxation(way.changes, offers, None, last.max_age_s, way.distance)
    then = Judged(like.rack, near.judged.asked.with_request(last.request, max_age_s=last.max_age_s))
    passes = then.refused == 0
    if not passes[np.searchsorted(found, miss.index)]:
        return None
    return Relaxation(way.changes, int(passes.sum()), last.request, last.max_age_s, way.distance)
