"""The limits by which Aurora meters a market: our own rate, and what the market documents."""

from aurora.cli.doctor.check import Check, ok, warn
from aurora.cli.durations import written
from aurora.resilience.endpoint import EndpointView
from aurora.resilience.limiter import LimiterView


def limits_check(name: str, view: LimiterView) -> Check:
    """What holds now. In emulated mode the meters follow the emulators."""
    what = f"{name} limits"
    rate = f"{view.rate:g} requests a minute ({name.upper()}_RATE_LIMIT)"
    if not view.enabled:
        then = "set PROVIDER_RATE_LIMITER_ENABLED=true: markets ban accounts that ignore their limits"
        return warn(what, "not metered", then=then)
    own = [f"{endpoint} {_words(limit)}" for endpoint, limit in sorted(view.endpoints.items())]
    return ok(what, f"{rate}; the market's own: {'; '.join(own) or 'none in force'}")


def _words(limit: EndpointView) -> str:
    parts = []
    if limit.min_interval_s is not None:
        parts.append(f"every {limit.min_interval_s:.3g} s")
    if limit.capacity is not None:
        parts.append(f"{limit.capacity:,.0f} in {written(limit.period_s)}")
    return " and ".join(parts) or "free"
