"""G-Score: how good an offer is by itself, 0 to 100, whoever asks. The formula is in docs/scoring.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from types import MappingProxyType

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"price": 0.40, "reliability": 0.25, "network": 0.15, "launches": 0.20}
)
UNRELIABLE = 0.90
"""A market's reliability figure at which the part is 0: markets' figures crowd above it."""
FASTEST_MBPS_LOG10 = 4.0
"""10 Gbit/s."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one offer; None: nobody says."""

    usd_per_gpu_hour: float
    usual_usd: float | None = None
    """Median of the market for that GPU."""
    reliability: float | None = None
    """The market's own figure, 0 to 1."""
    down_mbps: float | None = None
    up_mbps: float | None = None
    launches_good: int = 0
    launches_bad: int = 0
    """Observed by us, at the host where hosts are named."""


@dataclass(frozen=True, slots=True)
class GScore:
    """The score and what it is made of."""

    value: float
    """0 to 100: the mean of the known parts by their weights."""
    parts: Mapping[str, float]
    """The known ones, 0 to 1."""
    missing: tuple[str, ...]
    """Parts without data: left out, never guessed."""


def g_score(evidence: Evidence) -> GScore | None:
    """None when nothing at all is known."""
    judged = {
        "price": _price(evidence),
        "reliability": _reliability(evidence),
        "network": _network(evidence),
        "launches": _launches(evidence),
    }
    parts = {name: part for name, part in judged.items() if part is not None}
    if not parts:
        return None
    known = sum(WEIGHTS[name] for name in parts)
    value = 100.0 * sum(WEIGHTS[name] * part for name, part in parts.items()) / known
    missing = tuple(name for name in WEIGHTS if name not in parts)
    return GScore(value, MappingProxyType(parts), missing)


def _price(evidence: Evidence) -> float | None:
    """0.5 at the market's median, 1 for nothing, 0 from twice the median on."""
    if not evidence.usual_usd:
        return None
    return _share(1.0 - evidence.usd_per_gpu_hour / (2.0 * evidence.usual_usd))


def _reliability(evidence: Evidence) -> float | None:
    if evidence.reliability is None:
        return None
    return _share((evidence.reliability - UNRELIABLE) / (1.0 - UNRELIABLE))


def _network(evidence: Evidence) -> float | None:
    """By orders of magnitude: 10 Mbit/s 0.25, 1 Gbit/s 0.75; the mean of both directions."""
    known = [mbps for mbps in (evidence.down_mbps, evidence.up_mbps) if mbps is not None]
    if not known:
        return None
    return sum(_share(log10(max(1.0, mbps)) / FASTEST_MBPS_LOG10) for mbps in known) / len(known)


def _launches(evidence: Evidence) -> float | None:
    """The rule of succession: few launches prove little, in either direction."""
    good, tried = evidence.launches_good, evidence.launches_good + evidence.launches_bad
    return (good + 1) / (tried + 2) if tried else None


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
