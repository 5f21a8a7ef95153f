"""Events become counts, and log lines where a person should know."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from aurora.domain.health import BreakerState
from aurora.domain.operation import Operation, OperationClass
from aurora.resilience.events import (
    BreakerChanged,
    BreakerRefused,
    CacheHit,
    CallFinished,
    CredentialChanged,
    PauseEnded,
    PauseSet,
    Retried,
)
from aurora.resilience.verdict import Verdict
from aurora.telemetry.hooks import ResilienceHook
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.outages import Outages
from tests.fakes.clock import START, FakeClock


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def hook(metrics):
    return ResilienceHook(metrics, Outages(FakeClock()))


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def call(outcome: Verdict = Verdict.OK, code: str | None = None) -> CallFinished:
    return CallFinished("vastai", Operation.OFFERS, "search", outcome, 250.0, code)


def test_a_call_counts_by_outcome_with_its_seconds(hook, metrics):
    hook(call())

    labels = {"provider": "vastai", "operation": "offers"}
    assert value(metrics, "aurora_provider_calls_total", outcome="ok", **labels) == 1
    assert value(metrics, "aurora_provider_call_duration_seconds_sum", **labels) == 0.25


def test_an_error_counts_by_code_a_neutral_one_too(hook, metrics):
    hook(call(Verdict.NEUTRAL, "provider_rate_limited"))

    assert (
        value(metrics, "aurora_provider_errors_total", provider="vastai", code="provider_rate_limited") == 1
    )


def test_failing_calls_are_one_line_until_they_work_again(hook):
    with capture_logs() as lines:
        for _ in range(20):
            hook(call(Verdict.FAIL, "provider_timeout"))
        hook(call(Verdict.NEUTRAL, "provider_rate_limited"))
        hook(call())

    assert [(line["event"], line["what"]) for line in lines] == [
        ("failing", "vastai offers"),
        ("recovered", "vastai offers"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "event", "trips"),
    [
        (BreakerState.CLOSED, BreakerState.OPEN, "breaker_opened", 1),
        (BreakerState.OPEN, BreakerState.HALF_OPEN, "breaker_half_open", None),
        (BreakerState.HALF_OPEN, BreakerState.CLOSED, "breaker_closed", None),
    ],
)
def test_a_breakers_change_is_a_line_and_a_trip_is_counted(hook, metrics, old, new, event, trips):
    with capture_logs() as lines:
        hook(BreakerChanged("vastai", OperationClass.READ, old, new, 60.0))

    assert [(line["event"], line["operation_class"]) for line in lines] == [(event, "read")]
    assert value(metrics, "aurora_breaker_trips_total", **{"provider": "vastai", "class": "read"}) == trips


def test_refused_and_repeated_calls_are_counted_without_a_line(hook, metrics):
    with capture_logs() as lines:
        hook(BreakerRefused("vastai", Operation.OFFERS, 30.0))
        hook(Retried("vastai", Operation.OFFERS, 1, 2.0, "provider_timeout"))
        hook(CacheHit("vastai", Operation.OFFERS))

    assert value(metrics, "aurora_breaker_refused_total", provider="vastai") == 1
    assert value(metrics, "aurora_retries_total", provider="vastai", operation="offers") == 1
    assert lines == []


def test_pauses_and_credentials_are_lines_at_their_start_and_end(hook):
    with capture_logs() as lines:
        hook(PauseSet("vastai", "search", START + timedelta(hours=1), "daily quota", dated=True))
        hook(PauseEnded("vastai", "search", dated=True))
        hook(CredentialChanged("vastai", refused=True, detail="401"))
        hook(CredentialChanged("vastai", refused=False, detail=""))

    assert [line["event"] for line in lines] == [
        "provider_paused",
        "provider_pause_ended",
        "credential_refused",
        "credential_accepted",
    ]
    assert lines[0]["until"] == "2026-01-15T13:00:00+00:00"
