"""Sentences for people: why this offer, or why none and what would change it."""

from collections.abc import Mapping, Sequence

from aurora.domain.offer import PriceKind
from aurora.domain.region import GLOBAL
from aurora.routing.decision import RANKED, RankedOffer, Relaxation
from aurora.routing.filters import Reason
from aurora.routing.fit import Asked
from aurora.routing.sieve import Eliminations

NO_VIABLE_PROVIDERS = "No viable providers"

_PRICE_WORDS = {PriceKind.FIRM: "firm", PriceKind.ESTIMATE: "estimate", PriceKind.CEILING: "ceiling"}
_SHOWN = 4


def rationale(
    ranked: Sequence[RankedOffer],
    *,
    counts: Mapping[str, int],
    eliminated: Eliminations,
    relaxations: Sequence[Relaxation],
    asked: Asked,
) -> str:
    """The decision in one paragraph."""
    if not ranked:
        return _nothing_found(counts, eliminated=eliminated, relaxations=relaxations, asked=asked)
    return f"{_chosen(ranked[0], asked)} {_field(ranked, counts)}"


def removed(counts: Mapping[str, int]) -> str:
    """`region 300, price 12`: which filter removed how many."""
    return ", ".join(f"{reason} {number}" for reason, number in counts.items() if reason != RANKED)


def _chosen(best: RankedOffer, asked: Asked) -> str:
    fit, offer = best.fit, best.fit.offer
    parts = " + ".join(f"{name} {value:.3f}" for name, value in best.terms.items())
    where = offer.region_raw or " or ".join(sorted(offer.regions)) or "place unknown"
    return (
        f"Chose {offer.provider} ({best.offer_id}): {fit.gpus} x {offer.gpu.name}, {where}, "
        f"${fit.usd_per_hour:.4f}/h in all, ${fit.effective_usd:.4f} per GPU-hour asked for "
        f"({_PRICE_WORDS[offer.price_kind]}), {fit.latency_ms:.0f} ms from {asked.request.latency_origin}, "
        f"reputation {fit.candidate.reputation:.0f}; score {best.score:.3f} = {parts}."
    )


def _field(ranked: Sequence[RankedOffer], counts: Mapping[str, int]) -> str:
    looked_at = sum(counts.values())
    gone = removed(counts)
    others = f" Eliminated: {gone}." if gone else ""
    if len(ranked) == 1:
        return f"The only one of {looked_at} offers that met every limit.{others}"
    second = ranked[1]
    return (
        f"Best of {len(ranked)} that met every limit, of {looked_at} offers; "
        f"next {second.offer_id} with {second.score:.3f}.{others}"
    )


def _nothing_found(
    counts: Mapping[str, int],
    *,
    eliminated: Eliminations,
    relaxations: Sequence[Relaxation],
    asked: Asked,
) -> str:
    looked_at = sum(counts.values())
    if not looked_at:
        return f"{NO_VIABLE_PROVIDERS}: no offers are loaded."
    request = asked.request
    place = "" if request.region == GLOBAL else f" in {request.region}"
    said = f"{NO_VIABLE_PROVIDERS} for {request.gpu_count} x {request.gpu.name}{place}"
    why = f"of {looked_at} offers the filters removed {removed(counts)}"
    states = _provider_states(eliminated)
    near = "; ".join(str(relaxation) for relaxation in relaxations[:_SHOWN])
    hint = f"Nearest: {near}." if near else "No change of one or two limits would help."
    return f"{said}: {why}{f' ({states})' if states else ''}. {hint}"


def _provider_states(eliminated: Eliminations) -> str:
    return "; ".join(entry.detail for entry in eliminated.examples(Reason.PROVIDER, _SHOWN, repeat=False))
