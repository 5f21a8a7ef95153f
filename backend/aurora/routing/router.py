"""The decision itself: filter, score, rank."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from statistics import median
from types import MappingProxyType

import numpy as np

from aurora.domain.gpu import GpuQuery
from aurora.domain.money import usd
from aurora.domain.request import ComputeRequest
from aurora.routing.candidate import ProviderState
from aurora.routing.decision import RANKED, Decision, RankedOffer, Ranking
from aurora.routing.explain import rationale
from aurora.routing.fit import DEFAULT_MAX_AGE_S, Asked
from aurora.routing.judged import Judged
from aurora.routing.policies import POLICIES
from aurora.routing.relaxation import relaxations
from aurora.routing.scoring import Policy, References, policy_named
from aurora.routing.sieve import Eliminations, sift
from aurora.routing.snapshot import MarketSnapshot
from aurora.routing.turns import contenders


def decide(
    snapshot: MarketSnapshot,
    request: ComputeRequest,
    *,
    now: datetime,
    max_age_s: float = DEFAULT_MAX_AGE_S,
    policies: Mapping[str, Policy] = POLICIES,
) -> Decision:
    """Choose the best offer for a request and say why. Pure: same arguments, same decision.

    Raises InvalidRequest for an unknown policy or region.
    """
    policy = policy_named(request.policy, policies)
    asked = circumstances(snapshot, request, now=now, max_age_s=max_age_s, policy=policy)
    passed, eliminated = sift(snapshot, asked)
    references = References.of(
        request,
        price_usd=reference_price(snapshot, request.gpu),
        telemetry=snapshot.telemetry,
        contenders=contenders(passed.judged) if policy.draws else None,
    )
    order = snapshot.providers if policy.input_order else ()
    ranked = Ranking(
        passed,
        policy.scores(references)(passed.judged),
        terms=policy.scorer(references),
        places={name: place for place, name in enumerate(order)},
    )
    return _explained(
        ranked, eliminated, snapshot=snapshot, judged=passed.judged, policy=policy, references=references
    )


def circumstances(
    snapshot: MarketSnapshot, request: ComputeRequest, *, now: datetime, max_age_s: float, policy: Policy
) -> Asked:
    """The request as the filters are asked about it."""
    rejects = _rejects(policy, snapshot, now)
    return Asked(
        request,
        regions=snapshot.regions,
        now=now,
        max_age_s=max_age_s,
        rejects=rejects,
        states=snapshot.states,
    )


def _rejects(
    policy: Policy, snapshot: MarketSnapshot, now: datetime
) -> Callable[[ProviderState], str | None] | None:
    rejection = policy.rejects
    if rejection is None:
        return None
    return lambda state: rejection(state, snapshot.telemetry.of(state.name), now)


def reference_price(snapshot: MarketSnapshot, query: GpuQuery) -> Decimal | None:
    """The usual USD per GPU and hour for what is asked for.

    One figure per request, so that a cheaper offer never scores worse: the 7-day median of exactly this query or, when
    the snapshot has none, the median over the models that match, else over the present catalogue.
    """
    given = snapshot.reference_prices.get(query.name)
    if given is not None:
        return given
    rack = snapshot.family(query.family)
    matching = [query.matches(model) for model in rack.models]
    present = set(np.unique(rack.rows["model"]).tolist())
    models = {model.name for at, model in enumerate(rack.models) if matching[at] and at in present}
    known = [snapshot.reference_prices[name] for name in sorted(models) if name in snapshot.reference_prices]
    if known:
        return usd(median(known))
    wanted = np.array(matching, dtype=bool)[rack.rows["model"]]
    listed = (rack.rows["hourly"] / rack.rows["gpus"])[wanted] if len(rack) else ()
    return usd(float(np.median(listed))) if len(listed) else None


def _explained(
    ranked: Ranking,
    eliminated: Eliminations,
    *,
    snapshot: MarketSnapshot,
    judged: Judged,
    policy: Policy,
    references: References,
) -> Decision:
    asked = judged.asked
    request, counts = asked.request, _counts(eliminated, len(ranked))
    chosen, price = (ranked[0] if ranked else None), references.price_usd
    ways_out = relaxations(judged, better_than=chosen.fit if chosen else None)
    plain = rationale(ranked, counts=counts, eliminated=eliminated, relaxations=ways_out, asked=asked)
    said = policy.rationale(ranked, eliminated, snapshot.telemetry) if policy.rationale else plain
    return Decision(
        chosen=chosen,
        ranked=ranked,
        eliminated=eliminated,
        counts=counts,
        total=snapshot.total,
        rationale=said,
        relaxations=ways_out,
        policy=policy.name,
        policy_version=policy.version,
        weights=request.weights,
        reference_prices=MappingProxyType({} if price is None else {request.gpu.name: price}),
        seed=request.seed,
        snapshot_version=snapshot.version,
        snapshot_age_s=(asked.now - snapshot.taken_at).total_seconds(),
        decided_at=asked.now,
        reason="" if ranked else plain,
        propensity=_propensity(chosen, policy=policy, references=references),
    )


def _propensity(chosen: RankedOffer | None, *, policy: Policy, references: References) -> float | None:
    if chosen is None:
        return None
    return policy.chance(references, chosen.fit.offer.provider) if policy.chance else 1.0


def _counts(eliminated: Eliminations, ranked: int) -> Mapping[str, int]:
    found = {reason.value: number for reason, number in eliminated.counts.items()}
    return MappingProxyType({**found, RANKED: ranked})
