"""The policies `round-robin` and `weighted`: the providers take turns, or are drawn by G-Score.

Both put the healthy providers that have an offer within the limits into an order; of one provider the offer with the
best G-Score comes first. The seed is the turn, or decides the draw: same seed, same order.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np

from aurora.domain.health import ProviderStatus
from aurora.routing.candidate import ProviderState
from aurora.routing.columns import Array
from aurora.routing.fit import Fit
from aurora.routing.judged import Judged
from aurora.routing.performance import Performance
from aurora.routing.scoring import Policy, References, Scorer, Terms
from aurora.routing.telemetry import is_unhealthy

UNKNOWN_G_SCORE = 50.0
"""Of an offer that nothing is known of."""
LEAST_WEIGHT = 1.0
"""Even a provider whose offers score 0 is drawn now and then."""


def rejection(state: ProviderState, performance: Performance, _now: datetime) -> str | None:
    """Only HEALTHY providers take part; a quota or another pause is the filters' affair."""
    if is_unhealthy(state, performance):
        return f"{state.name} is unhealthy"
    degraded = ProviderStatus.DEGRADED in {state.status, performance.status}
    return f"{state.name} is degraded, not healthy" if degraded else None


def g_score_of(fit: Fit) -> float:
    """As a weight."""
    known = fit.candidate.g_score
    return UNKNOWN_G_SCORE if known is None else known


def in_turn(references: References) -> Sequence[str]:
    """The providers by name, from the one whose turn it is."""
    names = sorted(references.contenders)
    start = references.seed % len(names) if names else 0
    return [*names[start:], *names[:start]]


def drawn(references: References) -> Sequence[str]:
    """A weighted draw without replacement (Efraimidis and Spirakis: the largest of u ** (1 / weight) is first)."""
    chance = random.Random(references.seed)
    keys = {name: chance.random() ** (1.0 / weight) for name, weight in sorted(_weights(references).items())}
    return sorted(keys, key=lambda name: (-keys[name], name))


def share(references: References, provider: str) -> float:
    """The probability with which the draw puts this provider first."""
    weights = _weights(references)
    return weights[provider] / sum(weights.values())


def _weights(references: References) -> Mapping[str, float]:
    return {name: max(LEAST_WEIGHT, score) for name, score in references.contenders.items()}


def _by_place(term: str, order: Sequence[str]) -> Scorer:
    """1 for the first provider, less by equal steps; the G-Score is worth less than half a step."""
    step = 1.0 / len(order) if order else 1.0
    place = {name: 1.0 - index * step for index, name in enumerate(order)}

    def terms(fit: Fit) -> Terms:
        return {term: place[fit.offer.provider], "g_score": g_score_of(fit) / 100.0 * step / 2.0}

    return terms


def _scores_by_place(order: Sequence[str]) -> Callable[[Judged], Array]:
    """The sums of `_by_place`'s terms."""
    step = 1.0 / len(order) if order else 1.0
    place = {name: 1.0 - index * step for index, name in enumerate(order)}

    def scores(judged: Judged) -> Array:
        which = judged.passing
        turn = judged.of_providers(lambda name: place.get(name, 0.0))[which]
        return turn + _weight(judged)[which] / 100.0 * step / 2.0

    return scores


def _weight(judged: Judged) -> Array:
    """`g_score_of`."""
    known = judged.rack.rows["g_score"]
    return np.where(np.isnan(known), UNKNOWN_G_SCORE, known)


def contenders(judged: Judged) -> Mapping[str, float]:
    """The providers with an offer that no filter refuses, and the best G-Score of each."""
    best: dict[str, float] = {}
    weights, terms = _weight(judged)[judged.passing], judged.rack.rows["terms"][judged.passing]
    for number in np.unique(terms).tolist():
        name = judged.rack.terms[number].provider.name
        best[name] = max(float(weights[terms == number].max()), best.get(name, 0.0))
    return best


ROUND_ROBIN = Policy(
    "round-robin",
    "round-robin/1",
    lambda references: _by_place("turn", in_turn(references)),
    lambda references: _scores_by_place(in_turn(references)),
    description="The healthy providers take turns, by name, per tenant; of each the offer with the best G-Score.",
    formula={},
    rejects=rejection,
    draws=True,
)
WEIGHTED = Policy(
    "weighted",
    "weighted/1",
    lambda references: _by_place("draw", drawn(references)),
    lambda references: _scores_by_place(drawn(references)),
    description="A healthy provider is drawn, the more often the better its best offer's G-Score.",
    formula={},
    rejects=rejection,
    draws=True,
    chance=share,
)
