"""What reconciler and sweep report is counted once and said once."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from aurora.domain.deployment import AttemptState
from aurora.domain.errors import Unavailable
from aurora.domain.offer import PriceKind
from aurora.domain.records import Attempt, DeploymentView
from aurora.telemetry.lifecycle import LifecycleHook
from aurora.telemetry.loop_lag import watch_loop
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.outages import Outages
from tests.fakes.clock import START, FakeClock


@dataclass(frozen=True)
class Orphan:
    provider: str = "vastai"
    external_id: str = "i-1"
    name: str = "aurora-abc123-def456ghi789-1"


@dataclass(frozen=True)
class Outcome:
    provider: str = "vastai"
    kind: str = "ok"


ENDED = Attempt(
    deployment_id="dep-1",
    number=1,
    provider="vastai",
    offer_id="vastai:1",
    offer_external_id="1",
    name="aurora-abc123-def456ghi789-1",
    state=AttemptState.ENDED,
    gpu_count=1,
    decided_usd_per_hour=Decimal(2),
    ceiling_usd_per_hour=Decimal(3),
    price_kind=PriceKind.FIRM,
    intent_at=START,
    ended_at=START,
    end_reason="user",
)


def view(*attempts: Attempt) -> DeploymentView:
    return DeploymentView(None, attempts)


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def hook(metrics):
    clock = FakeClock()
    return LifecycleHook(metrics, Outages(clock), clock=clock)


def ended(metrics: Metrics, reason: str) -> float | None:
    return metrics.registry.get_sample_value(
        "aurora_attempts_ended_total", {"provider": "vastai", "reason": reason}
    )


def test_an_attempt_that_ended_is_counted_once_however_often_it_is_told(hook, metrics):
    running = replace(ENDED, number=2, state=AttemptState.RUNNING)
    for _ in range(3):
        hook.deployment_changed(view(ENDED, running))

    assert ended(metrics, "user") == 1


def test_an_attempt_that_ended_before_this_process_is_not_counted(hook, metrics):
    hook.deployment_changed(view(replace(ENDED, ended_at=START - timedelta(seconds=1))))

    assert ended(metrics, "user") is None


def test_an_attempt_that_came_back_is_counted_again_when_it_ends_again(hook, metrics):
    hook.deployment_changed(view(ENDED))
    hook.reopened(ENDED)
    hook.deployment_changed(view(ENDED))

    assert ended(metrics, "user") == 2


def test_steps_are_counted_and_a_failing_one_is_said_once(hook, metrics):
    with capture_logs() as lines:
        for _ in range(3):
            hook.step_failed("dep-1", Unavailable("vastai", "502"))
        hook.stepped("dep-1", seconds=0.5)

    assert metrics.registry.get_sample_value("aurora_reconciler_steps_total", {"outcome": "failed"}) == 3
    assert metrics.registry.get_sample_value("aurora_reconciler_steps_total", {"outcome": "ok"}) == 1
    assert [line["event"] for line in lines] == ["failing", "recovered"]


def test_orphans_are_counted_when_found_and_by_what_became_of_them(hook, metrics):
    with capture_logs() as lines:
        hook.orphan_found(Orphan())
        hook.orphan_killed(Orphan())
        hook.orphan_gone(Orphan(external_id="i-2"))

    assert metrics.registry.get_sample_value("aurora_orphans_found_total", {"provider": "vastai"}) == 1
    for action in ("killed", "gone"):
        labels = {"provider": "vastai", "action": action}
        assert metrics.registry.get_sample_value("aurora_orphans_resolved_total", labels) == 1
    assert [line["event"] for line in lines] == ["orphan_found", "orphan_killed", "orphan_gone"]


def test_launch_outcomes_are_counted_by_kind(hook, metrics):
    hook.outcome(Outcome(kind="fail_fast"))

    labels = {"provider": "vastai", "kind": "fail_fast"}
    assert metrics.registry.get_sample_value("aurora_launch_outcomes_total", labels) == 1


def test_failing_passes_and_sweeps_are_said_once_and_their_recovery_too(hook):
    with capture_logs() as lines:
        for _ in range(2):
            hook.pass_failed(ConnectionError("away"))
            hook.sweep_failed("vastai", Unavailable("vastai", "502"))
            hook.kill_braked(Orphan(), "too many")
        hook.pass_recovered()
        hook.swept("vastai", ours=1)

    assert [(line["event"], line["what"]) for line in lines] == [
        ("failing", "reconciler"),
        ("failing", "sweep vastai"),
        ("failing", "orphan kills vastai"),
        ("recovered", "reconciler"),
        ("recovered", "sweep vastai"),
    ]


class Enough(Exception):
    pass


class LateClock(FakeClock):
    """Wakes everybody `late` seconds after their time."""

    late = 0.25

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds + self.late)


async def test_the_loops_lag_is_how_late_it_wakes():
    lags = []

    def tell(seconds: float) -> None:
        lags.append(seconds)
        if len(lags) == 3:
            raise Enough

    with pytest.raises(Enough):
        await watch_loop(LateClock(), tell)

    assert lags == pytest.approx([0.25] * 3)
