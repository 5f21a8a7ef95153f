"""What a request would get if one or two of its limits gave way: each change is decided again before it is said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice

import numpy as np

from aurora.domain.health import ProviderStatus
from aurora.domain.money import usd
from aurora.domain.request import ComputeRequest
from aurora.routing.columns import Array
from aurora.routing.decision import Change, Decision, RankedOffer
from aurora.routing.fit import DEFAULT_MAX_AGE_S, Asked
from aurora.routing.judged import Judged
from aurora.routing.near import Near
from aurora.routing.policies import POLICIES
from aurora.routing.relaxation import Way, way_in
from aurora.routing.router import circumstances, decide
from aurora.routing.scoring import Policy, policy_named
from aurora.routing.snapshot import MarketSnapshot
from aurora.routing.step import NearMiss

MOST_CHANGES = 20
MOST_TRIES = 40
"""Decisions made to answer one question."""
_MOST_PAIRS_OF_LIMITS = 200
"""Pairs are many; those whose offers are cheapest are looked at."""

_SLOWER_MS = 1.0
"""A difference in latency below this is none."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One change of the request, and what it would give."""

    changes: tuple[Change, ...]
    offers: int
    """Offers that would be added to those that meet the limits now."""
    best: RankedOffer
    """The one that would be chosen, if it is one of these; else the cheapest of them, else the nearest."""
    latency_ms: float
    """Of `best`, from where the request measures now (the offer's own figure is from the changed region)."""
    chosen: bool
    """Would the policy choose `best`? False: it would stay with what it has."""
    better: tuple[str, ...]
    """In what `best` beats the present choice: price, latency, score. Empty when there is none."""
    saves_usd_per_hour: Decimal | None
    """For the GPUs asked for, minimum rentals included; negative costs more. None without a present choice."""
    distance: float
    text: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer as it is now, and the changes that would better it, the most useful first."""

    baseline: Decision
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class _Question:
    snapshot: MarketSnapshot
    asked: Asked
    baseline: Decision
    policies: Mapping[str, Policy]

    @property
    def chosen(self) -> RankedOffer | None:
        return self.baseline.chosen

    def latency_ms(self, one: RankedOffer) -> float:
        """From where the request measures now, wherever the change would have it measured from."""
        return self.asked.fit(one.candidate).latency_ms


def what_if(
    snapshot: MarketSnapshot,
    request: ComputeRequest,
    *,
    now: datetime,
    max_age_s: float = DEFAULT_MAX_AGE_S,
    policies: Mapping[str, Policy] = POLICIES,
) -> WhatIf:
    """The nearest change of each limit, alone and in pairs, that would give an offer or a better one. Pure.

    Raises InvalidRequest for an unknown policy or region.
    """
    policy = policy_named(request.policy, policies)
    baseline = decide(snapshot, request, now=now, max_age_s=max_age_s, policies=policies)
    asked = circumstances(snapshot, request, now=now, max_age_s=max_age_s, policy=policy)
    question = _Question(snapshot, asked, baseline, policies)
    found: list[Alternative] = []
    for way in islice(_worth_trying(question, found), MOST_TRIES):
        alternative = _tried(way, question)
        if alternative is not None:
            found.append(alternative)
    best = [one for one in found if not _outdone(one, found)]
    best.sort(key=lambda one: _usefulness(one, with_choice=baseline.chosen is not None))
    return WhatIf(baseline, tuple(best[:MOST_CHANGES]))


def _worth_trying(question: _Question, found: Sequence[Alternative]) -> Iterator[Way]:
    """Single limits first; then pairs, without those that one of the two alone has done as well by then."""
    by_limits: dict[tuple[str, ...], dict[tuple[Change, ...], Way]] = {}
    for miss in _promising(question):
        way = way_in(miss, question.asked)
        if way is not None:
            by_limits.setdefault(way.limits, {}).setdefault(way.changes, way)
    alone = [way for limits, ways in by_limits.items() if len(limits) == 1 for way in _few(ways.values())]
    yield from sorted(alone, key=lambda way: (way.distance, way.miss.candidate.id))
    pairs = [way for limits, ways in by_limits.items() if len(limits) > 1 for way in _few(ways.values())]
    pairs.sort(key=lambda way: (way.miss.fit.effective_usd, way.distance, way.miss.candidate.id))
    for way in pairs[:_MOST_PAIRS_OF_LIMITS]:
        if not any(_covers(one, way) for one in found):
            yield way


def _promising(question: _Question) -> Iterator[NearMiss]:
    """Of like offers that would be better than the present choice: the nearest, the cheapest, the fastest."""
    near = Near.of(Judged.of(question.snapshot, question.asked))
    if question.chosen is not None:
        near = near.only(_may_be_better(near.judged, question.chosen))
    price, latency_ms = near.judged.price, near.judged.latency_ms
    for members in near.alike():
        picked = members[:2].tolist()
        # `argmin` takes the first of equal ones: let them be in the order of provider and id.
        members = np.sort(members)
        picked += [int(members[np.argmin(figures[members])]) for figures in (price, latency_ms)]
        yield from map(near.miss, picked)


def _may_be_better(judged: Judged, chosen: RankedOffer) -> Array:
    """Cheaper, faster, or better in what scores see besides: reputation and room."""
    now = chosen.fit
    better: Array = (
        (judged.price < now.price)
        | (judged.latency_ms < now.latency_ms - _SLOWER_MS)
        | (judged.rack.rows["reputation"] > now.candidate.reputation)
    )
    return better


def _few(ways: Iterable[Way]) -> list[Way]:
    """Of all changes of the same limits: the nearest, and those to the cheapest and to the fastest offer."""
    known = list(ways)
    picked = [
        min(known, key=lambda way: (way.distance, way.miss.candidate.id)),
        min(known, key=lambda way: (way.miss.fit.effective_usd, way.distance, way.miss.candidate.id)),
        min(known, key=lambda way: (way.miss.fit.latency_ms, way.distance, way.miss.candidate.id)),
    ]
    return list({id(way): way for way in picked}.values())


def _tried(way: Way, question: _Question) -> Alternative | None:
    """Decide again with the change made; None when that gives nothing new or nothing better."""
    fields, snapshot = way.fields, question.snapshot
    if fields is None:
        snapshot = revived(snapshot, way.miss.candidate.offer.provider)
    asked = question.asked.changed(fields or {})
    then = decide(
        snapshot,
        asked.request,
        now=asked.now,
        max_age_s=asked.max_age_s,
        policies=question.policies,
    )
    before = {one.offer_id for one in question.baseline.ranked}
    added = [one for one in then.ranked if one.offer_id not in before]
    best = _best_of(added, then=then, question=question)
    return None if best is None else _alternative(way, best, offers=len(added), then=then, question=question)


def _best_of(added: Sequence[RankedOffer], *, then: Decision, question: _Question) -> RankedOffer | None:
    chosen = question.chosen
    if not added:
        return None
    if chosen is None or then.chosen is added[0]:
        return added[0]
    cheapest = min(added, key=lambda one: (one.fit.effective_usd, one.offer_id))
    if cheapest.fit.effective_usd < chosen.fit.effective_usd:
        return cheapest
    fastest = min(added, key=lambda one: (question.latency_ms(one), one.offer_id))
    return fastest if question.latency_ms(fastest) < chosen.estimated_latency_ms - _SLOWER_MS else None


def _alternative(
    way: Way, best: RankedOffer, *, offers: int, then: Decision, question: _Question
) -> Alternative:
    chosen, request = question.chosen, question.asked.request
    saves = None
    if chosen is not None:
        saves = usd((chosen.fit.effective_usd - best.fit.effective_usd) * request.gpu_count)
    plain = Alternative(
        changes=way.changes,
        offers=offers,
        best=best,
        latency_ms=question.latency_ms(best),
        chosen=then.chosen is best,
        better=(),
        saves_usd_per_hour=saves,
        distance=way.distance,
        text="",
    )
    better = () if chosen is None else _beaten(chosen, plain)
    return replace(plain, better=better, text=sentence(plain, chosen, origin=request.latency_origin))


def _beaten(chosen: RankedOffer, one: Alternative) -> tuple[str, ...]:
    """A score is compared under the changed request: whoever is chosen there has the better one."""
    beaten = {
        "price": one.best.fit.effective_usd < chosen.fit.effective_usd,
        "latency": one.latency_ms < chosen.estimated_latency_ms - _SLOWER_MS,
        "score": one.chosen,
    }
    return tuple(name for name, is_beaten in beaten.items() if is_beaten)


def sentence(one: Alternative, chosen: RankedOffer | None, *, origin: str) -> str:
    """The change, what it gives, for how much, and what that saves."""
    what = " and ".join(
        f"{change.limit} {change.instead} instead of {change.asked}" for change in one.changes
    )
    more = "" if chosen is None else " more"
    best = one.best
    said = (
        f"{what} would give {one.offers}{more} offer{'' if one.offers == 1 else 's'}; best {best.offer_id} at "
        f"${best.price_usd_per_hour:.4f}/h ({best.price_kind}), {one.latency_ms:.0f} ms from {origin}"
    )
    if chosen is None or one.saves_usd_per_hour is None:
        return said
    parts = [_money(one.saves_usd_per_hour)]
    faster = chosen.estimated_latency_ms - one.latency_ms
    if abs(faster) >= _SLOWER_MS:
        parts.append(f"is {abs(faster):.0f} ms {'faster' if faster > 0 else 'slower'}")
    stays = "" if one.chosen else f"; the policy would still choose {chosen.offer_id}"
    return f"{said}: {' and '.join(parts)}{stays}"


def _money(saves: Decimal) -> str:
    if not saves:
        return "costs the same"
    return f"saves ${saves:.4f}/h" if saves > 0 else f"costs ${-saves:.4f}/h more"


def _covers(one: Alternative, way: Way) -> bool:
    """Does a change of fewer of these limits already give something as cheap and as fast?"""
    fit = way.miss.fit
    return (
        {change.limit for change in one.changes} < {change.limit for change in way.changes}
        and one.best.fit.effective_usd <= fit.effective_usd
        and one.latency_ms <= fit.latency_ms
    )


def _outdone(one: Alternative, found: Iterable[Alternative]) -> bool:
    """Another changes a part of the same limits and gives as much."""
    limits = {change.limit for change in one.changes}
    for other in found:
        theirs = {change.limit for change in other.changes}
        nearer = theirs < limits or (
            theirs == limits and (other.distance, other.text) < (one.distance, one.text)
        )
        if nearer and _as_good(other, one):
            return True
    return False


def _as_good(other: Alternative, one: Alternative) -> bool:
    return (
        other.chosen >= one.chosen
        and other.best.fit.effective_usd <= one.best.fit.effective_usd
        and other.latency_ms <= one.latency_ms
    )


def _usefulness(one: Alternative, *, with_choice: bool) -> tuple[float, ...]:
    """With a present choice: what the policy would take, then what saves most. Without: what changes least."""
    price, few = float(one.best.fit.effective_usd), float(len(one.changes))
    if not with_choice:
        return (few, one.distance, price)
    return (0.0 if one.chosen else 1.0, price, few, one.distance)


def revived(snapshot: MarketSnapshot, provider: str) -> MarketSnapshot:
    """The market as if nothing kept this provider from being used."""
    state = snapshot.states.get(provider) or next(
        (one.provider for one in snapshot.candidates if one.provider.name == provider), None
    )
    if state is None:
        return snapshot
    well = replace(
        state,
        status=ProviderStatus.HEALTHY,
        create_breaker_open=False,
        quota_until=None,
        credential_refused=False,
    )
    return replace(snapshot, states={**snapshot.states, provider: well})
