"""Who is told what: commits, decisions and syncs reach memory, metrics and those who wait."""

from collections.abc import Callable, Iterable, Mapping

from aurora.db.repositories.holds import Hold
from aurora.domain.records import Attempt, DeploymentView, RouteAnswer, SyncReport
from aurora.domain.request import ComputeRequest
from aurora.lifecycle.work import Outcome
from aurora.routing.decision import Decision
from aurora.services.capacity import CapacityOverlay
from aurora.services.reputation import Reputation
from aurora.services.telemetry_source import TelemetrySource
from aurora.services.waiters import Waiters
from aurora.telemetry.lifecycle import LifecycleHook
from aurora.telemetry.metrics import Metrics
from aurora.telemetry.tracing import Tracer, Value


class CommitWatcher:
    """Told after each of the reconciler's commits."""

    def __init__(
        self,
        overlay: CapacityOverlay,
        waiters: Waiters,
        *,
        reputation: Reputation,
        hook: LifecycleHook,
        performance: TelemetrySource,
        tell: Callable[[DeploymentView], None] = lambda _view: None,
    ) -> None:
        """`tell`: the other replicas, where somebody may wait."""
        self._tell = tell
        self._performance = performance
        self._overlay = overlay
        self._waiters = waiters
        self._reputation = reputation
        self._hook = hook

    def deployment_changed(self, view: DeploymentView) -> None:
        for attempt in view.attempts:
            if attempt.ended_at is not None:
                self._overlay.release(attempt.deployment_id, attempt.number)
            elif attempt.launched_at is not None:
                self._overlay.launched(attempt.deployment_id, attempt.number, attempt.launched_at)
        self._waiters.changed(view)
        self._tell(view)
        self._hook.deployment_changed(view)

    def outcome(self, outcome: Outcome) -> None:
        self._reputation.observe(outcome.provider, outcome.host, kind=outcome.kind)
        self._performance.observe(
            outcome.provider, outcome.kind, latency_ms=outcome.latency_ms, ttr_s=outcome.ttr_s
        )
        self._hook.outcome(outcome)

    def held(self, hold: Hold) -> None:
        self._overlay.take(hold)

    def learned(self, unknown: Iterable[Hold]) -> None:
        self._overlay.learn(unknown)

    def dropped(self, attempt: Attempt) -> None:
        self._overlay.release(attempt.deployment_id, attempt.number)


class RouteWatch:
    """Told about every decision and answer of `POST /route`."""

    def __init__(self, metrics: Metrics, *, mode: str, tracer: Tracer) -> None:
        self._metrics = metrics
        self._tracer = tracer
        self._mode = mode
        self._note: Callable[[str], None] = lambda _family: None

    def listen_with(self, note: Callable[[str], None]) -> None:
        """Requests for a GPU make its part of the catalogue fresh first."""
        self._note = note

    def asked(self, request: ComputeRequest) -> None:
        self._note(request.gpu.family)

    def decided(self, decision: Decision, *, seconds: float) -> None:
        chosen = decision.chosen
        self._metrics.routed(
            None if chosen is None else chosen.fit.offer.provider,
            status="no_capacity" if chosen is None else "provisioning",
            mode=self._mode,
            seconds=seconds,
            reason="no_capacity" if chosen is None else None,
        )
        if self._tracer.enabled:
            told: dict[str, Value] = {
                "aurora.provider": "none" if chosen is None else chosen.fit.offer.provider,
                "aurora.offers": decision.total,
                "aurora.policy": decision.policy,
            }
            self._tracer.past("decide", seconds=seconds, attributes=told)

    def answered(self, answer: RouteAnswer) -> None:
        """The decision was counted when it was made."""


class SyncWatch:
    """Told of every sync run."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.ran: set[str] = set()

    def __call__(self, report: SyncReport) -> None:
        self.ran.add(report.provider)
        self._metrics.synced(report)

    def all_ran(self, providers: Mapping[str, object] | tuple[str, ...]) -> bool:
        """Has every provider been tried at least once?"""
        return self.ran.issuperset(providers)
