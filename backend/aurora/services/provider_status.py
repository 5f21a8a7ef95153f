"""What a provider's figures amount to: one status, and in words why. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aurora.domain.health import BreakerState, ProviderStatus, SystemStatus
from aurora.domain.operation import Operation
from aurora.resilience.view import GuardView

GOOD_RATE = 0.90
"""Below this share of good outcomes a provider is DEGRADED."""
BAD_RATE = 0.50
"""Below this one it is UNAVAILABLE."""
MIN_SAMPLES = 10
"""With fewer outcomes there is no success rate to judge by."""
DISPENSABLE = frozenset({Operation.LOGS, Operation.QUOTE})
"""A key that lacks only these rights still serves: DEGRADED."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one provider. Every part may be missing; what is missing accuses nobody."""

    view: GuardView | None = None
    """None: the provider runs without a guard, or is disabled."""
    data_age_s: float | None = None
    """Age of its offers; None before the first sync."""
    stale_after_s: float | None = None
    """From this age on the offers are too old; see `stale_after`."""
    disabled: str | None = None
    """Why it is switched off."""
    refused: str | None = None
    """Why it could not be started (a refused credential at the first call)."""
    check_failed: str | None = None
    """What the last direct question came to, when it failed."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A status and its reasons, None when HEALTHY."""

    status: ProviderStatus
    reason: str | None = None


Check = Callable[[Evidence], str | None]
"""A reason, or silence."""


def judge(evidence: Evidence) -> Condition:
    """DISABLED beats UNAVAILABLE beats DEGRADED beats HEALTHY; the reasons are those of the level reached.

    >>> judge(Evidence())
    Condition(status=<ProviderStatus.HEALTHY: 'HEALTHY'>, reason=None)
    """
    if evidence.disabled is not None:
        return Condition(ProviderStatus.DISABLED, evidence.disabled)
    for status, checks in _LEVELS:
        reasons = [reason for check in checks if (reason := check(evidence)) is not None]
        if reasons:
            return Condition(status, "; ".join(reasons))
    return Condition(ProviderStatus.HEALTHY)


def system_status(statuses: Iterable[ProviderStatus]) -> SystemStatus:
    """Healthy when all that are in use are, unhealthy when none can be used (or none is there), else degraded."""
    used = [status for status in statuses if status is not ProviderStatus.DISABLED]
    if all(status is ProviderStatus.UNAVAILABLE for status in used):
        return SystemStatus.UNHEALTHY
    if all(status is ProviderStatus.HEALTHY for status in used):
        return SystemStatus.HEALTHY
    return SystemStatus.DEGRADED


def stale_after(max_ttl_s: float, sync_interval_s: float | None) -> float:
    """Seconds after which offers are too old: twice the longest cache lifetime.

    A slowly synced provider is legitimately as old as one interval plus one cached answer; a tenth on top keeps it
    from flapping at that very moment (interval 300 and MAX_TTL 300: 660).
    """
    normal = (sync_interval_s or 0.0) + max_ttl_s
    return max(2 * max_ttl_s, 1.1 * normal)


def _circuit_open(evidence: Evidence) -> str | None:
    return _circuits(evidence, BreakerState.OPEN, "circuit open")


def _circuit_half_open(evidence: Evidence) -> str | None:
    return _circuits(evidence, BreakerState.HALF_OPEN, "circuit half-open")


def _circuits(evidence: Evidence, state: BreakerState, words: str) -> str | None:
    if evidence.view is None:
        return None
    found = [each.value for each, breaker in evidence.view.breakers.items() if breaker.state is state]
    return f"{words} for {', '.join(found)} calls" if found else None


def _not_started(evidence: Evidence) -> str | None:
    return evidence.refused


def _credential_refused(evidence: Evidence) -> str | None:
    refused = frozenset(evidence.view.refused_operations) if evidence.view else frozenset()
    return "credential refused" if refused - DISPENSABLE else None


def _right_missing(evidence: Evidence) -> str | None:
    refused = evidence.view.refused_operations if evidence.view else ()
    return f"credential refused for {', '.join(sorted(refused))}" if refused else None


def _mostly_failing(evidence: Evidence) -> str | None:
    return _rate_below(BAD_RATE, evidence)


def _often_failing(evidence: Evidence) -> str | None:
    return _rate_below(GOOD_RATE, evidence)


def _rate_below(limit: float, evidence: Evidence) -> str | None:
    window = evidence.view.window if evidence.view else None
    if window is None or window.success_rate is None or window.samples < MIN_SAMPLES:
        return None
    if window.success_rate >= limit:
        return None
    return f"success rate {window.success_rate:.2f} over {window.samples} calls"


def _paused(evidence: Evidence) -> str | None:
    pauses = evidence.view.pauses if evidence.view else ()
    if not pauses:
        return None
    longest = max(pauses, key=lambda pause: pause.until)
    return f"paused until {longest.until:%Y-%m-%dT%H:%M:%SZ} ({longest.reason})"


def _check_failed(evidence: Evidence) -> str | None:
    return None if evidence.check_failed is None else f"the last check failed: {evidence.check_failed}"


def _stale(evidence: Evidence) -> str | None:
    age, limit = evidence.data_age_s, evidence.stale_after_s
    if age is None or limit is None or age <= limit:
        return None
    return f"offers are {age:.0f} s old"


_LEVELS: tuple[tuple[ProviderStatus, tuple[Check, ...]], ...] = (
    (ProviderStatus.UNAVAILABLE, (_circuit_open, _not_started, _credential_refused, _mostly_failing)),
    (
        ProviderStatus.DEGRADED,
        (_circuit_half_open, _often_failing, _check_failed, _right_missing, _paused, _stale),
    ),
)
