"""One provider's figures, one status."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora.domain.health import BreakerState, ProviderStatus, SystemStatus
from aurora.domain.operation import Operation, OperationClass
from aurora.resilience.guard import Guard
from aurora.resilience.pause import Pause
from aurora.resilience.policy import GuardPolicy
from aurora.resilience.view import GuardView
from aurora.services.provider_status import Condition, Evidence, judge, stale_after, system_status
from tests.fakes.clock import START, FakeClock

H, D, U, X = (
    ProviderStatus.HEALTHY,
    ProviderStatus.DEGRADED,
    ProviderStatus.UNAVAILABLE,
    ProviderStatus.DISABLED,
)


def quiet() -> GuardView:
    """A guard that was never used."""
    return Guard("vastai", GuardPolicy(), clock=FakeClock(), rng=random.Random(1)).view()


def rate(share: float | None, samples: int) -> GuardView:
    view = quiet()
    return replace(view, window=replace(view.window, success_rate=share, samples=samples))


def circuit(state: BreakerState, operation_class: OperationClass = OperationClass.READ) -> GuardView:
    view = quiet()
    breakers = {**view.breakers, operation_class: replace(view.breaker, state=state)}
    return replace(view, breakers=breakers, breaker=breakers[operation_class])


def refused(*operations: Operation) -> GuardView:
    return replace(quiet(), refused_operations=operations)


def paused() -> GuardView:
    pause = Pause("search", START + timedelta(hours=1), "daily quota", dated=True)
    return replace(quiet(), pauses=(pause,))


@pytest.mark.parametrize(
    ("evidence", "status", "reason"),
    [
        (Evidence(), H, None),
        (Evidence(view=quiet()), H, None),
        (Evidence(view=rate(1.0, 100)), H, None),
        (Evidence(view=rate(0.90, 100)), H, None),
        (Evidence(view=rate(0.89, 100)), D, "success rate 0.89 over 100 calls"),
        (Evidence(view=rate(0.50, 10)), D, "success rate 0.50 over 10 calls"),
        (Evidence(view=rate(0.49, 100)), U, "success rate 0.49 over 100 calls"),
        (Evidence(view=rate(0.0, 9)), H, None),
        (Evidence(view=circuit(BreakerState.HALF_OPEN)), D, "circuit half-open for read calls"),
        (Evidence(view=circuit(BreakerState.OPEN)), U, "circuit open for read calls"),
        (
            Evidence(view=circuit(BreakerState.OPEN, OperationClass.CREATE)),
            U,
            "circuit open for create calls",
        ),
        (Evidence(view=refused(*Operation)), U, "credential refused"),
        (Evidence(view=refused(Operation.CREATE)), U, "credential refused"),
        (Evidence(view=refused(Operation.LOGS)), D, "credential refused for logs"),
        (Evidence(view=paused()), D, "paused until 2026-01-15T13:00:00Z (daily quota)"),
        (Evidence(data_age_s=600, stale_after_s=600), H, None),
        (Evidence(data_age_s=601, stale_after_s=600), D, "offers are 601 s old"),
        (Evidence(data_age_s=None, stale_after_s=600), H, None),
        (Evidence(refused="401 Unauthorized"), U, "401 Unauthorized"),
        (Evidence(disabled="VASTAI_ENABLED is false"), X, "VASTAI_ENABLED is false"),
        (Evidence(view=circuit(BreakerState.OPEN), disabled="off"), X, "off"),
        (
            Evidence(view=circuit(BreakerState.OPEN), data_age_s=9999, stale_after_s=600),
            U,
            "circuit open for read calls",
        ),
        (
            Evidence(view=paused(), data_age_s=9999, stale_after_s=600),
            D,
            "paused until 2026-01-15T13:00:00Z (daily quota); offers are 9999 s old",
        ),
    ],
)
def test_the_figures_decide_the_status_and_its_reason(evidence, status, reason):
    assert judge(evidence) == Condition(status, reason)


@pytest.mark.parametrize(
    ("statuses", "system"),
    [
        ([H, H], SystemStatus.HEALTHY),
        ([H, X], SystemStatus.HEALTHY),
        ([H, D], SystemStatus.DEGRADED),
        ([H, U], SystemStatus.DEGRADED),
        ([D, U], SystemStatus.DEGRADED),
        ([U, U], SystemStatus.UNHEALTHY),
        ([U, X], SystemStatus.UNHEALTHY),
        ([X], SystemStatus.UNHEALTHY),
        ([], SystemStatus.UNHEALTHY),
    ],
)
def test_the_system_is_as_well_as_its_providers(statuses, system):
    assert system_status(statuses) is system


@pytest.mark.parametrize(
    ("max_ttl", "interval", "limit"), [(300, 60, 600), (300, None, 600), (300, 300, 660), (300, 900, 1320)]
)
def test_offers_are_too_old_after_twice_the_longest_lifetime_or_what_the_interval_needs(
    max_ttl, interval, limit
):
    assert stale_after(max_ttl, interval) == pytest.approx(limit)


@given(st.floats(min_value=1, max_value=3600), st.floats(min_value=1, max_value=3600))
def test_a_provider_synced_on_time_from_its_cache_is_never_too_old(max_ttl, interval):
    oldest_in_normal_operation = max_ttl + interval

    assert judge(
        Evidence(data_age_s=oldest_in_normal_operation, stale_after_s=stale_after(max_ttl, interval))
    ) == Condition(H)


def test_more_failures_never_make_a_status_better():
    order = [H, D, U]
    levels = [
        order.index(judge(Evidence(view=rate(share / 100, 100))).status) for share in range(100, -1, -1)
    ]

    assert levels == sorted(levels)


def test_every_reason_is_said_when_several_hold():
    view = replace(circuit(BreakerState.OPEN), refused_operations=tuple(Operation))

    assert judge(Evidence(view=view)).reason == "circuit open for read calls; credential refused"
