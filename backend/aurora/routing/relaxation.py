"""What would change an answer: the nearest change of each limit alone, else of two together.

After a refusal that is what would give an offer; after a choice, what would give a cheaper one.

An offer speaks for a relaxation only if nothing but the changed limits keeps it out: every change is judged by the
filters themselves, never by a second opinion.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

from aurora.routing.decision import Change, Relaxation
from aurora.routing.filters import told
from aurora.routing.fit import Asked, Fit
from aurora.routing.judged import HOW_MANY, Judged
from aurora.routing.near import Near
from aurora.routing.step import NearMiss, Step, step_for

_MOST_PAIRS = 3
_ALIKE = 4
"""Of like offers, those that are looked at: the others are further out in the same manner."""
_TRIES = 16
"""Nearest offers whose change is tried before a combination of limits is given up."""


class Way(NamedTuple):
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

    @property
    def fields(self) -> Mapping[str, Any] | None:
        """As `Step.fields`, of all steps together."""
        found: dict[str, Any] = {}
        for step in self.steps:
            if step.fields is None:
                return None
            found |= step.fields
        return found


def relaxations(judged: Judged, *, better_than: Fit | None = None) -> tuple[Relaxation, ...]:
    """Nearest first: one per limit that would give offers by itself; if there is none, up to three pairs.

    With `better_than`, the chosen offer, only cheaper ones count.
    """
    below = None if better_than is None else better_than.price
    better = "" if better_than is None else "cheaper"
    alone = _found(Near.of(judged, below=below, alone=True), alone=True, better=better)
    return alone or _found(Near.of(judged, below=below), alone=False, better=better)[:_MOST_PAIRS]


def _found(near: Near, *, alone: bool, better: str) -> tuple[Relaxation, ...]:
    """The nearest relaxation of each combination of limits: of one limit each, or of two.

    Nearly always the nearest offer of its kind is let in by its change. Where one is not, others are tried.
    """
    nearest = _by_limits(near, alone=alone, most=1)
    found = {limits: _judged(ways[0], near, better=better) for limits, ways in nearest.items()}
    if None in found.values():
        for limits, ways in _by_limits(near, alone=alone, most=_ALIKE).items():
            judged = (_judged(way, near, better=better) for way in ways[:_TRIES])
            found[limits] = found.get(limits) or next((one for one in judged if one is not None), None)
    known = (relaxation for relaxation in found.values() if relaxation is not None)
    return tuple(sorted(known, key=lambda relaxation: (relaxation.distance, str(relaxation))))


def _by_limits(near: Near, *, alone: bool, most: int) -> dict[tuple[str, ...], list[Way]]:
    """For each combination of limits the ways in, nearest first; of like offers the `most` nearest are asked."""
    found: dict[tuple[str, ...], list[Way]] = {}
    limits = near.judged.refused
    for members in near.alike():
        if not alone and HOW_MANY[limits[members[0]]] == 1:
            continue
        for index in members[:most].tolist():
            way = way_in(near.miss(index), near.judged.asked)
            if way is not None and (len(way.steps) == 1) is alone:
                found.setdefault(way.limits, []).append(way)
    for ways in found.values():
        ways.sort(key=lambda way: (way.distance, way.miss.candidate.id))
    return found


def way_in(miss: NearMiss, asked: Asked) -> Way | None:
    """One step per limit that still refuses, each taken from where the one before it ended; None where one cannot be.

    A step may make the next needless: from another region the latency is another.
    """
    steps: list[Step] = []
    for reason in miss.reasons:
        if steps:
            asked = asked.changed(steps[-1].fields or {})
            if told(reason, miss.candidate, asked) is None:
                continue
        step = step_for(reason, miss=miss, asked=asked)
        if step is None or (step.fields is None and len(miss.reasons) > 1):
            return None
        steps.append(step)
    return Way(miss, tuple(steps), sum(step.distance for step in steps))


def _judged(way: Way, near: Near, *, better: str) -> Relaxation | None:
    """Ask the filters again under the changed request: None if they still refuse the offer itself."""
    miss, judged, fields = way.miss, near.judged, way.fields
    like = near.within(miss.reasons)
    if fields is None:
        # Nothing but a wait would help: these are the provider's, and all kept out for the same reason.
        seller = miss.candidate.offer.provider
        like &= judged.of_providers(lambda name: name == seller)
        return Relaxation(way.changes, int(like.sum()), None, judged.asked.max_age_s, way.distance, better)
    asked = judged.asked.changed(fields)
    like &= judged.again(asked, fields).refused == 0
    if not like[miss.index]:
        return None
    return Relaxation(way.changes, int(like.sum()), asked.request, asked.max_age_s, way.distance, better)
